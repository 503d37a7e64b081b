//! What is said to masters: mounts that come and go, a cache that is emptied, and masters that do
//! not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::{Value, json};
use wasser_alluxio::Alluxio;
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Context, Error, Implement, Measure, UfsChange};

const MASTER: &str = "demo-master-0";

fn mount(name: &str) -> Value {
    json!({"mountPoint": format!("s3://{name}"), "name": name})
}

/// Returns a runtime whose mounts were made, with these mounts in the status and those in the spec.
fn live(shown: &[Value], wanted: &[Value], by_commands: bool) -> Context<support::Spec> {
    let mut documents = support::KIT.pair(json!({"mounts": wanted}), json!({}));
    documents[0]["status"] = json!({"mounts": shown});
    documents[1]["status"] = json!({"mountTime": "2026-01-01T00:00:00Z"});
    if by_commands {
        documents.push(json!({"kind": "Settings", "data": {"mount-config-storage": "secret"}}));
    }
    support::KIT.context(&documents).unwrap()
}

/// Returns the paths that are added, removed and changed.
fn paths(change: &UfsChange) -> [Vec<&str>; 3] {
    let [added, removed] = [&change.added, &change.removed].map(|mounts| mounts.keys().map(String::as_str).collect());
    [added, removed, change.changed.keys().map(String::as_str).collect()]
}

fn master() -> FakeHost {
    FakeHost::new().pod("master", MASTER, true)
}

#[test]
fn a_change_is_the_difference_to_what_is_shown() {
    let ctx = live(&[mount("a"), mount("b")], &[mount("b"), mount("c")], false);
    let change = Alluxio::should_update_ufs(&ctx, &master()).unwrap();
    assert_eq!(paths(&change), [vec!["/c"], vec!["/a"], vec![]]);
    assert_eq!(change.removed["/a"].mount_point, "s3://a");
    // While no master is ready, nothing can be done about it.
    let none = FakeHost::new().pod("master", MASTER, false);
    assert_eq!(
        converse(&none, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    assert!(
        !Alluxio::should_check_ufs(&ctx, &master()).unwrap(),
        "they were mounted already"
    );
}

#[test]
fn one_bad_mount_does_not_keep_the_others_away() {
    let ctx = live(&[], &[mount("bad"), mount("good")], true);
    let host = master().on_exec(|_, argv| match argv {
        ["alluxio", "fs", "mount"] => ok(include_str!("reports/mounts.txt")),
        [.., "/bad", _] => exit(255, include_str!("reports/mount-refused.txt")),
        _ => ok(""),
    });
    let error = converse(&host, |host| Alluxio::prepare_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "mounting /bad: Ufs path /nonexist does not exist");
    let calls = host.calls();
    for command in [
        "fs unmount /b",
        "fs unmount /a",
        "fs mount /bad s3://bad",
        "fs mount /good s3://good",
    ] {
        assert!(
            calls.contains(&format!("exec {MASTER} alluxio {command}")),
            "{command}: {calls:?}"
        );
    }
}

#[test]
fn by_files_the_script_gets_the_lines_and_what_changed() {
    let changed = json!({"mountPoint": "s3://a", "name": "a", "readOnly": true});
    let ctx = live(&[mount("a")], &[changed], false);
    let host = master().on_exec(|_, _| ok(""));
    let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
    assert_eq!(paths(&change), [vec![], vec![], vec!["/a"]]);
    let (old, new) = &change.changed["/a"];
    assert_eq!((old.read_only, new.read_only), (false, true));
    assert!(converse(&host, |host| Alluxio::update_ufs(&ctx, host, &change)).unwrap());
    assert_eq!(
        host.calls(),
        [format!(
            "exec {MASTER} env FLUID_MOUNTS=/a s3://a --readonly FLUID_UNMOUNT=/a /etc/fluid/scripts/mount.sh"
        )]
    );
}

/// A Dataset that is bound without mounts is not one that is not bound.
#[test]
fn mounts_of_a_dataset_that_had_none_are_mounted() {
    let mut documents = support::KIT.pair(json!({"mounts": [mount("a")]}), json!({}));
    let change = |documents: &[Value]| {
        let ctx = support::KIT.context(documents).unwrap();
        let change = Alluxio::should_update_ufs(&ctx, &master()).unwrap();
        change.added.into_keys().collect::<Vec<String>>()
    };
    assert!(change(&documents).is_empty(), "it is not bound yet");
    documents[0]["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(change(&documents), ["/a"]);
}

/// A mount without a name and a path is the root, which a running master keeps.
#[test]
fn another_root_waits_for_another_master() {
    let root = |source: &str| json!({"mountPoint": source});
    let table = |source: &str| {
        format!(
            "{source}               on  /  (s3, capacity=-1B, used=-1B, not read-only, not shared, properties={{}})"
        )
    };
    let ctx = live(&[root("s3://a/")], &[root("s3://b/"), mount("c")], false);
    let old = table("s3://a");
    let host = master().on_exec(move |_, _| ok(&old));
    let refused = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    let expected = "Dataset.spec.mounts: the data source at `/` is `s3://b/`, and the running master has `s3://a`, \
        which it keeps: \
                    delete the pod demo-master-0, and a new one begins with yours";
    assert_eq!(refused, expected);
    let new = table("s3://b");
    let host = master().on_exec(move |_, _| ok(&new));
    let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
    assert_eq!(paths(&change), [vec!["/", "/c"], vec![], vec![]]);
    // One that comes to a Dataset without is the same, and one that stays costs nothing.
    let ctx = live(&[mount("c")], &[mount("c"), root("s3://b")], false);
    let host = master().on_exec(|_, _| ok(include_str!("reports/mounts.txt")));
    let refused = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the running master has `/underFSStorage`"),
        "{refused}"
    );
    let ctx = live(&[root("s3://b")], &[root("s3://b")], false);
    let host = master();
    assert_eq!(
        converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    assert!(host.calls().is_empty(), "{:?}", host.calls());
}

fn secret_mount(name: &str) -> Value {
    let key = json!({"secretKeyRef": {"name": "keys", "key": "secret"}});
    json!({"mountPoint": format!("s3://{name}"), "name": name, "encryptOptions": [{"name": "s3a.secretKey",
        "valueFrom": key}]})
}

#[test]
fn a_mount_whose_secret_changed_is_given_the_new_value() {
    let mounts = [mount("a"), secret_mount("b")];
    let ctx = live(&mounts, &mounts, false);
    let line = "/b s3://b --secret s3a.secretKey=/etc/fluid/secrets/keys/secret";
    let look = format!("exec {MASTER} env FLUID_MOUNTS={line} bash /etc/fluid/scripts/rotated.sh");
    for (printed, changed) in [("/b\n", vec!["/b"]), ("", vec![]), ("a complaint\n", vec![])] {
        let host = master().on_exec(move |_, _| ok(printed));
        let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
        assert_eq!(paths(&change), [vec![], vec![], changed]);
        assert_eq!(host.calls(), std::slice::from_ref(&look));
    }
    // Pods of an earlier chart do not have the script.
    let host = master().on_exec(|_, _| exit(127, "bash: rotated.sh: No such file or directory"));
    assert_eq!(
        converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    // Without Secrets, nobody is asked.
    let host = master();
    converse(&host, |host| {
        Alluxio::should_update_ufs(&live(&mounts[..1], &mounts[..1], false), host)
    })
    .unwrap();
    assert!(host.calls().is_empty(), "{:?}", host.calls());
}

#[test]
fn by_commands_mounts_that_are_there_get_the_values_of_their_secrets() {
    let ctx = live(&[], &[mount("a"), secret_mount("b")], true);
    let host = master()
        .with_secret("keys", "secret", b"new")
        .on_exec(|_, argv| match argv {
            ["alluxio", "fs", "mount"] => ok(include_str!("reports/mounts.txt")),
            _ => ok(""),
        });
    converse(&host, |host| Alluxio::prepare_ufs(&ctx, host)).unwrap();
    let updates: Vec<String> = host
        .calls()
        .into_iter()
        .filter(|call| call.contains("alluxio fs updateMount"))
        .collect();
    assert_eq!(
        updates,
        [format!(
            "exec {MASTER} alluxio fs updateMount --option s3a.secretKey=new /b"
        )]
    );
}

#[test]
fn a_cache_is_freed_until_it_is_empty() {
    let ctx = live(&[], &[mount("a")], false);
    let full = master().on_exec(|_, argv| match argv {
        [.., "summary"] => ok(include_str!("reports/summary.txt")),
        _ => ok(""),
    });
    let error = converse(&full, |host| Alluxio::shutdown(&ctx, host))
        .unwrap_err()
        .to_string();
    assert!(error.contains("still holds data"), "{error}");
    assert!(
        full.calls()
            .iter()
            .any(|call| call.ends_with("timeout 60 alluxio fs free -f /"))
    );
    let empty = master().on_exec(|_, _| ok("Total Capacity: 1GB\nUsed Capacity: 0B"));
    converse(&empty, |host| Alluxio::shutdown(&ctx, host)).unwrap();
    assert_eq!(empty.calls().len(), 1);
}

#[test]
fn without_a_master_nothing_is_emptied() {
    let ctx = live(&[], &[mount("a")], false);
    Alluxio::shutdown(&ctx, &FakeHost::new()).unwrap();
    let dead = FakeHost::new().pod("master", MASTER, false);
    let error = converse(&dead, |host| Alluxio::shutdown(&ctx, host))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no master pod is ready"), "{error}");
    assert!(matches!(
        converse(&dead, |host| Alluxio::storage_stats(&ctx, host)),
        Err(Error::RetryAfter { .. })
    ));
}

#[test]
fn no_more_is_cached_than_there_is() {
    let mut documents = support::KIT.pair(json!({"mounts": [mount("a")]}), json!({}));
    let host = master().on_exec(|_, argv| match argv {
        [.., "summary"] => ok("Total Capacity: 2GB\nUsed Capacity: 1GB"),
        _ => ok(include_str!("reports/metrics.txt")),
    });
    for (total, expected) in [
        ("4.00GiB", "25.0%"),
        ("1.00MiB", "100.0%"),
        ("0.00B", "0.0%"),
        ("[Calculating]", ""),
    ] {
        documents[0]["status"] = json!({"ufsTotal": total});
        let states = converse(&host, |host| {
            Alluxio::cache_states(&support::KIT.context(&documents).unwrap(), host)
        })
        .unwrap();
        assert!(
            states
                .iter()
                .any(|(name, value)| name == "cachedPercentage" && value.to_string() == expected),
            "{total}: {states:?}"
        );
    }
}

#[test]
fn a_report_that_is_not_understood_leaves_what_is_known() {
    let ctx = live(&[], &[mount("a")], false);
    let host = |metrics: &'static str| {
        master().on_exec(move |_, argv| match argv {
            [.., "summary"] => ok(include_str!("reports/summary.txt")),
            _ => ok(metrics),
        })
    };
    let states = Alluxio::cache_states(&ctx, &host(include_str!("reports/metrics.txt"))).unwrap();
    let state = |states: &[(String, Measure)], name: &str| {
        states.iter().find(|(known, _)| known == name).unwrap().1.to_string()
    };
    assert_eq!(state(&states, "cacheCapacity"), "200.00MiB");
    assert_eq!(state(&states, "cacheHitRatio"), "");
    // Reports of another version, or cut off, leave what is known.
    let states = Alluxio::cache_states(&ctx, &host("Cluster.BytesReadAlluxio  (Type: COUNTER, Value: 0B)")).unwrap();
    assert_eq!(state(&states, "cached"), "878.91KiB");
}

#[test]
fn no_report_is_too_odd() {
    let reports = [
        include_str!("reports/capacity.txt"),
        include_str!("reports/count.txt"),
        include_str!("reports/metrics.txt"),
        include_str!("reports/mounts.txt"),
        include_str!("reports/summary.txt"),
    ];
    let documents = support::KIT.pair(json!({"mounts": [mount("a")]}), json!({}));
    support::KIT.expect_odd_answers(&documents, master, &reports);
}
