//! What data operations run, and their scripts with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_sdk::testing::{FakeHost, ok};
use wasser_sdk::{Error, Result};
use wasser_testkit::operations::PlannedPod;
use wasser_testkit::scripts::{HOSTILE, Sandbox};

fn plan(documents: &[Value]) -> Result<Value> {
    KIT.plan(documents, &FakeHost::new().pod_on("master", "hbase-master-0", "node-a"))
}

/// An operation of this kind and spec.
fn with(kind: &str, spec: &Value) -> Vec<Value> {
    KIT.operation_with("load", kind, spec)
}

#[test]
fn the_examples_of_the_guide_have_plans() {
    KIT.expect_guide(&["DataLoad", "DataBackup"], |kind, spec| plan(&with(kind, spec)));
}

#[test]
fn plans_are_as_expected() {
    KIT.expect_plans(&["client.sh", "backup.sh", "dataloader.distributedLoad"], plan);
}

#[rstest]
#[case::upwards("DataBackup", json!({"dataset": "hbase", "backupPath": "pvc://claim/../x"}), "DataBackup.spec.backupPath: contains `..`")]
#[case::unnamed("DataBackup", json!({"dataset": "hbase", "backupPath": "pvc:///x"}), "DataBackup.spec.backupPath: names no claim")]
#[case::owner("DataBackup", json!({"dataset": "hbase", "backupPath": "pvc://c", "runAs": {"uid": -1, "gid": 0, "user": "a", "group": "b"}}),
    "DataBackup.spec.runAs.uid: -1 is not")]
#[case::path("DataLoad", json!({"dataset": {"name": "hbase"}, "target": [{"path": "/a/../b"}]}), "DataLoad.spec.target[0].path: ")]
#[case::replicas("DataLoad", json!({"dataset": {"name": "hbase"}, "target": [{"path": "/a", "replicas": 0}]}),
    "DataLoad.spec.target[0].replicas: is less than 1")]
fn what_cannot_work_is_refused_with_its_field(#[case] kind: &str, #[case] spec: Value, #[case] words: &str) {
    let refused = plan(&with(kind, &spec)).unwrap_err();
    assert!(
        matches!(refused, Error::InvalidSpec { .. }) && refused.to_string().starts_with(words),
        "{refused}"
    );
}

#[test]
fn a_backup_is_made_where_the_leader_of_the_masters_is() {
    let host = |leader: &'static str| {
        FakeHost::new()
            .pod_on("master", "hbase-master-0", "node-a")
            .pod_on("master", "hbase-master-1", "node-b")
            .pod_on("master", "hbase-master-2", "node-c")
            .on_exec(move |_, argv| {
                assert_eq!(argv, ["alluxio", "fs", "leader"]);
                ok(leader)
            })
    };
    let documents = KIT.operation("backup-claim");
    for leader in [
        "hbase-master-1",
        "hbase-master-1.default\n",
        "This is the current leader: hbase-master-1",
    ] {
        assert_eq!(KIT.plan(&documents, &host(leader)).unwrap()["nodes"], json!(["node-b"]));
    }
    let none = KIT.plan(&documents, &host("Failed to get the leader"));
    assert!(matches!(none, Err(Error::RetryAfter { .. })), "{none:?}");
    assert!(matches!(
        plan(&with("DataMigrate", &json!({}))),
        Err(Error::NotSupported)
    ));
}

const ROOTS: &[&str] = &[
    "/fluid-scripts/",
    "/dev/termination-log",
    "/alluxio_backups",
    "/pvc",
    "/host",
];

/// The pod of a plan, in which Alluxio does what `alluxio` says.
fn pod_of(plan: &Value, alluxio: &str) -> PlannedPod {
    let mut sandbox = Sandbox::new(ROOTS);
    let options = sandbox.path("/options").display().to_string();
    sandbox.program(
        "alluxio",
        &format!("echo \"$ALLUXIO_JAVA_OPTS\" > '{options}'\n{alluxio}"),
    );
    sandbox.file("/options", "");
    fs::create_dir_all(sandbox.path("/alluxio_backups")).unwrap();
    // The test runs as whoever it is.
    sandbox.program("chown", "");
    sandbox.set(
        "ALLUXIO_JAVA_OPTS",
        "-Da=b -Dalluxio.user.hostname=${ALLUXIO_CLIENT_HOSTNAME} -Dc=d",
    );
    PlannedPod::of(plan, sandbox, |_| "10.0.0.9".to_owned())
}

#[test]
fn a_load_hands_over_paths_as_they_are_and_names_the_one_that_is_missing() {
    for text in HOSTILE {
        let spec = json!({"dataset": {"name": "hbase"}, "loadMetadata": true, "target": [{"path": format!("/p{text}"), "replicas": 3}]});
        let Ok(plan) = plan(&with("DataLoad", &spec)) else {
            continue;
        };
        let path = format!("/p{}", text.trim_end_matches('/'));
        let pod = pod_of(
            &plan,
            "[ $2 != distributedLoad ] || echo 'Completed command count is 2,Failed count is 0.'",
        );
        let ran = pod.run(&["bash"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let calls: Vec<Vec<String>> = ran.of("alluxio");
        assert_eq!(
            calls,
            [
                vec!["fs", "stat", &path],
                vec!["fs", "ls", "-R", &path],
                vec!["fs", "setReplication", "--max", "3", "-R", &path],
                vec!["fs", "distributedLoad", "--replication", "3", &path],
            ]
        );
        let missing = pod_of(&plan, "echo \"$3 does not exist.\"; exit 1");
        let ran = missing.run(&["bash"]);
        assert_eq!((ran.code, ran.of("alluxio").len()), (64, 1), "{ran:?}");
        assert!(
            missing.last_words().ends_with("does not exist in the dataset"),
            "{}",
            missing.last_words()
        );
    }
}

#[test]
fn a_load_says_of_how_many_files_it_was_told() {
    let plan = plan(&KIT.operation("load")).unwrap();
    let mut pod = pod_of(
        &plan,
        "[ $2 != distributedLoad ] || echo \"Successfully loaded path $5/a\nSuccessfully loaded path $5/b\nthe end\"",
    );
    pod.sandbox.set("PROGRESS_EVERY", "0");
    let ran = pod.run(&["bash"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let said: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with("progress "))
        .collect();
    let paths = ran
        .of("alluxio")
        .iter()
        .filter(|call| call[1] == "distributedLoad")
        .count();
    assert_eq!(
        said[..3],
        ["progress files=1", "progress files=2", "progress files=2"],
        "{ran:?}"
    );
    assert_eq!(
        said.last().unwrap(),
        &format!("progress files={}", 2 * paths),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("Successfully loaded path /data/a/b\n"), "{ran:?}");
}

/// What Alluxio 2.9.4 does, whose command is another. The state of a load is in `/host/state`.
const KEPT: &str = r#"case "$2 $4" in
"distributedLoad "*) echo 'distributedLoad is an unknown command.'; echo 'Usage: alluxio fs [generic options]'; exit 255 ;;
"load --submit") echo "Load '$3' is successfully submitted. JobId: 182ab839" ;;
"load --progress") read -r state < "$STATE"; echo SUCCEEDED > "$STATE"
  echo "Progress for loading path '$3':"
  echo '{"mVerbose":false,"mJobState":"'"$state"'","mProcessedFileCount":2,"mLoadedByteCount":3145728,"mTotalByteCount":3145728,"mFailedFileCount":0}' ;;
esac"#;

#[test]
fn a_load_that_the_masters_keep_is_followed_to_its_end() {
    let plan = plan(&KIT.operation("load")).unwrap();
    let run = |state: &str| {
        let mut pod = pod_of(&plan, KEPT);
        pod.sandbox.file("/host/state", &format!("{state}\n"));
        let state = pod.sandbox.path("/host/state").display().to_string();
        pod.sandbox.set("STATE", state);
        pod.sandbox.set("PROGRESS_EVERY", "0");
        let ran = pod.run(&["bash"]);
        (ran, pod)
    };
    let (ran, pod) = run("RUNNING");
    assert_eq!(ran.code, 0, "{ran:?}");
    let commands: Vec<Vec<String>> = ran.of("alluxio");
    let tries = commands.iter().filter(|call| call[1] == "distributedLoad").count();
    assert_eq!(tries, 1, "what is not there is not tried again");
    assert!(
        ran.stdout.contains("progress files=2 bytes=3145728\n") && !ran.stdout.contains("Usage"),
        "{ran:?}"
    );
    let paths = commands
        .iter()
        .filter(|call| call[2..].iter().any(|word| word == "--submit"))
        .count();
    assert_eq!(pod.last_words(), format!("files={}", 2 * paths));
    for state in ["FAILED", "STOPPED", "?"] {
        let (ran, pod) = run(state);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            pod.last_words().starts_with("loading /data/a ended as "),
            "{}",
            pod.last_words()
        );
    }
}

#[test]
fn a_load_whose_jobs_fail_is_not_complete() {
    let plan = plan(&KIT.operation("load")).unwrap();
    let pod = pod_of(
        &plan,
        "[ $2 != distributedLoad ] || echo 'Completed command count is 2,Failed count is 1.'",
    );
    assert_eq!(pod.run(&["bash"]).code, 1);
    assert!(
        pod.last_words()
            .contains("/data/a failed: Completed command count is 2"),
        "{}",
        pod.last_words()
    );
    let pod = pod_of(
        &plan,
        "echo 'Failed to connect to master'; echo '2026-11-29T07:29:04,075 INFO  NettyUtils - EPOLL is not available'; exit 1",
    );
    assert_eq!(pod.run(&["bash"]).code, 1);
    assert_eq!(pod.last_words(), "alluxio fs stat /data/a: Failed to connect to master");
    let options = pod.sandbox.read("/options");
    assert_eq!(options.trim(), "-Da=b -Dalluxio.user.hostname=10.0.0.9 -Dc=d");
}

/// What Alluxio does for a backup, whose file is in the directory $3.
const ALLUXIO: &str = "case $2 in
backup) echo metadata > \"$3/alluxio-backup-2026-01-01-7.gz\" && : > \"$3/alluxio-backup-2026-01-01-7.gz.complete\" &&
  echo \"Successfully backed up journal to file://$3/alluxio-backup-2026-01-01-7.gz on master m\" ;;
count) printf 'File Count               Folder Count             Folder Size    \\n6                        3                        2548576        \\n' ;;
esac";

#[test]
fn a_backup_is_where_a_master_that_starts_from_it_looks() {
    for (name, at) in [("backup-claim", "/pvc/of $(A)/hbase"), ("backup-node", "/host")] {
        let plan = plan(&KIT.operation(name)).unwrap();
        let pod = pod_of(&plan, ALLUXIO);
        // What a run that was killed has left.
        pod.sandbox
            .file("/alluxio_backups/alluxio-backup-2025-12-31-6.gz", "old");
        let ran = pod.run(&["bash"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(
            pod.sandbox.read(&format!("{at}/metadata-backup-hbase-default.gz")),
            "metadata\n"
        );
        let sizes = pod.sandbox.read(&format!("{at}/hbase-default.yaml"));
        assert_eq!(
            sizes,
            "dataset: hbase\nnamespace: default\nufstotal: 2548576\nfilenum: 6\n"
        );
        let left = |path: &str| fs::read_dir(pod.sandbox.path(path)).unwrap().count();
        assert_eq!((left(at), left("/alluxio_backups")), (2, 0));
        assert_eq!(pod.last_words(), "files=6");
        let commands: Vec<String> = ran.of("alluxio").into_iter().map(|call| call[1].clone()).collect();
        assert_eq!(
            commands,
            ["count", "backup"],
            "what is counted is known to the master, and saved"
        );
    }
    let plan = plan(&KIT.operation("backup-node")).unwrap();
    let ran = pod_of(&plan, ALLUXIO).run(&["bash"]);
    let owners: Vec<String> = ran.of("chown").into_iter().map(|call| call[1].clone()).collect();
    assert_eq!(owners, ["1201:1202", "7:8"]);
}

#[test]
fn a_backup_that_is_elsewhere_or_fails_leaves_the_last_one_as_it_was() {
    let plan = plan(&KIT.operation("backup-claim")).unwrap();
    let elsewhere = ALLUXIO.replace("> \"$3/alluxio", "> \"/dev/null\" # $3/alluxio");
    let refused = format!("[ $2 != backup ] || {{ echo 'Permission denied: root'; exit 1; }}\n{ALLUXIO}");
    for (alluxio, words) in [
        (elsewhere, "not on this node"),
        (refused, "alluxio fsadmin backup: Permission denied: root"),
        ("echo 'no master'; exit 1".to_owned(), "alluxio fs count: no master"),
    ] {
        let pod = pod_of(&plan, &alluxio);
        pod.sandbox
            .file("/pvc/of $(A)/hbase/metadata-backup-hbase-default.gz", "before");
        let ran = pod.run(&["bash"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(pod.last_words().contains(words), "{}", pod.last_words());
        assert_eq!(
            pod.sandbox.read("/pvc/of $(A)/hbase/metadata-backup-hbase-default.gz"),
            "before"
        );
    }
}
