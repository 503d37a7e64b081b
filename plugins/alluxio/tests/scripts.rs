//! The scripts of the masters' init containers, run by bash with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use support::scripts::asked;
use wasser_testkit::scripts::{Sandbox, Script};

fn values(mounts: Value) -> Value {
    support::values(&KIT.pair(json!({"mounts": mounts}), json!({}))).unwrap()
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
