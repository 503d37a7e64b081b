//! The scripts of the masters' pods, run by bash with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::KIT;
use tempfile::TempDir;

/// Writes a program.
fn program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The scripts of a master's pod, in a directory of their own.
struct Scripts {
    directory: TempDir,
    values: Value,
}

impl Scripts {
    /// Those for these mounts, each changed for the place where it is.
    async fn new(mounts: Value, change: impl Fn(&Path, &Value, String) -> String) -> Self {
        let values = support::values(&KIT.pair(json!({"mounts": mounts}), json!({}))).unwrap();
        let rendered = KIT.helm().render(&values).await.unwrap();
        let data = rendered.objects.iter().find_map(|object| {
            let data = object.data.get("data")?;
            data.get("mount.script").and(data.as_object())
        });
        let directory = tempfile::tempdir().unwrap();
        for (key, text) in data.unwrap() {
            let text = change(directory.path(), &values, text.as_str().unwrap().to_owned());
            program(&directory.path().join(key.replace(".script", ".sh")), &text);
        }
        Self { directory, values }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a script with a program in Alluxio's place: what it ends with and prints, and what it asked of the program.
    fn run(&self, name: &str, arguments: &[&str], alluxio: &str) -> (i32, String, String) {
        let asked = self.path("asked");
        program(
            &self.path("alluxio"),
            &format!("#!/bin/sh\necho \"$*\" >> {}\n{alluxio}", asked.display()),
        );
        std::fs::write(&asked, "").unwrap();
        let paths = format!("{}:{}", self.directory.path().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.arg(self.path(name))
            .args(arguments)
            .env("PATH", paths)
            .env("TMPDIR", self.directory.path());
        let output = bash.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), printed, std::fs::read_to_string(asked).unwrap())
    }
}

#[tokio::test]
async fn a_master_is_ready_once_alluxio_answers_and_refused_mounts_are_no_obstacle() {
    let sources = json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b"}]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let scripts = Scripts::new(sources, |directory, values, text| {
        let rpc = values.pointer("/master/ports/rpc").unwrap();
        let text = text.replace("/proc/1/fd/1", &directory.join("log").display().to_string());
        text.replace(&format!("/127.0.0.1/{rpc} "), &format!("/127.0.0.1/{port} "))
    })
    .await;
    assert!(scripts.values.pointer("/master/ports/rpc").is_some());
    let run = |name: &str, alluxio: &str| {
        let (code, _, asked) = scripts.run(name, &[], alluxio);
        (code, asked)
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

#[tokio::test]
async fn values_of_secrets_that_changed_reach_mounts_that_are_there() {
    let key = |key: &str| json!({"secretKeyRef": {"name": "keys", "key": key}});
    let options = json!([{"name": "s3a.accessKeyId", "valueFrom": key("id")}, {"name": "s3a.secretKey", "valueFrom": key("secret")}]);
    let sources = json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b", "encryptOptions": options}]);
    let scripts = Scripts::new(sources, |directory, _, text| {
        text.replace("/etc/fluid/secrets", &directory.join("secrets").display().to_string())
    })
    .await;
    let lines = std::fs::read_to_string(scripts.path("mount.info")).unwrap();
    let mounted = "[ $# -ne 2 ] || printf 's3://a  on  /a (s3)\\ns3://b  on  /b (s3)\\n'";
    let arguments = |secret: &str| format!("--option s3a.accessKeyId=me --option s3a.secretKey={secret} /b");
    let rotated = || scripts.run("rotated.sh", &[&lines], "").1;
    let (code, said, asked) = scripts.run("mount.sh", &[], "");
    assert_eq!((code, asked.as_str()), (1, "fs mount\nfs mount /a s3://a\n"), "{said}");
    assert!(said.contains("delete the pod"), "{said}");
    assert_eq!(rotated(), "", "nothing can be done about it");

    std::fs::create_dir_all(scripts.path("secrets/keys")).unwrap();
    std::fs::write(scripts.path("secrets/keys/id"), "me").unwrap();
    std::fs::write(scripts.path("secrets/keys/secret"), "one").unwrap();
    let (code, _, asked) = scripts.run("mount.sh", &[], "");
    let first = format!("fs mount\nfs mount /a s3://a\nfs mount {} s3://b\n", arguments("one"));
    assert_eq!((code, asked), (0, first));
    assert_eq!(rotated(), "");
    assert_eq!(scripts.run("mount.sh", &[], mounted).2, "fs mount\n", "nothing has changed");

    std::fs::write(scripts.path("secrets/keys/secret"), "two").unwrap();
    assert_eq!(rotated(), "/b\n");
    // One that is refused is tried again.
    let update = format!("fs mount\nfs updateMount {}\n", arguments("two"));
    let refused = format!("{mounted}; [ $2 = mount ] || {{ echo 'Access Denied'; exit 1; }}");
    let (code, said, asked) = scripts.run("mount.sh", &[], &refused);
    assert_eq!((code, asked.as_str()), (1, update.as_str()));
    assert!(said.contains("Access Denied"), "{said}");
    assert_eq!(rotated(), "/b\n");
    let (code, _, asked) = scripts.run("mount.sh", &[&lines], mounted);
    assert_eq!((code, asked), (0, update));
    assert_eq!(rotated(), "");
    for entry in std::fs::read_dir(scripts.directory.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("fluid-mount-") {
            let record = std::fs::read_to_string(scripts.path(&name)).unwrap();
            assert!(!record.contains("two") && record.len() > 64, "{record}");
        }
    }
}
