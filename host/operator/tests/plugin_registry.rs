//! `wasser plugin push`, `pull` and `install` with a registry.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::process::{Command, Output};

use wasser_pack::oci::layout;
use wasser_test_registry::{TestRegistry, demo as artifact};

/// Runs `wasser plugin` as a user whose configuration of Docker is in this directory.
fn wasser(arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasser"));
    let command = command.arg("plugin").args(arguments).env("DOCKER_CONFIG", home);
    command.env_remove("WASSER_REGISTRY_PASSWORD").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_goes_into_a_registry_and_comes_out_as_it_was() {
    let registry = TestRegistry::start().await;
    registry.require("me", "secret");
    let directory = tempfile::tempdir().unwrap();
    let (home, file) = (directory.path(), directory.path().join("demo.oci.tar"));
    std::fs::write(&file, layout::to_tar(&artifact(b"chart")).unwrap()).unwrap();
    let (file, tagged) = (file.to_str().unwrap(), format!("{}/me/demo:0.1.0", registry.host()));

    let refused = wasser(&["push", file, &tagged, "--plain-http"], home);
    let says = text(&refused.stderr);
    assert!(!refused.status.success() && says.contains("docker login"), "{says}");
    assert!(registry.tags("me/demo").is_empty());

    let auths = format!(
        "{{\"auths\": {{\"{}\": {{\"auth\": \"bWU6c2VjcmV0\"}}}}}}",
        registry.host()
    );
    std::fs::write(home.join("config.json"), auths).unwrap();
    let pushed = wasser(&["push", file, &tagged, "--plain-http"], home);
    let pinned = format!("{tagged}@{}", artifact(b"chart").digest());
    assert_eq!(text(&pushed.stdout), format!("{pinned}\n"), "{}", text(&pushed.stderr));

    let out = directory.path().join("out");
    let pulled = wasser(&["pull", &tagged, "--plain-http", "-o", out.to_str().unwrap()], home);
    let pulled_file = out.join("demo.oci.tar");
    assert_eq!(
        text(&pulled.stdout),
        format!("{}\n{pinned}\n", pulled_file.display()),
        "{}",
        text(&pulled.stderr)
    );
    assert_eq!(std::fs::read(&pulled_file).unwrap(), std::fs::read(file).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_pushed_says_what_can() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("demo.yaml");
    std::fs::write(&file, "kind: ConfigMap\n").unwrap();
    let refused = wasser(
        &["push", file.to_str().unwrap(), "example.com/demo:1"],
        directory.path(),
    );
    let says = text(&refused.stderr);
    assert!(says.contains("is not an artifact; give the file `.oci.tar`"), "{says}");
    let refused = wasser(&["push", file.to_str().unwrap(), "demo"], directory.path());
    let says = text(&refused.stderr);
    assert!(says.contains("write REGISTRY/REPOSITORY:TAG"), "{says}");
    let refused = wasser(&["pull", "example.com/demo:1", "--username", "me"], directory.path());
    let says = text(&refused.stderr);
    assert!(says.contains("has no password: set WASSER_REGISTRY_PASSWORD"), "{says}");
}

/// A cluster that nobody answers for.
const NOWHERE: &str = "apiVersion: v1
kind: Config
clusters: [{name: nowhere, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {}}]
current-context: nowhere
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_an_artifact_is_told_before_the_cluster_is_asked() {
    let registry = TestRegistry::start().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let (kubeconfig, file, cache) = (home.join("kubeconfig"), home.join("demo.oci.tar"), home.join("cache"));
    std::fs::write(&kubeconfig, NOWHERE).unwrap();
    std::fs::write(&file, layout::to_tar(&artifact(b"chart")).unwrap()).unwrap();
    let tagged = format!("{}/me/demo:1", registry.host());
    let pushed = wasser(&["push", file.to_str().unwrap(), &tagged, "--plain-http"], home);
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));

    let common = [
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--cache-dir",
        cache.to_str().unwrap(),
    ];
    let install = |reference: &str, more: &[&str]| {
        let first = ["install", reference, "--plain-http"];
        let output = wasser(&[&first, &common[..], more].concat(), home);
        (output.status.code(), text(&output.stderr))
    };
    let (code, says) = install(&tagged, &["--yes"]);
    assert_eq!(code, Some(1), "{says}");
    assert!(says.contains(&tagged) && says.contains("nothing was changed"), "{says}");

    let gone = format!("{}/me/demo:2", registry.host());
    let (code, says) = install(&gone, &["--yes"]);
    assert!(code == Some(1) && says.contains("does not have it"), "{says}");
    let (code, says) = install(&tagged, &["--yes", "--grant", "fuse"]);
    assert!(code == Some(2) && says.contains("cannot be used with"), "{says}");
    let (code, says) = install(&tagged, &["--grant", "fly"]);
    assert!(
        code == Some(2) && says.contains("there is no capability `fly`"),
        "{says}"
    );
    let listed = wasser(&[&["list"], &common[..2]].concat(), home);
    let says = text(&listed.stderr);
    assert!(
        listed.status.code() == Some(1) && says.contains("listing the registrations of plugins"),
        "{says}"
    );
}
