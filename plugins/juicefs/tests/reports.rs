//! Conversations with pods: what is run in which of them, and what is made of the answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_juicefs::JuiceFs;
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Error, HostError, Implement};

const MOUNT: &str = "/runtime-mnt/juicefs/default/demo/juicefs-fuse";
const STATUS: &str = include_str!("reports/status.json");
const COMMUNITY: &str = include_str!("reports/community.stats");
const ENTERPRISE: &str = include_str!("reports/enterprise.stats");
const INFO: &str = "/mnt :\n  inode: 1\n  files: 4\n   dirs: 3\n length: 5.00 MiB (5242886 Bytes)\n   size: 5.03 MiB \
    (5275648 Bytes)\n   path: /";

fn community(runtime: Value) -> Vec<Value> {
    support::pair(json!({}), json!({}), runtime)
}

fn enterprise(runtime: Value) -> Vec<Value> {
    support::pair(json!({"encryptOptions": []}), json!({}), runtime)
}

fn df(used: u64) -> String {
    format!(
        "Filesystem 1-blocks Used Available Capacity Mounted on\nJuiceFS:files 1125899906842624 {used} \
            1125899906703360 1% {MOUNT}"
    )
}

/// Two ready workers, one that is not, and two ready fuse pods.
fn pods() -> FakeHost {
    FakeHost::new()
        .pod("worker", "demo-worker-0", true)
        .pod("worker", "demo-worker-1", true)
        .pod("worker", "demo-worker-2", false)
        .pod("fuse", "demo-fuse-a", true)
        .pod("fuse", "demo-fuse-b", true)
}

#[test]
fn the_size_is_what_df_and_info_say() {
    let host = pods().on_exec(|_, argv| match argv[0] {
        "df" => ok(&df(17_846_272)),
        _ => ok(INFO),
    });
    let ctx = support::KIT.context(&community(json!({}))).unwrap();
    let stats = converse(&host, |host| JuiceFs::storage_stats(&ctx, host)).unwrap();
    assert_eq!(
        (stats.used, stats.free, stats.total, stats.total_files),
        (17_846_272, None, 17_846_272, 4)
    );
    let info = format!("exec demo-worker-0 /usr/local/bin/juicefs info --recursive {MOUNT}");
    assert_eq!(host.calls(), [format!("exec demo-worker-0 df -P -B 1 {MOUNT}"), info]);
}

#[test]
fn inodes_stand_in_for_files_where_counting_takes_too_long() {
    for answer in [Err(HostError::Timeout), exit(1, "no such command"), ok("odd")] {
        let host = pods().on_exec(move |_, argv| match argv[0] {
            "df" => ok(&df(if argv.contains(&"-i") { 7 } else { 100 })),
            _ => answer.clone(),
        });
        let ctx = support::KIT.context(&enterprise(json!({}))).unwrap();
        let stats = converse(&host, |host| JuiceFs::storage_stats(&ctx, host)).unwrap();
        assert_eq!((stats.total, stats.total_files), (100, 7));
        assert!(
            host.calls()[1].starts_with("exec demo-worker-0 /usr/bin/juicefs info"),
            "{:?}",
            host.calls()
        );
    }
}

#[test]
fn before_there_is_a_mount_the_host_asks_again() {
    let ctx = support::KIT.context(&community(json!({}))).unwrap();
    let none = JuiceFs::storage_stats(&ctx, &FakeHost::new()).unwrap_err();
    assert!(matches!(none, Error::RetryAfter { .. }), "{none}");
    let host = pods().on_exec(|_, _| ok("Filesystem 1-blocks Used Available Capacity Mounted on\noverlay 9 8 1 89% /"));
    let unmounted = converse(&host, |host| JuiceFs::storage_stats(&ctx, host)).unwrap_err();
    assert_eq!(
        unmounted.to_string(),
        format!("pod demo-worker-0 has not mounted {MOUNT} yet; asking again in 1 s")
    );
    let host = pods().on_exec(|_, _| exit(1, "df: /x: Transport endpoint is not connected"));
    let broken = converse(&host, |host| JuiceFs::storage_stats(&ctx, host)).unwrap_err();
    assert!(
        broken.to_string().ends_with("Transport endpoint is not connected"),
        "{broken}"
    );
}

fn states(documents: &[Value], host: &FakeHost) -> Vec<String> {
    let ctx = support::KIT.context(documents).unwrap();
    let states = converse(host, |host| JuiceFs::cache_states(&ctx, host)).unwrap();
    states
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn the_community_editions_cache_is_what_its_clients_see() {
    let host = pods().on_exec(|pod, argv| match argv[0] {
        "df" => ok(&df(10_510_342)),
        _ if pod.starts_with("demo-fuse") => ok(COMMUNITY),
        _ => exit(1, "not asked"),
    });
    let runtime = json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/c", "quota": "1Gi"}]}});
    let expected = [
        "cacheCapacity=2.00GiB",
        "cached=5.01MiB",
        "cachedPercentage=50.0%",
        "cacheHitRatio=50.0%",
        "cacheThroughputRatio=50.0%",
    ];
    assert_eq!(states(&community(runtime), &host), expected);
}

#[test]
fn the_enterprise_editions_workers_hold_a_part_each() {
    let host = pods().on_exec(|pod, argv| match argv[0] {
        "df" => ok(&df(163_029_743_048)),
        _ if pod.starts_with("demo-worker") => ok(ENTERPRISE),
        _ => exit(1, "not asked"),
    });
    let runtime = json!({"worker": {"options": {"cache-size": "10G"}}});
    let expected = [
        "cacheCapacity=20.00GiB",
        "cached=75.92GiB",
        "cachedPercentage=50.0%",
        "cacheHitRatio=100.0%",
        "cacheThroughputRatio=100.0%",
    ];
    assert_eq!(states(&enterprise(runtime), &host), expected);
}

#[test]
fn a_cache_without_clients_has_a_capacity_and_nothing_else() {
    let runtime =
        || community(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a", "quota": "10Gi"}]}}));
    let expected = [
        "cacheCapacity=10.00GiB",
        "cached=",
        "cachedPercentage=",
        "cacheHitRatio=",
        "cacheThroughputRatio=",
    ];
    let host = FakeHost::new()
        .pod("worker", "demo-worker-0", true)
        .on_exec(|_, _| ok(""));
    assert_eq!(states(&runtime(), &host), expected);
    let mounting = FakeHost::new()
        .pod("worker", "demo-worker-0", true)
        .pod("fuse", "demo-fuse-abcde", true)
        .on_exec(|_, _| exit(1, "cat: .stats: No such file or directory"));
    assert_eq!(states(&runtime(), &mounting), expected);
    let starting = FakeHost::new().pod("worker", "demo-worker-0", false);
    assert_eq!(states(&runtime(), &starting)[0], "cacheCapacity=");
}

#[rstest]
#[case::default(json!({}), &["/var/jfsCache"], &["/var/jfsCache"])]
#[case::tiered(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a:/b/"}]}}), &["/a", "/b"], &["/a",
    "/b"])]
#[case::option(json!({"worker": {"options": {"cache-dir": "/w"}}}), &["/w"], &["/var/jfsCache"])]
#[case::clients_have_none(json!({"fuse": {"options": {"cache-dir": "memory"}}}), &["/var/jfsCache"], &[])]
fn the_cache_is_removed_from_every_ready_pod(
    #[case] runtime: Value,
    #[case] of_workers: &[&str],
    #[case] of_clients: &[&str],
) {
    let paths = |directories: &[&str], id: &str| {
        directories
            .iter()
            .map(|d| format!("{d}/{id}/raw/chunks"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let answer = |_: &str, argv: &[&str]| if argv[0] == "sh" { ok(STATUS) } else { ok("") };

    let host = pods().on_exec(answer);
    let ctx = support::KIT.context(&community(runtime.clone())).unwrap();
    converse(&host, |host| JuiceFs::shutdown(&ctx, host)).unwrap();
    let id = "7d84ffba-de86-4f94-b7f1-01614106b74a";
    let mut expected = vec!["exec demo-worker-0 sh -c exec /usr/local/bin/juicefs status \"$METAURL\"".to_string()];
    let pods_of = [
        ("demo-worker-0", of_workers),
        ("demo-worker-1", of_workers),
        ("demo-fuse-a", of_clients),
        ("demo-fuse-b", of_clients),
    ];
    for (pod, directories) in pods_of {
        if !directories.is_empty() {
            expected.push(format!("exec {pod} rm -rf -- {}", paths(directories, id)));
        }
    }
    assert_eq!(host.calls(), expected);

    let host = pods().on_exec(answer);
    converse(&host, |host| {
        JuiceFs::shutdown(&support::KIT.context(&enterprise(runtime.clone())).unwrap(), host)
    })
    .unwrap();
    assert_eq!(
        host.calls()[0],
        format!("exec demo-worker-0 rm -rf -- {}", paths(of_workers, "files"))
    );
}

#[test]
fn a_failure_in_one_pod_does_not_spare_the_others() {
    let host = pods().on_exec(|pod, argv| match argv[0] {
        "sh" => ok(STATUS),
        _ if pod == "demo-worker-0" => exit(1, "rm: Device or resource busy"),
        _ => ok(""),
    });
    let ctx = support::KIT.context(&community(json!({}))).unwrap();
    let failed = converse(&host, |host| JuiceFs::shutdown(&ctx, host)).unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("pod demo-worker-0: exit code 1: rm: Device or resource busy"),
        "{failed}"
    );
    assert!(
        host.calls()[2].starts_with("exec demo-worker-1 rm"),
        "{:?}",
        host.calls()
    );
}

#[test]
fn where_there_are_only_clients_they_are_asked() {
    let clients = || {
        FakeHost::new()
            .pod("worker", "demo-worker-0", false)
            .pod("fuse", "demo-fuse-a", true)
    };
    let ctx = support::KIT.context(&community(json!({}))).unwrap();
    let host = clients().on_exec(|_, argv| if argv[0] == "sh" { ok(STATUS) } else { ok("") });
    converse(&host, |host| JuiceFs::shutdown(&ctx, host)).unwrap();
    assert!(
        host.calls()[1].starts_with("exec demo-fuse-a rm -rf"),
        "{:?}",
        host.calls()
    );

    let nobody = FakeHost::new().pod("fuse", "demo-fuse-a", false);
    let later = converse(&nobody, |host| JuiceFs::storage_stats(&ctx, host)).unwrap_err();
    assert!(matches!(later, wasser_sdk::Error::RetryAfter { .. }), "{later:?}");
    let host = clients().on_exec(|_, _| ok(""));
    converse(&host, |host| JuiceFs::storage_stats(&ctx, host)).unwrap_err();
    assert!(
        host.calls().iter().all(|call| call.starts_with("exec demo-fuse-a ")),
        "{:?}",
        host.calls()
    );
}

#[test]
fn without_a_cache_nothing_is_removed() {
    let ctx = support::KIT.context(&community(json!({}))).unwrap();
    let host = FakeHost::new();
    converse(&host, |host| JuiceFs::shutdown(&ctx, host)).unwrap();
    assert_eq!(host.calls(), Vec::<String>::new());

    let host = pods().on_exec(|_, _| ok("{}"));
    assert!(
        converse(&host, |host| JuiceFs::shutdown(&ctx, host))
            .unwrap_err()
            .to_string()
            .contains("names no UUID")
    );
    assert!(
        !host.calls().iter().any(|call| call.contains(" rm ")),
        "{:?}",
        host.calls()
    );
}

#[test]
fn the_cache_of_a_dataset_that_has_gone_is_found_by_what_is_installed() {
    let documents = enterprise(json!({"management": {"cleanCachePolicy": {"gracePeriodSeconds": -5}}}));
    let mut raw = support::KIT.raw(&documents);
    raw.installed = Some(support::values(&documents).unwrap().to_string());
    raw.dataset = None;
    let host = pods().on_exec(|_, _| ok(""));
    converse(&host, |host| {
        JuiceFs::shutdown(&wasser_sdk::Context::parse(raw.clone()).unwrap(), host)
    })
    .unwrap();
    assert_eq!(
        host.calls()[0],
        "exec demo-worker-0 rm -rf -- /var/jfsCache/files/raw/chunks"
    );
}

#[test]
fn options_that_have_a_field_of_their_own_are_told_once() {
    let documents = community(json!({"worker": {"options": {"cache-size": "1024", "prefetch": "1"}},
            "fuse": {"options": {"cache-size": "0"}}}));
    let ctx = support::KIT.context(&documents).unwrap();
    let host = FakeHost::new().ports_from(1);
    let values = JuiceFs::desired(&ctx, &host).unwrap();
    let events = |host: &FakeHost| {
        host.calls()
            .into_iter()
            .filter(|call| call.starts_with("event"))
            .collect::<Vec<_>>()
    };
    let expected = "event Warning RuntimeDeprecated spec.worker.options.cache-size is deprecated and may be ignored \
        one day; \
                    use spec.tieredstore.levels[0].quota instead";
    assert_eq!(events(&host), [expected]);

    let mut raw = support::KIT.raw(&documents);
    raw.installed = Some(serde_json::to_string(&values).unwrap());
    let host = FakeHost::new().ports_from(1);
    JuiceFs::desired(&wasser_sdk::Context::parse(raw).unwrap(), &host).unwrap();
    assert_eq!(events(&host), Vec::<String>::new());
}

#[test]
fn writes_that_a_pod_can_take_with_it_are_warned_of() {
    let events = |volume: &str, writeback: &str| {
        let level = json!({"mediumtype": "SSD", "path": "/cache", "quota": "1Gi", "volumeType": volume});
        let options = json!({"options": {"writeback": writeback}});
        let mut documents = community(json!({"tieredstore": {"levels": [level]}, "fuse": options}));
        documents[0]["spec"]["accessModes"] = json!(["ReadWriteMany"]);
        let host = FakeHost::new().ports_from(1);
        JuiceFs::desired(&support::KIT.context(&documents).unwrap(), &host).unwrap();
        let calls = host.calls().into_iter();
        calls
            .filter(|call| call.starts_with("event Warning UnsafeWriteback"))
            .count()
    };
    assert_eq!(
        [
            events("emptyDir", ""),
            events("emptyDir", "true"),
            events("hostPath", ""),
            events("emptyDir", "0")
        ],
        [1, 1, 0, 0]
    );
}

#[test]
fn the_registration_in_the_repository_grants_what_the_plugin_wants() {
    let registration: Value = yaml_serde::from_str(include_str!("../plugin.yaml")).unwrap();
    let description = JuiceFs::describe();
    assert_eq!(registration["runtime"], description.kind);
    for want in &description.wants {
        let given = &registration["grants"][&want.capability];
        let expected = if want.scope.is_empty() {
            json!(true)
        } else {
            json!(want.scope)
        };
        assert_eq!(given, &expected, "{}", want.capability);
    }
    assert_eq!(
        registration["grants"].as_object().unwrap().len(),
        description.wants.len()
    );
}

#[rstest]
#[case::community(community(json!({})))]
#[case::enterprise(enterprise(json!({})))]
fn no_report_is_too_odd(#[case] documents: Vec<Value>) {
    let df = df(17_846_272);
    support::KIT.expect_odd_answers(&documents, pods, &[STATUS, COMMUNITY, ENTERPRISE, INFO, &df]);
}
