//! What data operations run: `operations/<name>.yaml` is what a user has written,
//! `operations/golden/<name>.yaml` the plan. UPDATE=1 writes it. Scripts are in files of their own, and
//! run here by every shell that an image may have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};
use support::KIT;
use wasser_juicefs::JuiceFs;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{DataOperation, Error, Operate, Result};
use wasser_testkit::scripts::{HOSTILE, Ran, Sandbox, Script};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operations");

/// Returns the plan of the operation among the documents.
fn plan(documents: &[Value]) -> Result<Value> {
    let operation = documents
        .iter()
        .find(|object| object["kind"].as_str().unwrap().starts_with("Data") && object["kind"] != "Dataset");
    let operation = operation.unwrap();
    let host = FakeHost::new()
        .pod_on("worker", "w-0", "node-b")
        .pod_on("worker", "w-1", "node-a")
        .pod("worker", "w-2", false);
    let parsed = DataOperation::parse(operation["kind"].as_str().unwrap(), &operation.to_string())?;
    let plan = JuiceFs::data_operation(&KIT.context(documents)?, &host, &parsed)?;
    Ok(serde_json::to_value(plan).unwrap())
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents = yaml_serde::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// The documents of a case.
fn case(name: &str) -> Vec<Value> {
    documents(&Path::new(DIRECTORY).join(format!("{name}.yaml")))
}

/// A case with an operation of this kind and spec.
fn with(case_: &str, kind: &str, spec: &Value) -> Vec<Value> {
    let mut documents = case(case_);
    let last = documents.len() - 1;
    documents[last] =
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "op"}, "spec": spec});
    documents
}

fn external(uri: &str) -> Value {
    json!({"from": {"externalStorage": {"uri": uri}}, "to": {"dataset": {"name": "jfsdemo", "namespace": "default"}}})
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
        if ["DataLoad", "DataMigrate"].contains(&kind) {
            plan(&with("load", kind, &example["spec"])).unwrap_or_else(|error| panic!("{text}: {error}"));
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
        for name in ["juicefs.sh", "datamigrate.sh", "dataloader.distributedLoad"] {
            if let Some(script) = plan["scripts"].get_mut(name) {
                *script = json!("a file of its own");
            }
        }
        // No Secret is anywhere but in a reference.
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
    assert_eq!(cases, 6);
}

#[rstest]
#[case::no_scheme(external("bucket/dir"), "DataMigrate.spec.from.externalStorage.uri", "has no scheme")]
#[case::keys(
    external("s3://me:secret@bucket/dir"),
    "DataMigrate.spec.from.externalStorage.uri",
    "use encryptOptions"
)]
#[case::pod(
    external("file:///data"),
    "DataMigrate.spec.from.externalStorage.uri",
    "directory of the pod"
)]
#[case::upwards(
    external("pvc://claim/../x"),
    "DataMigrate.spec.from.externalStorage.uri",
    "contains `..`"
)]
#[case::unnamed(external("pvc:///x"), "DataMigrate.spec.from.externalStorage.uri", "names no claim")]
#[case::unknown_key(
    json!({"from": {"externalStorage": {"uri": "s3://b/", "encryptOptions": [{"name": "password", "valueFrom":
        {"secretKeyRef": {"name": "s", "key": "k"}}}]}}, "to": {"dataset": {"name": "jfsdemo", "namespace": "default"}}}),
    "DataMigrate.spec.from.externalStorage.encryptOptions[0].name", "none of access-key"
)]
#[case::keys_in_the_address(
    json!({"from": {"externalStorage": {"uri": "qiniu://b.host/", "encryptOptions": [{"name": "access-key", "valueFrom":
        {"secretKeyRef": {"name": "s", "key": "k"}}}]}}, "to": {"dataset": {"name": "jfsdemo", "namespace": "default"}}}),
    "DataMigrate.spec.from.externalStorage.encryptOptions[0]", "others on the node could read it"
)]
#[case::worker(
    json!({"from": {"externalStorage": {"uri": "s3://b/"}}, "to": {"dataset": {"name": "jfsdemo"}}, "options": {"worker": "h"}}),
    "DataMigrate.spec.options[worker]", "spec.parallelism"
)]
#[case::duration(
    json!({"from": {"externalStorage": {"uri": "s3://b/"}}, "to": {"dataset": {"name": "jfsdemo"}}, "options": {"timeout": "soon"}}),
    "DataMigrate.spec.options[timeout]", "write for instance `30m`"
)]
fn what_cannot_work_is_refused_with_its_field(#[case] spec: Value, #[case] field: &str, #[case] words: &str) {
    match plan(&with("migrate-in", "DataMigrate", &spec)) {
        Err(Error::InvalidSpec { field: at, message }) => {
            assert_eq!(at, field);
            assert!(message.contains(words), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_load_waits_for_a_worker_and_is_not_for_the_background() {
    let documents = case("load");
    let operation = DataOperation::parse("DataLoad", &documents[2].to_string()).unwrap();
    let idle = FakeHost::new().pod("worker", "w-0", false);
    let waits = JuiceFs::data_operation(&KIT.context(&documents).unwrap(), &idle, &operation);
    assert!(matches!(waits, Err(Error::RetryAfter { .. })), "{waits:?}");
    let spec = json!({"dataset": {"name": "jfsdemo"}, "options": {"background": "true"}});
    let refused = plan(&with("load", "DataLoad", &spec)).unwrap_err().to_string();
    assert!(refused.starts_with("DataLoad.spec.options[background]: "), "{refused}");
    let backup = with("load", "DataBackup", &json!({"dataset": "jfsdemo"}));
    assert!(matches!(plan(&backup), Err(Error::NotSupported)));
}

/// A pod of a plan, in which programs of the test stand in for JuiceFS.
struct Pod {
    sandbox: Sandbox,
    script: Script,
    args: Vec<String>,
}

const ROOTS: &[&str] = &[
    "/fluid-scripts/",
    "/usr/local/bin/",
    "/usr/bin/juicefs",
    "/dev/termination-log",
    "/data",
    "/mnt/fluid-native",
];

/// What the kubelet makes of an argument or a variable.
fn expanded(text: &str) -> String {
    text.replace("$$", "$")
}

impl Pod {
    /// Starts a pod in which JuiceFS does what `then` says.
    fn of(plan: &Value, then: &str) -> Self {
        let mut sandbox = Sandbox::new(ROOTS);
        for (name, text) in plan["scripts"].as_object().unwrap() {
            sandbox.file(&format!("/fluid-scripts/{name}"), text.as_str().unwrap());
        }
        for path in ["/usr/local/bin/juicefs", "/usr/bin/juicefs"] {
            sandbox.program_at(path, then);
        }
        sandbox.file("/dev/termination-log", "");
        let container = &plan["podSpec"]["containers"][0];
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let value = variable["value"]
                .as_str()
                .map_or_else(|| format!("secret of {name}"), expanded);
            let is_path = value.starts_with('/');
            let value = if is_path {
                sandbox.path(&value).display().to_string()
            } else {
                value
            };
            sandbox.set(name, value);
        }
        let command = container["command"][1].as_str().unwrap();
        let text = plan["scripts"][command.rsplit('/').next().unwrap()].as_str().unwrap();
        let args = container["args"].as_array().into_iter().flatten();
        let args = args.map(|arg| expanded(arg.as_str().unwrap()));
        let args = args.map(|arg| match arg.strip_prefix("/data") {
            Some(rest) => sandbox.path("/data").display().to_string() + rest,
            None => arg,
        });
        Pod {
            script: Script::of(command, text),
            args: args.collect(),
            sandbox,
        }
    }

    /// Runs the script with each shell.
    fn run(&self, check: impl Fn(&Ran)) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        for shell in &self.script.shells {
            check(&self.sandbox.run(&self.script, shell, &args));
        }
    }

    /// Runs the script with each shell that finds programs of the test before its own.
    fn run_with_programs(&self, check: impl Fn(&Ran)) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let shells = self.script.shells.iter();
        for shell in shells.filter(|shell| shell.first() != Some(&"busybox")) {
            check(&self.sandbox.run(&self.script, shell, &args));
        }
    }

    fn last_words(&self) -> String {
        self.sandbox.read("/dev/termination-log")
    }
}

const SYNCED: &str = "echo '2026/01/01 00:00:00.0 juicefs[1] <INFO>: Found: 5, excluded: 0 (0 B), skipped: 2 (1 B), copied: 3 \
                      (6.00 MiB), extra: 0 (0 B) [sync.go:1677]' >&2";

#[test]
fn a_migration_hands_over_the_words_of_users_as_they_are() {
    for text in HOSTILE {
        let spec = json!({
            "from": {"externalStorage": {"uri": "s3://bucket/dir"}},
            "to": {"dataset": {"name": "jfsdemo", "namespace": "default", "path": text}},
            "options": {"exclude": text},
        });
        let Ok(plan) = plan(&with("migrate-in", "DataMigrate", &spec)) else {
            continue;
        };
        let pod = Pod::of(&plan, SYNCED);
        let to = expanded(plan["podSpec"]["containers"][0]["env"][2]["value"].as_str().unwrap());
        assert!(to.starts_with("jfs://METAURL/shared/") && to.ends_with('/'), "{to}");
        pod.run(|ran| {
            assert_eq!(ran.code, 0, "{ran:?}");
            let option = format!("--exclude={text}");
            assert_eq!(ran.of("juicefs"), [["sync", &option, "s3://bucket/dir/", &to]]);
        });
        assert_eq!(pod.last_words(), "files=3\nbytes=6.00 MiB");
    }
}

#[test]
fn a_migration_that_fails_says_why() {
    let plan = plan(&case("migrate-in")).unwrap();
    let pod = Pod::of(
        &plan,
        "echo '2026/01/01 juicefs[1] <FATAL>: AccessDenied: no such key [sync.go:12]' >&2; exit 1",
    );
    pod.run(|ran| {
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_eq!(
            pod.last_words(),
            "juicefs ended with exit code 1: AccessDenied: no such key"
        );
    });
    let pod = Pod::of(&plan, "exit 124");
    pod.run(|ran| {
        assert_eq!(ran.code, 64, "{ran:?}");
        assert_eq!(
            pod.last_words(),
            "it took longer than 7200 seconds; change the option timeout"
        );
    });
}

#[test]
fn a_directory_of_a_volume_that_is_not_there_is_no_empty_one() {
    let spec = external("pvc://claim/a $(owned)");
    let plan = plan(&with("migrate-in", "DataMigrate", &spec)).unwrap();
    let pod = Pod::of(&plan, SYNCED);
    pod.run(|ran| {
        assert_eq!((ran.code, ran.of("juicefs").len()), (64, 0), "{ran:?}");
        assert!(
            pod.last_words().contains("/a $(owned)/ in the volume"),
            "{}",
            pod.last_words()
        );
    });
    fs::create_dir_all(pod.sandbox.path("/mnt/fluid-native/a $(owned)")).unwrap();
    pod.run(|ran| {
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.of("juicefs")[0][1], "file:///mnt/fluid-native/a%20%24%28owned%29/");
    });
}

#[test]
fn the_client_of_the_enterprise_edition_is_let_in_before_it_copies() {
    let plan = plan(&case("migrate-enterprise")).unwrap();
    let pod = Pod::of(&plan, SYNCED);
    pod.run(|ran| {
        let calls = ran.of("juicefs");
        assert_eq!((ran.code, calls.len()), (0, 2), "{ran:?}");
        assert_eq!(
            (calls[0][0].as_str(), calls[0][1].as_str()),
            ("auth", "--token=secret of TOKEN")
        );
        assert_eq!(
            calls[1][1..],
            ["s3://bucket.s3.eu-central-1.amazonaws.com/dir/", "jfs://ee-files/"]
        );
    });
}

#[test]
fn a_load_warms_paths_as_they_are_and_names_the_one_that_is_missing() {
    for text in HOSTILE {
        let spec = json!({"dataset": {"name": "jfsdemo"}, "loadMetadata": true, "target": [{"path": text}, {"path": "/"}],
            "options": {"threads": "3", "note": text}});
        let Ok(plan) = plan(&with("load", "DataLoad", &spec)) else {
            continue;
        };
        let pod = Pod::of(
            &plan,
            "echo '<INFO>: Warm up cache: 2 files (1.0 KiB bytes) [warmup.go:1]' >&2",
        );
        let target = pod.args[2].clone();
        pod.sandbox.file("/data/.control", "");
        let is_there = Path::new(&target).exists();
        if !is_there {
            pod.run(|ran| assert_eq!((ran.code, ran.of("juicefs").len()), (64, 0), "{ran:?}"));
            assert!(
                pod.last_words().contains("does not exist in the dataset"),
                "{}",
                pod.last_words()
            );
            fs::create_dir_all(&target).unwrap();
        }
        pod.run(|ran| {
            assert_eq!(ran.code, 0, "{ran:?}");
            let note = format!("--note={text}");
            let root = pod.sandbox.path("/data/").display().to_string();
            assert_eq!(
                ran.of("juicefs"),
                [["warmup", &note, "--threads=3", &target, root.trim_end()]]
            );
        });
        assert_eq!(pod.last_words(), "files=2\nbytes=1.0 KiB");
    }
}

#[test]
fn files_are_read_where_juicefs_cannot_be_told_what_to_load() {
    let plan = plan(&case("load")).unwrap();
    let pod = Pod::of(&plan, "");
    for directory in ["/data/train/sub", "/data/$(A) b"] {
        fs::create_dir_all(pod.sandbox.path(directory)).unwrap();
    }
    pod.sandbox.file("/data/train/sub/-n", "text");
    // The mount adds a log, whose size is zero and whose end never comes.
    pod.sandbox.file("/data/train/.accesslog", "");
    pod.sandbox.program("cat", "[ \"$1\" = -- ] || exec /bin/cat \"$@\"");
    pod.run_with_programs(|ran| {
        assert_eq!((ran.code, ran.of("juicefs").len()), (0, 0), "{ran:?}");
        let read: Vec<_> = ran.of("cat").into_iter().filter(|words| words[0] == "--").collect();
        assert_eq!(read.len(), 1, "{read:?}");
        assert!(
            ran.stdout.contains("for reading only") && ran.stdout.contains("loaded"),
            "{ran:?}"
        );
    });
    pod.sandbox
        .program("cat", "[ \"$1\" = -- ] || exec /bin/cat \"$@\"; exit 5");
    pod.run_with_programs(|ran| {
        assert!(ran.code != 0 && ran.code != 64, "{ran:?}");
        assert!(
            pod.last_words().starts_with("reading /train failed with exit code "),
            "{}",
            pod.last_words()
        );
    });
    pod.sandbox.program("xargs", "cat > /dev/null; exit 124");
    pod.run_with_programs(|ran| {
        assert_eq!(ran.code, 64, "{ran:?}");
        assert_eq!(
            pod.last_words(),
            "it took longer than 1800 seconds; change the option timeout"
        );
    });
}
