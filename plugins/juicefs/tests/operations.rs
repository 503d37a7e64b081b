//! What data operations run, and their scripts by every shell that an image may have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Error, Result};
use wasser_testkit::operations::{PlannedPod, expanded};
use wasser_testkit::scripts::{HOSTILE, Ran, Sandbox};

fn plan(documents: &[Value]) -> Result<Value> {
    let host = FakeHost::new()
        .pod_on("worker", "w-0", "node-b")
        .pod_on("worker", "w-1", "node-a")
        .pod("worker", "w-2", false);
    KIT.plan(documents, &host)
}

fn external(uri: &str) -> Value {
    json!({"from": {"externalStorage": {"uri": uri}}, "to": {"dataset": {"name": "jfsdemo", "namespace": "default"}}})
}

#[test]
fn the_examples_of_the_guide_have_plans() {
    KIT.expect_guide(&["DataLoad", "DataMigrate"], |kind, spec| {
        plan(&KIT.operation_with("load", kind, spec))
    });
}

#[test]
fn plans_are_as_expected() {
    KIT.expect_plans(&["juicefs.sh", "datamigrate.sh", "dataloader.distributedLoad"], plan);
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
#[case::deletions_next_to_a_name(
    json!({"from": {"externalStorage": {"uri": "s3://b.host/a"}}, "to": {"dataset": {"name": "jfsdemo", "path": "/a"}},
        "options": {"delete-dst": ""}}),
    "DataMigrate.spec.options[delete-dst]", "no `/` at its end"
)]
#[case::duration(
    json!({"from": {"externalStorage": {"uri": "s3://b/"}}, "to": {"dataset": {"name": "jfsdemo"}}, "options": {"timeout": "soon"}}),
    "DataMigrate.spec.options[timeout]", "write for instance `30m`"
)]
fn what_cannot_work_is_refused_with_its_field(#[case] spec: Value, #[case] field: &str, #[case] words: &str) {
    match plan(&KIT.operation_with("migrate-in", "DataMigrate", &spec)) {
        Err(Error::InvalidSpec { field: at, message }) => {
            assert_eq!(at, field);
            assert!(message.contains(words), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_load_waits_for_a_worker_and_is_not_for_the_background() {
    let documents = KIT.operation("load");
    let idle = FakeHost::new().pod("worker", "w-0", false);
    let waits = KIT.plan(&documents, &idle);
    assert!(matches!(waits, Err(Error::RetryAfter { .. })), "{waits:?}");
    let spec = json!({"dataset": {"name": "jfsdemo"}, "options": {"background": "true"}});
    let refused = plan(&KIT.operation_with("load", "DataLoad", &spec))
        .unwrap_err()
        .to_string();
    assert!(refused.starts_with("DataLoad.spec.options[background]: "), "{refused}");
    let backup = KIT.operation_with("load", "DataBackup", &json!({"dataset": "jfsdemo"}));
    assert!(matches!(plan(&backup), Err(Error::NotSupported)));
}

const ROOTS: &[&str] = &[
    "/fluid-scripts/",
    "/usr/local/bin/",
    "/usr/bin/juicefs",
    "/dev/termination-log",
    "/data",
    "/mnt/fluid-native",
];

/// The pod of a plan, in which JuiceFS does what `then` says.
fn pod_of(plan: &Value, then: &str) -> PlannedPod {
    let sandbox = Sandbox::new(ROOTS);
    for path in ["/usr/local/bin/juicefs", "/usr/bin/juicefs"] {
        sandbox.program_at(path, then);
    }
    let mut pod = PlannedPod::of(plan, sandbox, |name| format!("secret of {name}"));
    for arg in &mut pod.args {
        if let Some(rest) = arg.strip_prefix("/data") {
            *arg = pod.sandbox.path("/data").display().to_string() + rest;
        }
    }
    pod
}

/// Runs the script with each shell.
fn run(pod: &PlannedPod, check: impl Fn(&Ran)) {
    for shell in &pod.script.shells {
        check(&pod.run(shell));
    }
}

/// Runs the script with each shell that finds programs of the test before its own.
fn run_with_programs(pod: &PlannedPod, check: impl Fn(&Ran)) {
    let shells = pod.script.shells.iter();
    for shell in shells.filter(|shell| shell.first() != Some(&"busybox")) {
        check(&pod.run(shell));
    }
}

const SYNCED: &str = "echo '2026/01/01 00:00:00.0 juicefs[1] <INFO>: Found: 5, excluded: 0 (0 B), skipped: 2 (1 B), copied: 3 \
                      (6.00 MiB), extra: 0 (0 B) [sync.go:1677]' >&2";

#[test]
fn a_migration_hands_over_the_words_of_users_as_they_are() {
    for text in HOSTILE {
        let spec = json!({
            "from": {"externalStorage": {"uri": "s3://bucket/dir/"}},
            "to": {"dataset": {"name": "jfsdemo", "namespace": "default", "path": text}},
            "options": {"exclude": text},
        });
        let Ok(plan) = plan(&KIT.operation_with("migrate-in", "DataMigrate", &spec)) else {
            continue;
        };
        let pod = pod_of(&plan, SYNCED);
        let to = expanded(plan["podSpec"]["containers"][0]["env"][2]["value"].as_str().unwrap());
        assert!(to.starts_with("jfs://METAURL/shared/") && to.ends_with('/'), "{to}");
        run(&pod, |ran| {
            assert_eq!(ran.code, 0, "{ran:?}");
            let option = format!("--exclude={text}");
            assert_eq!(ran.of("juicefs"), [["sync", &option, "s3://bucket/dir/", &to]]);
        });
        assert_eq!(pod.last_words(), "files=3\nbytes=6.00 MiB");
    }
}

/// `juicefs sync` takes directories, or what has a name or begins so, and refuses one of each.
#[rstest]
#[case::file("s3://bucket.host/a/b.tar", "/in/b.tar", ["s3://bucket.host/a/b.tar", "jfs://METAURL/in/b.tar"])]
#[case::prefix("minio://host:9000/bucket/logs-2024", "logs", ["minio://host:9000/bucket/logs-2024", "jfs://METAURL/logs"])]
#[case::into_a_directory("s3://bucket.host/a", "/in/", ["s3://bucket.host/a/", "jfs://METAURL/in/"])]
#[case::of_a_directory("s3://bucket.host/a/", "/in", ["s3://bucket.host/a/", "jfs://METAURL/in/"])]
#[case::into_the_root("s3://bucket.host/a", "", ["s3://bucket.host/a/", "jfs://METAURL/"])]
#[case::bucket("s3://bucket.host", "/in", ["s3://bucket.host/", "jfs://METAURL/in/"])]
#[case::bucket_of_a_service("minio://host:9000/bucket", "/in", ["minio://host:9000/bucket/", "jfs://METAURL/in/"])]
#[case::bucket_of_an_address("s3://10.0.0.1:9000/bucket", "/in", ["s3://10.0.0.1:9000/bucket/", "jfs://METAURL/in/"])]
#[case::volume("pvc://claim/a", "/in", ["file:///mnt/fluid-native/a", "jfs://METAURL/in"])]
#[case::root_of_a_volume("pvc://claim", "/in", ["file:///mnt/fluid-native/", "jfs://METAURL/in/"])]
fn both_ends_are_names_or_both_are_directories(#[case] from: &str, #[case] to: &str, #[case] addresses: [&str; 2]) {
    let spec = json!({
        "from": {"externalStorage": {"uri": from}},
        "to": {"dataset": {"name": "jfsdemo", "namespace": "default", "path": to}},
    });
    let mut documents = KIT.operation_with("migrate-in", "DataMigrate", &spec);
    documents[0]["spec"]["mounts"][0]["mountPoint"] = json!("juicefs:///");
    let plan = plan(&documents).unwrap();
    let env = plan["podSpec"]["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|variable| variable["name"] == name).unwrap()["value"].clone();
    assert_eq!([value("FROM"), value("TO")], addresses.map(|address| json!(address)));
}

#[test]
fn a_migration_says_how_far_it_is() {
    let plan = plan(&KIT.operation("migrate-in")).unwrap();
    // It ends once it was asked twice.
    let copies =
        "echo '2026/01/01 juicefs[1] <INFO>: Prometheus metrics listening on 127.0.0.1:9568 [mount.go:134]' >&2
        until [ -e \"$ASKED\" ]; do :; done";
    let mut pod = pod_of(&plan, &format!("{copies}\n{SYNCED}"));
    let asked = pod.sandbox.path("/asked").display().to_string();
    pod.sandbox.set("PROGRESS_EVERY", "0");
    pod.sandbox.set("ASKED", &asked);
    pod.sandbox.program(
        "curl",
        "printf 'juicefs_sync_copied{cmd=\"sync\",pid=\"7\"} 3\\njuicefs_sync_copied_bytes{cmd=\"sync\"} 8.716288e+06\\n'
        [ ! -e \"$ASKED.once\" ] || : > \"$ASKED\"; : > \"$ASKED.once\"",
    );
    run(&pod, |ran| {
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("progress files=3 bytes=8716288\n"), "{ran:?}");
        assert_eq!(ran.of("curl")[0].last().unwrap(), "http://127.0.0.1:9568/metrics");
        for left in [&asked, &format!("{asked}.once")] {
            fs::remove_file(left).unwrap();
        }
    });
    assert_eq!(pod.last_words(), "files=3\nbytes=6.00 MiB");
}

#[test]
fn a_load_says_what_comes_into_the_cache() {
    let plan = plan(&KIT.operation("load")).unwrap();
    let warms =
        "printf 'juicefs_blockcache_writes 1\\njuicefs_blockcache_write_bytes 1.048676e+06\\n' > \"$MOUNT/.stats\"
        until [ -e \"$ASKED\" ]; do :; done
        echo '<INFO>: Warm up cache: 2 files (1.0 KiB bytes) [warmup.go:1]' >&2";
    let mut pod = pod_of(&plan, warms);
    let asked = pod.sandbox.path("/asked").display().to_string();
    pod.sandbox.set("ASKED", &asked);
    // The second pause is after the first line.
    pod.sandbox.program(
        "sleep",
        "[ ! -e \"$ASKED.once\" ] || : > \"$ASKED\"; grep -q 1.04 \"$MOUNT/.stats\" && : > \"$ASKED.once\"; :",
    );
    for directory in ["/data/train", "/data/$(A) b"] {
        fs::create_dir_all(pod.sandbox.path(directory)).unwrap();
    }
    pod.sandbox.file("/data/.control", "");
    run_with_programs(&pod, |ran| {
        let _ = fs::remove_file(&asked);
        let _ = fs::remove_file(format!("{asked}.once"));
        pod.sandbox.file("/data/.stats", "juicefs_blockcache_write_bytes 100\n");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("progress bytes="), "{ran:?}");
    });
    assert_eq!(pod.last_words(), "files=2\nbytes=1.0 KiB");
}

#[test]
fn a_migration_that_fails_says_why() {
    let plan = plan(&KIT.operation("migrate-in")).unwrap();
    let pod = pod_of(
        &plan,
        "echo '2026/01/01 juicefs[1] <FATAL>: AccessDenied: no such key [sync.go:12]' >&2; exit 1",
    );
    run(&pod, |ran| {
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_eq!(
            pod.last_words(),
            "juicefs ended with exit code 1: AccessDenied: no such key"
        );
    });
    let pod = pod_of(&plan, "exit 124");
    run(&pod, |ran| {
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
    let plan = plan(&KIT.operation_with("migrate-in", "DataMigrate", &spec)).unwrap();
    let pod = pod_of(&plan, SYNCED);
    run(&pod, |ran| {
        assert_eq!((ran.code, ran.of("juicefs").len()), (64, 0), "{ran:?}");
        assert!(
            pod.last_words().contains("there is no /a $(owned) in the volume"),
            "{}",
            pod.last_words()
        );
    });
    fs::create_dir_all(pod.sandbox.path("/mnt/fluid-native/a $(owned)")).unwrap();
    run(&pod, |ran| {
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.of("juicefs")[0][1], "file:///mnt/fluid-native/a%20%24%28owned%29/");
    });
}

/// A migration out of a volume, of which the script sees what it has.
#[rstest]
#[case::to_a_name("/in/b", "", Some("jfs://METAURL/shared/in/b"))]
#[case::into_a_directory("/in/", "", Some("jfs://METAURL/shared/in/a%20b"))]
#[case::with_deletions("/in/", "delete-dst", None)]
fn a_file_of_a_volume_is_copied_as_one(#[case] path: &str, #[case] option: &str, #[case] to: Option<&str>) {
    let mut spec = json!({
        "from": {"externalStorage": {"uri": "pvc://claim/a b"}},
        "to": {"dataset": {"name": "jfsdemo", "namespace": "default", "path": path}},
    });
    if !option.is_empty() {
        spec["options"] = json!({option: ""});
    }
    let plan = plan(&KIT.operation_with("migrate-in", "DataMigrate", &spec)).unwrap();
    let pod = pod_of(&plan, SYNCED);
    pod.sandbox.file("/mnt/fluid-native/a b", "text");
    run(&pod, |ran| match to {
        Some(to) => assert_eq!(
            ran.of("juicefs")[0][1..],
            ["file:///mnt/fluid-native/a%20b", to],
            "{ran:?}"
        ),
        None => {
            assert_eq!((ran.code, ran.of("juicefs").len()), (64, 0), "{ran:?}");
            assert_eq!(
                pod.last_words(),
                "/a b is a file, and files are deleted next to directories only"
            );
        }
    });
}

#[test]
fn a_file_that_was_taken_for_a_directory_is_not_taken_for_copied() {
    let plan = plan(&KIT.operation_with("migrate-in", "DataMigrate", &external("s3://bucket.host/a.tar"))).unwrap();
    let pod = pod_of(&plan, &SYNCED.replace("Found: 5", "Found: 0"));
    run(&pod, |ran| {
        assert_eq!(ran.code, 64, "{ran:?}");
        let words = "there is nothing below bucket.host/a.tar/; if it is a file, write its name at both ends";
        assert!(pod.last_words().starts_with(words), "{}", pod.last_words());
    });
}

#[test]
fn the_client_of_the_enterprise_edition_is_let_in_before_it_copies() {
    let plan = plan(&KIT.operation("migrate-enterprise")).unwrap();
    let pod = pod_of(&plan, SYNCED);
    run(&pod, |ran| {
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
        let Ok(plan) = plan(&KIT.operation_with("load", "DataLoad", &spec)) else {
            continue;
        };
        let pod = pod_of(
            &plan,
            "echo '<INFO>: Warm up cache: 2 files (1.0 KiB bytes) [warmup.go:1]' >&2",
        );
        let target = pod.args[2].clone();
        pod.sandbox.file("/data/.control", "");
        let is_there = Path::new(&target).exists();
        if !is_there {
            run(&pod, |ran| {
                assert_eq!((ran.code, ran.of("juicefs").len()), (64, 0), "{ran:?}")
            });
            assert!(
                pod.last_words().contains("does not exist in the dataset"),
                "{}",
                pod.last_words()
            );
            fs::create_dir_all(&target).unwrap();
        }
        run(&pod, |ran| {
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
    let plan = plan(&KIT.operation("load")).unwrap();
    let pod = pod_of(&plan, "");
    for directory in ["/data/train/sub", "/data/$(A) b"] {
        fs::create_dir_all(pod.sandbox.path(directory)).unwrap();
    }
    pod.sandbox.file("/data/train/sub/-n", "text");
    // The mount adds a log, whose size is zero and whose end never comes.
    pod.sandbox.file("/data/train/.accesslog", "");
    pod.sandbox.program("cat", "[ \"$1\" = -- ] || exec /bin/cat \"$@\"");
    run_with_programs(&pod, |ran| {
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
    run_with_programs(&pod, |ran| {
        assert!(ran.code != 0 && ran.code != 64, "{ran:?}");
        assert!(
            pod.last_words()
                .starts_with("1 files or directories could not be read; the first: /train/sub/-n"),
            "{}",
            pod.last_words()
        );
    });
    // A file that goes meanwhile is not missed.
    let gone = "[ \"$1\" = -- ] || exec /bin/cat \"$@\"; echo \"cat: $2: No such file or directory\" >&2; exit 1";
    pod.sandbox.program("cat", gone);
    run_with_programs(&pod, |ran| assert_eq!(ran.code, 0, "{ran:?}"));
    pod.sandbox.program("xargs", "cat > /dev/null; exit 124");
    run_with_programs(&pod, |ran| {
        assert_eq!(ran.code, 64, "{ran:?}");
        assert_eq!(
            pod.last_words(),
            "it took longer than 1800 seconds; change the option timeout"
        );
    });
}

#[test]
fn a_load_ends_where_no_file_can_be_read_any_more() {
    let plan = plan(&KIT.operation("load")).unwrap();
    let pod = pod_of(&plan, "");
    for directory in ["/data/train", "/data/$(A) b"] {
        fs::create_dir_all(pod.sandbox.path(directory)).unwrap();
    }
    for number in 0..250 {
        pod.sandbox.file(&format!("/data/train/{number}"), "text");
    }
    let fails = |which: &str, more: &str| {
        let reads = "[ \"$1\" = -- ] || exec /bin/cat \"$@\"";
        format!("{reads}\ncase $2 in {which}) {more}; echo \"cat: $2: Input/output error\" >&2; exit 1 ;; esac")
    };
    let named = |ran: &Ran| ran.stdout.matches("cannot be read: ").count();
    pod.sandbox.program("cat", &fails("*/train/*[02468]", ":"));
    run_with_programs(&pod, |ran| {
        assert_eq!((ran.code, named(ran)), (1, 10), "{ran:?}");
        let words = pod.last_words();
        assert!(
            words.starts_with("125 files or directories could not be read"),
            "{words}"
        );
    });
    pod.sandbox.program("cat", &fails("*/train/*", ":"));
    run_with_programs(&pod, |ran| {
        assert_eq!((ran.code, named(ran)), (1, 10), "{ran:?}");
        let words = pod.last_words();
        assert!(
            words.starts_with("100 files in a row could not be read, so the rest was left; 1"),
            "{words}"
        );
    });
    let dead = pod.sandbox.path("/dead").display().to_string();
    pod.sandbox.program("cat", &fails("*/train/*", &format!(": > {dead}")));
    let lists = format!("[ ! -e {dead} ] || {{ echo 'ls: Transport endpoint is not connected' >&2; exit 2; }}");
    pod.sandbox.program("ls", &format!("{lists}\nexec /bin/ls \"$@\""));
    run_with_programs(&pod, |ran| {
        assert_eq!(ran.code, 1, "{ran:?}");
        let words = pod.last_words();
        assert!(
            words.starts_with("the mount of the dataset cannot be read any more; "),
            "{words}"
        );
        fs::remove_file(&dead).unwrap();
    });
    fs::write(&dead, "").unwrap();
    run_with_programs(&pod, |ran| {
        let words = "the mount of the dataset cannot be read: ls: Transport endpoint is not connected";
        assert_eq!((ran.code, pod.last_words().as_str()), (1, words), "{ran:?}");
    });
}

#[test]
fn a_timeout_of_zero_is_no_limit() {
    let spec = |timeout: &str| json!({"dataset": {"name": "jfsdemo"}, "options": {"timeout": timeout}});
    for (timeout, limit) in [("0", None), ("1d", Some("86400"))] {
        let plan = plan(&KIT.operation_with("load", "DataLoad", &spec(timeout))).unwrap();
        let env = plan["podSpec"]["containers"][0]["env"].as_array().unwrap();
        let found = env.iter().find(|variable| variable["name"] == "TIMEOUT");
        assert_eq!(found.map(|variable| variable["value"].as_str().unwrap()), limit);
    }
}
