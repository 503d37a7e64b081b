//! What is said to masters: a cache that is looked at and emptied, and masters that do not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::json;
use support::live::{MASTER, live, master, mount};
use wasser_alluxio::Alluxio;
use wasser_sdk::testing::{FakeHost, converse, ok};
use wasser_sdk::{Error, Implement, Measure};

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
