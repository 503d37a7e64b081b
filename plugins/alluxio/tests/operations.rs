//! What data operations run: `operations/<name>.yaml` is what a user has written,
//! `operations/golden/<name>.yaml` the plan. UPDATE=1 writes it. Scripts are in files of their own, and
//! run here with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};
use support::KIT;
use wasser_alluxio::Alluxio;
use wasser_sdk::testing::{FakeHost, ok};
use wasser_sdk::{DataOperation, Error, Operate, Result};
use wasser_testkit::scripts::{HOSTILE, Ran, Sandbox, Script};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operations");

fn plan_by(documents: &[Value], host: &FakeHost) -> Result<Value> {
    let operation = documents.last().unwrap();
    let parsed = DataOperation::parse(operation["kind"].as_str().unwrap(), &operation.to_string())?;
    let plan = Alluxio::data_operation(&KIT.context(documents)?, host, &parsed)?;
    Ok(serde_json::to_value(plan).unwrap())
}

fn plan(documents: &[Value]) -> Result<Value> {
    plan_by(documents, &FakeHost::new().pod_on("master", "hbase-master-0", "node-a"))
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents = yaml_serde::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn case(name: &str) -> Vec<Value> {
    documents(&Path::new(DIRECTORY).join(format!("{name}.yaml")))
}

/// A case with an operation of this kind and spec.
fn with(kind: &str, spec: &Value) -> Vec<Value> {
    let mut documents = case("load");
    documents.pop();
    documents
        .push(json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "op"}, "spec": spec}));
    documents
}

#[test]
fn the_examples_of_the_guide_have_plans() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/data-operations.md")).unwrap();
    let listings = guide
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut planned = 0;
    for text in listings {
        let example: Value = yaml_serde::from_str(text).unwrap();
        let kind = example["kind"].as_str().unwrap_or_default();
        if ["DataLoad", "DataBackup"].contains(&kind) {
            plan(&with(kind, &example["spec"])).unwrap_or_else(|error| panic!("{text}: {error}"));
            planned += 1;
        }
    }
    assert!(planned > 1);
}

#[test]
fn plans_are_as_expected() {
    let paths: Vec<PathBuf> = fs::read_dir(DIRECTORY)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut cases = 0;
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
    {
        let mut plan = plan(&documents(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for script in plan["scripts"].as_object_mut().unwrap().values_mut() {
            *script = json!("a file of its own");
        }
        let text = yaml_serde::to_string(&plan).unwrap();
        let golden = Path::new(DIRECTORY).join("golden").join(path.file_name().unwrap());
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(golden.parent().unwrap()).unwrap();
            fs::write(&golden, &text).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&golden).unwrap_or_default(),
            text,
            "{}",
            golden.display()
        );
        cases += 1;
    }
    assert_eq!(cases, 3);
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
    let documents = case("backup-claim");
    for leader in [
        "hbase-master-1",
        "hbase-master-1.default\n",
        "This is the current leader: hbase-master-1",
    ] {
        assert_eq!(plan_by(&documents, &host(leader)).unwrap()["nodes"], json!(["node-b"]));
    }
    let none = plan_by(&documents, &host("Failed to get the leader"));
    assert!(matches!(none, Err(Error::RetryAfter { .. })), "{none:?}");
    assert!(matches!(
        plan(&with("DataMigrate", &json!({}))),
        Err(Error::NotSupported)
    ));
}

/// A pod of a plan, in which a program of the test stands in for Alluxio.
struct Pod {
    sandbox: Sandbox,
    script: Script,
    args: Vec<String>,
}

const ROOTS: &[&str] = &[
    "/fluid-scripts/",
    "/dev/termination-log",
    "/alluxio_backups",
    "/pvc",
    "/host",
];

/// What the kubelet makes of an argument or a variable.
fn expanded(text: &str) -> String {
    text.replace("$$", "$")
}

impl Pod {
    fn of(plan: &Value, alluxio: &str) -> Self {
        let mut sandbox = Sandbox::new(ROOTS);
        for (name, text) in plan["scripts"].as_object().unwrap() {
            sandbox.file(&format!("/fluid-scripts/{name}"), text.as_str().unwrap());
        }
        sandbox.program(
            "alluxio",
            &format!(
                "echo \"$ALLUXIO_JAVA_OPTS\" > '{}'\n{alluxio}",
                sandbox.path("/options").display()
            ),
        );
        sandbox.file("/options", "");
        sandbox.file("/dev/termination-log", "");
        fs::create_dir_all(sandbox.path("/alluxio_backups")).unwrap();
        // The test runs as whoever it is.
        sandbox.program("chown", "");
        sandbox.set(
            "ALLUXIO_JAVA_OPTS",
            "-Da=b -Dalluxio.user.hostname=${ALLUXIO_CLIENT_HOSTNAME} -Dc=d",
        );
        let container = &plan["podSpec"]["containers"][0];
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let value = variable["value"]
                .as_str()
                .map_or_else(|| "10.0.0.9".to_owned(), expanded);
            let value = if value.starts_with('/') {
                sandbox.path(&value).display().to_string()
            } else {
                value
            };
            sandbox.set(name, value);
        }
        let command = container["command"][1].as_str().unwrap();
        let text = plan["scripts"][command.rsplit('/').next().unwrap()].as_str().unwrap();
        let args = container["args"].as_array().into_iter().flatten();
        Pod {
            script: Script::of(command, text),
            args: args.map(|arg| expanded(arg.as_str().unwrap())).collect(),
            sandbox,
        }
    }

    fn run(&self) -> Ran {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.sandbox.run(&self.script, &["bash"], &args)
    }

    fn last_words(&self) -> String {
        self.sandbox.read("/dev/termination-log")
    }
}

#[test]
fn a_load_hands_over_paths_as_they_are_and_names_the_one_that_is_missing() {
    for text in HOSTILE {
        let spec = json!({"dataset": {"name": "hbase"}, "loadMetadata": true, "target": [{"path": format!("/p{text}"), "replicas": 3}]});
        let Ok(plan) = plan(&with("DataLoad", &spec)) else {
            continue;
        };
        let path = format!("/p{}", text.trim_end_matches('/'));
        let pod = Pod::of(
            &plan,
            "[ $2 != distributedLoad ] || echo 'Completed command count is 2,Failed count is 0.'",
        );
        let ran = pod.run();
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
        let missing = Pod::of(&plan, "echo \"$3 does not exist.\"; exit 1");
        let ran = missing.run();
        assert_eq!((ran.code, ran.of("alluxio").len()), (64, 1), "{ran:?}");
        assert!(
            missing.last_words().ends_with("does not exist in the dataset"),
            "{}",
            missing.last_words()
        );
    }
}

#[test]
fn a_load_whose_jobs_fail_is_not_complete() {
    let plan = plan(&case("load")).unwrap();
    let pod = Pod::of(
        &plan,
        "[ $2 != distributedLoad ] || echo 'Completed command count is 2,Failed count is 1.'",
    );
    assert_eq!(pod.run().code, 1);
    assert!(
        pod.last_words()
            .contains("/data/a failed: Completed command count is 2"),
        "{}",
        pod.last_words()
    );
    let pod = Pod::of(&plan, "echo 'Failed to connect to master'; exit 1");
    assert_eq!(pod.run().code, 1);
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
        let plan = plan(&case(name)).unwrap();
        let pod = Pod::of(&plan, ALLUXIO);
        // What a run that was killed has left.
        pod.sandbox
            .file("/alluxio_backups/alluxio-backup-2025-12-31-6.gz", "old");
        let ran = pod.run();
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
    }
    let plan = plan(&case("backup-node")).unwrap();
    let ran = Pod::of(&plan, ALLUXIO).run();
    let owners: Vec<String> = ran.of("chown").into_iter().map(|call| call[1].clone()).collect();
    assert_eq!(owners, ["1201:1202", "7:8"]);
}

#[test]
fn a_backup_that_is_elsewhere_or_fails_leaves_the_last_one_as_it_was() {
    let plan = plan(&case("backup-claim")).unwrap();
    let elsewhere = ALLUXIO.replace("> \"$3/alluxio", "> \"/dev/null\" # $3/alluxio");
    for (alluxio, words) in [
        (elsewhere.as_str(), "not on this node"),
        (
            "echo 'Permission denied: root'; exit 1",
            "alluxio fsadmin backup: Permission denied: root",
        ),
    ] {
        let pod = Pod::of(&plan, alluxio);
        pod.sandbox
            .file("/pvc/of $(A)/hbase/metadata-backup-hbase-default.gz", "before");
        let ran = pod.run();
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(pod.last_words().contains(words), "{}", pod.last_words());
        assert_eq!(
            pod.sandbox.read("/pvc/of $(A)/hbase/metadata-backup-hbase-default.gz"),
            "before"
        );
    }
}
