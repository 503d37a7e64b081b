//! The scripts of the masters' pods, run by bash with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::KIT;

/// Writes a program.
fn program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_master_is_ready_once_alluxio_answers_and_refused_mounts_are_no_obstacle() {
    let sources = json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b"}]);
    let values = support::values(&KIT.pair(json!({"mounts": sources}), json!({}))).unwrap();
    let rendered = KIT.helm().render(&values).await.unwrap();
    let script = |key: &str| {
        let map = rendered
            .objects
            .iter()
            .find(|object| object.data.pointer("/data/mount.script").is_some());
        let text = map.unwrap().data.pointer("/data").unwrap().get(key).unwrap().as_str().unwrap();
        text.to_owned()
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let rpc = values.pointer("/master/ports/rpc").unwrap();
    let ready = script("ready.script").replace("/proc/1/fd/1", &path("log").display().to_string());
    let ready = ready.replace(&format!("/127.0.0.1/{rpc} "), &format!("/127.0.0.1/{port} "));
    program(&path("ready.sh"), &ready);
    program(&path("mount.sh"), &script("mount.script"));
    std::fs::write(path("mount.info"), script("mount.info")).unwrap();
    let run = |name: &str, alluxio: &str| {
        program(
            &path("alluxio"),
            &format!("#!/bin/sh\necho \"$*\" >> {}\n{alluxio}", path("asked").display()),
        );
        std::fs::write(path("asked"), "").unwrap();
        let paths = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash").arg(path(name)).env("PATH", paths).output().unwrap();
        (output.status.code().unwrap(), std::fs::read_to_string(path("asked")).unwrap())
    };

    // It listens, and does not serve yet.
    let (code, _) = run("mount.sh", "echo 'Failed to connect to master'; exit 1");
    assert_eq!(code, 2);
    let (code, asked) = run("ready.sh", "echo 'Failed to connect to master'; exit 1");
    assert_eq!((code, asked.as_str()), (1, "fs mount\n"));
    // One mount is refused.
    let refuses = "[ $# -eq 2 ] || [ $3 != /a ] || { echo 'no such bucket'; exit 1; }";
    let (code, asked) = run("mount.sh", refuses);
    assert_eq!((code, asked.as_str()), (1, "fs mount\nfs mount /a s3://a\nfs mount /b s3://b\n"));
    assert_eq!(run("ready.sh", refuses).0, 0);
    // All is well.
    assert_eq!(run("mount.sh", "true").0, 0);
    assert_eq!(run("ready.sh", "true").0, 0);
    drop(listener);
    assert_eq!(run("ready.sh", "true"), (1, String::new()));
}
