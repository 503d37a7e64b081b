//! The scripts of the masters' pods, run by bash with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::net::TcpListener;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use support::scripts::{asked, master};
use wasser_testkit::scripts::{Sandbox, Script};

const MOUNT: &str = "/etc/fluid/scripts/mount.sh";
const READY: &str = "/etc/fluid/scripts/ready.sh";

fn values(mounts: Value) -> Value {
    support::values(&KIT.pair(json!({"mounts": mounts}), json!({}))).unwrap()
}

#[tokio::test]
async fn a_master_is_ready_once_alluxio_answers_and_refused_mounts_are_no_obstacle() {
    let values = values(json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b"}]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sandbox = master(&values).await;
    let rpc = values.pointer("/master/ports/rpc").unwrap();
    let ready = sandbox.read(READY);
    let here = ready.replace(&format!("/127.0.0.1/{rpc} "), &format!("/127.0.0.1/{port} "));
    assert_ne!(here, ready);
    // As it is: its paths lead here already.
    std::fs::write(sandbox.path(READY), here).unwrap();
    let run = |script: &str, alluxio: &str| {
        sandbox.program("alluxio", alluxio);
        let ran = sandbox.run_file(script, &[]);
        (ran.code, asked(&ran))
    };

    // It listens, and does not serve yet.
    assert_eq!(run(MOUNT, "echo 'Failed to connect to master'; exit 1").0, 2);
    assert_eq!(
        run(READY, "echo 'Failed to connect to master'; exit 1"),
        (1, vec!["fs mount".to_owned()])
    );
    // One mount is refused.
    let refuses = "[ $# -eq 2 ] || [ $3 != /a ] || { echo 'no such bucket'; exit 1; }";
    let all = ["fs mount", "fs mount /a s3://a", "fs mount /b s3://b"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(run(MOUNT, refuses), (1, all));
    assert_eq!(run(READY, refuses).0, 0);
    // All is well.
    assert_eq!(run(MOUNT, "true").0, 0);
    assert_eq!(run(READY, "true").0, 0);
    drop(listener);
    assert_eq!(run(READY, "true"), (1, vec![]));
}

#[tokio::test]
async fn values_of_secrets_that_changed_reach_mounts_that_are_there() {
    let key = |key: &str| json!({"secretKeyRef": {"name": "keys", "key": key}});
    let options = json!([{"name": "s3a.accessKeyId", "valueFrom": key("id")}, {"name": "s3a.secretKey",
        "valueFrom": key("secret")}]);
    let values = values(
        json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b",
            "encryptOptions": options}]),
    );
    let mut sandbox = master(&values).await;
    let lines = sandbox.read("/etc/fluid/scripts/mount.info");
    let mounted = "[ $# -ne 2 ] || printf 's3://a  on  /a  (s3, capacity=-1B)\\ns3://b  on  /b  (s3, capacity=-1B)\\n'";
    let arguments = |secret: &str| format!("--option s3a.accessKeyId=me --option s3a.secretKey={secret} /b");
    let run = |sandbox: &Sandbox, alluxio: &str| {
        sandbox.program("alluxio", alluxio);
        let ran = sandbox.run_file(MOUNT, &[]);
        (ran.code, asked(&ran), ran.stdout)
    };
    let rotated = |sandbox: &Sandbox| {
        let lines = format!("FLUID_MOUNTS={lines}");
        sandbox
            .exec(&["env", &lines, "bash", "/etc/fluid/scripts/rotated.sh"])
            .stdout
    };
    let (code, calls, said) = run(&sandbox, "");
    assert_eq!(
        (code, calls),
        (1, vec!["fs mount".to_owned(), "fs mount /a s3://a".to_owned()]),
        "{said}"
    );
    assert!(said.contains("delete the pod"), "{said}");
    assert_eq!(rotated(&sandbox), "", "nothing can be done about it");

    sandbox.file("/etc/fluid/secrets/keys/id", "me");
    sandbox.file("/etc/fluid/secrets/keys/secret", "one");
    let (code, calls, _) = run(&sandbox, "");
    let first = [
        "fs mount".to_owned(),
        "fs mount /a s3://a".to_owned(),
        format!("fs mount {} s3://b", arguments("one")),
    ];
    assert_eq!((code, calls), (0, first.to_vec()));
    assert_eq!(rotated(&sandbox), "");
    assert_eq!(run(&sandbox, mounted).1, ["fs mount"], "nothing has changed");

    sandbox.file("/etc/fluid/secrets/keys/secret", "two");
    assert_eq!(rotated(&sandbox), "/b\n");
    // One that is refused is tried again.
    let update = vec!["fs mount".to_owned(), format!("fs updateMount {}", arguments("two"))];
    let refused = format!("{mounted}; [ $2 = mount ] || {{ echo 'Access Denied'; exit 1; }}");
    let (code, calls, said) = run(&sandbox, &refused);
    assert_eq!((code, &calls), (1, &update));
    assert!(said.contains("Access Denied"), "{said}");
    assert_eq!(rotated(&sandbox), "/b\n");
    // What the plugin says counts, whatever the file has.
    sandbox.file("/etc/fluid/scripts/mount.info", "");
    sandbox.set("FLUID_MOUNTS", lines.trim_end());
    let (code, calls, _) = run(&sandbox, mounted);
    assert_eq!((code, calls), (0, update));
    assert_eq!(rotated(&sandbox), "");
    let mut records = 0;
    for entry in std::fs::read_dir(sandbox.path("/").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("fluid-mount-") {
            let record = std::fs::read_to_string(&path).unwrap();
            assert!(!record.contains("two") && record.len() > 64, "{record}");
            records += 1;
        }
    }
    assert_eq!(records, 1);
}

#[tokio::test]
async fn what_is_not_wanted_is_unmounted_children_first_and_what_changed_is_mounted_again() {
    let wanted = json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://c", "path": "/c (copy)"}]);
    let mut sandbox = master(&values(wanted)).await;
    let line = |path: &str| format!("s3://x  on  {path}  (s3, capacity=-1B, used=-1B, not read-only, properties={{}})");
    let table = ["/", "/a", "/c (copy)", "/old", "/old/deep one"].map(line).join("\n");
    sandbox.program("alluxio", &format!("[ $# -ne 2 ] || cat <<'END'\n{table}\nEND"));
    sandbox.set("FLUID_UNMOUNT", "/a");
    let ran = sandbox.run_file(MOUNT, &[]);
    let expected = [
        "fs mount",
        "fs unmount /old/deep one",
        "fs unmount /old",
        "fs unmount /a",
        "fs mount /a s3://a",
    ];
    assert_eq!((ran.code, asked(&ran)), (0, expected.map(str::to_owned).to_vec()));
    // One that cannot be unmounted is not mounted over.
    sandbox.program(
        "alluxio",
        &format!("[ $2 != unmount ] || exit 1\n[ $# -ne 2 ] || cat <<'END'\n{table}\nEND"),
    );
    let ran = sandbox.run_file(MOUNT, &[]);
    assert_eq!(
        (ran.code, asked(&ran)),
        (1, expected[..4].iter().map(|call| (*call).to_owned()).collect())
    );
}

#[tokio::test]
async fn nothing_is_unmounted_by_lines_that_cannot_be_read() {
    let mut sandbox = master(&values(json!([{"mountPoint": "s3://a", "name": "a"}]))).await;
    sandbox.program("alluxio", "[ $# -ne 2 ] || echo 's3://x  on  /x  (s3, capacity=-1B)'");
    for lines in ["/a s3://a 'open", "/a $(x)", "/x\\ s3://x"] {
        sandbox.set("FLUID_MOUNTS", lines);
        let ran = sandbox.run_file(MOUNT, &[]);
        assert_eq!((ran.code, asked(&ran)), (1, vec!["fs mount".to_owned()]));
        assert!(ran.stdout.starts_with("cannot read the line "), "{ran:?}");
    }
}

/// Returns the script of a container, with its arguments.
async fn command(mounts: Value, container: &str) -> Script {
    let rendered = KIT.helm().render(&values(mounts)).await.unwrap();
    let scripts = Script::all(&rendered).into_iter();
    let mut found = scripts.filter(|script| script.arguments.first().is_some_and(|name| name == container));
    found.next().unwrap()
}

/// A journal is formatted where there is none, and only there.
#[rstest]
#[case::not_made_yet(false, &[], &["formatJournal"])]
#[case::new(true, &[], &["formatJournal"])]
#[case::file_system_of_its_own(true, &["lost+found/x"], &["formatJournal"])]
#[case::there(true, &["FileSystemMaster/v1/_format_1"], &[])]
#[case::hidden(true, &[".x"], &[])]
#[tokio::test]
async fn a_journal_that_is_there_is_kept(#[case] made: bool, #[case] files: &[&str], #[case] expected: &[&str]) {
    let mut script = command(json!([{"mountPoint": "s3://a", "name": "a"}]), "journal-format").await;
    let sandbox = Sandbox::new(&[]);
    sandbox.program("alluxio", "");
    assert_eq!(script.arguments[1..], ["/journal"]);
    script.arguments[1] = sandbox.path("journal").display().to_string();
    if made {
        std::fs::create_dir_all(sandbox.path("journal")).unwrap();
        files
            .iter()
            .for_each(|file| sandbox.file(&format!("journal/{file}"), ""));
    }
    let ran = sandbox.run(&script, &["bash"], &[]);
    assert_eq!(
        (ran.code, asked(&ran)),
        (0, expected.iter().map(|call| (*call).to_owned()).collect())
    );
}

#[tokio::test]
async fn a_journal_that_cannot_be_looked_at_is_not_formatted() {
    let mut script = command(json!([{"mountPoint": "s3://a", "name": "a"}]), "journal-format").await;
    let sandbox = Sandbox::new(&[]);
    sandbox.program("alluxio", "");
    sandbox.program("ls", "echo 'Input/output error' >&2; exit 2");
    script.arguments[1] = sandbox.path("").display().to_string();
    let ran = sandbox.run(&script, &["bash"], &[]);
    assert!(ran.code != 0 && asked(&ran).is_empty(), "{ran:?}");
}

#[tokio::test]
async fn a_directory_that_a_claim_does_not_have_is_named() {
    let mounts = json!([
        {"mountPoint": "pvc://whole", "name": "whole"}, {"mountPoint": "pvc://files/a b/c", "name": "x"},
            {"mountPoint": "pvc://more/d", "name": "y"},
    ]);
    let mut script = command(mounts, "check-claims").await;
    assert_eq!(
        script.arguments[1..],
        ["files", "a b/c", "/claims/ufs-1/a b/c", "more", "d", "/claims/ufs-2/d"]
    );
    let sandbox = Sandbox::new(&["/dev/termination-log"]);
    sandbox.file("/dev/termination-log", "");
    for at in [3_usize, 6] {
        script.arguments[at] = sandbox.path(&script.arguments[at]).display().to_string();
    }
    sandbox.file("/claims/ufs-1/a b/c/file", "");
    let ran = sandbox.run(&script, &["bash"], &[]);
    let reported = "the claim more has no directory d; make it, or correct the mount\n";
    assert_eq!(
        (
            ran.code,
            ran.stderr.as_str(),
            sandbox.read("/dev/termination-log").as_str()
        ),
        (1, reported, reported)
    );
    sandbox.file("/claims/ufs-2/d/file", "");
    assert_eq!(sandbox.run(&script, &["bash"], &[]).code, 0);
}
