//! The scripts of the clients' pods, run by real shells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::path::Path;

use serde_json::json;
use support::KIT;
use wasser_testkit::scripts::{HOSTILE, Sandbox, Script};

const FROM: &str = "/etc/vineyard/rpc-conf/VINEYARD_RPC_ENDPOINT";
const DIRECTORY: &str = "/clients";

/// Returns the script that copies, and the one that is run before a client ends.
async fn scripts() -> [Script; 2] {
    let helm = KIT.helm();
    let rendered = helm
        .render(&support::values(&support::pair(json!({}))).unwrap())
        .await
        .unwrap();
    let mut scripts = Script::all(&rendered);
    scripts.sort_by_key(|script| script.place.contains("lifecycle"));
    scripts.try_into().unwrap()
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new(&["/etc/vineyard"]);
    sandbox.set("FUSE_DIR", sandbox.path(DIRECTORY).display().to_string());
    sandbox.set("PRESTOP_MARKER", sandbox.path("/marker").display().to_string());
    sandbox
}

#[tokio::test]
async fn addresses_are_where_pods_look_for_them_and_follow_the_workers() {
    let [copy, _] = scripts().await;
    // While the script sleeps the first time, workers come; the second time, the kubelet ends it.
    let sleep = |from: &str| {
        format!(
            "there=$FUSE_DIR/rpc-conf/VINEYARD_RPC_ENDPOINT\n\
             if [ -f \"$FUSE_DIR/first\" ]; then cp \"$there\" \"$FUSE_DIR/second\"; kill $PPID; exit; fi\n\
             cp \"$there\" \"$FUSE_DIR/first\"; printf %s a:1,b:2 >'{from}'"
        )
    };
    // Busybox does not look for a program that it has itself.
    for shell in copy.shells.iter().filter(|shell| shell[0] != "busybox") {
        for addresses in ["", "demo-worker-0.demo-worker.default:9600"].iter().chain(HOSTILE) {
            let sandbox = sandbox();
            sandbox.program("sleep", &sleep(&sandbox.path(FROM).display().to_string()));
            sandbox.file(FROM, addresses);
            let ran = sandbox.run(&copy, shell, &[]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell:?}: {ran:?}");
            // A file ends with its last address.
            assert_eq!(
                sandbox.read("/clients/first"),
                addresses.trim_end_matches('\n'),
                "{shell:?}"
            );
            assert_eq!(sandbox.read("/clients/second"), "a:1,b:2", "{shell:?}");
            let left = std::fs::read_dir(sandbox.path("/clients/rpc-conf")).unwrap().count();
            assert_eq!(left, 0, "nothing that would soon be wrong is left");
        }
    }
}

#[tokio::test]
async fn a_client_that_ends_leaves_nothing_that_would_soon_be_wrong() {
    let [_, stop] = scripts().await;
    for shell in &stop.shells {
        let sandbox = sandbox();
        let files = ["vineyard-worker.sock", "vineyard-local.sock", "vineyard-config.yaml"];
        for file in files {
            sandbox.file(&format!("{DIRECTORY}/{file}"), "x");
        }
        for look in ["first", "again"] {
            let ran = sandbox.run(&stop, shell, &[]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{look}");
        }
        let there = |path: &Path| path.exists();
        assert!(there(&sandbox.path("/marker")), "which ends the client's loop");
        assert!(
            files
                .iter()
                .all(|file| !there(&sandbox.path(&format!("{DIRECTORY}/{file}"))))
        );
        assert!(there(&sandbox.path(DIRECTORY)), "pods have the directory itself");
    }
}
