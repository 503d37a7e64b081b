//! Two clients of one dataset on a node, as there are when a fuse pod is deleted by force: the
//! later one waits until the earlier one has ended, which unmounts what it finds at their path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::json;

/// A program in place of the client: it says that it runs, and runs until it is killed.
const CLIENT: &str = "echo $$ >> clients; exec sleep 1000";
/// A program in place of `flock`: it says that it was called.
const FLOCK: &str = "#!/bin/sh\necho asked >> locks\nexec /usr/bin/flock \"$@\"\n";

/// A script that runs, with everything that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the lines of a file, once it has this many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{}: {lines:?}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_client_waits_until_the_one_before_it_has_ended() {
    use std::os::unix::fs::PermissionsExt;
    let values = support::values(&support::pair(json!({}), json!({}), json!({}))).unwrap();
    let rendered = support::KIT.helm().render(&values).await.unwrap();
    let name = Some("demo-fuse-script".to_owned());
    let map = rendered
        .objects
        .iter()
        .find(|object| object.metadata.name == name)
        .unwrap();
    let script = map.data["data"]["script.sh"].as_str().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut found = 0;
    let lines_of = |line: &str| {
        if line.starts_with("exec 9< ") {
            found += 1;
            "exec 9< .".to_owned()
        } else if line.starts_with("exec /bin/mount.juicefs ") {
            found += 1;
            CLIENT.to_owned()
        } else if line
            .trim_start()
            .starts_with("timeout -s KILL 120 /usr/local/bin/juicefs ")
        {
            ":".to_owned()
        } else {
            line.to_owned()
        }
    };
    let changed: Vec<String> = script.lines().map(lines_of).collect();
    assert_eq!(found, 2, "{script}");
    std::fs::write(path("script.sh"), changed.join("\n")).unwrap();
    std::fs::write(path("flock"), FLOCK).unwrap();
    std::fs::set_permissions(path("flock"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let paths = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let start = || {
        let mut shell = Command::new("sh");
        shell.arg("script.sh").current_dir(directory.path()).env("PATH", &paths);
        Running(shell.spawn().unwrap())
    };

    let first = start();
    assert_eq!(lines(&path("clients"), 1).len(), 1);
    let second = start();
    lines(&path("locks"), 2);
    assert_eq!(lines(&path("clients"), 1), [first.0.id().to_string()]);
    drop(first);
    let clients = lines(&path("clients"), 2);
    assert_eq!(clients.last(), Some(&second.0.id().to_string()));
}

#[tokio::test]
async fn a_client_shows_its_generation_and_a_sidecar_has_none() {
    let runtime = json!({"fuse": {"cleanPolicy": "OnFuseChanged"}});
    let values = support::values(&support::pair(json!({}), json!({}), runtime)).unwrap();
    let rendered = support::KIT.helm().render(&values).await.unwrap();
    let client = rendered
        .objects
        .iter()
        .find_map(|object| {
            object
                .data
                .pointer("/spec/template/spec/containers/0/lifecycle/postStart")
        })
        .unwrap();
    let command = client["exec"]["command"].as_array().unwrap();
    let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[3], "/runtime-mnt/juicefs/default/demo/.fuse-generation");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("generation");
    // As the kubelet does: the labels of somebody's pod are not those of a client.
    let start = |generation: &str| {
        let mut hook = Command::new(words[0]);
        hook.args(&words[1..3])
            .arg(&file)
            .env("FLUID_FUSE_GENERATION", generation);
        assert!(hook.status().unwrap().success());
        std::fs::read_to_string(&file).ok()
    };
    assert_eq!(start(""), None);
    assert_eq!(start("2").as_deref(), Some("2\n"));
    assert_eq!(start("3").as_deref(), Some("3\n"));
}
