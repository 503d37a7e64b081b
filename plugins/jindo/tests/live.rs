//! Mounts that come and go while a Dataset is in use, and masters that have forgotten theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_jindo::Jindo;
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Context, Implement, Mount, UfsChange};

const MASTER: &str = "demo-jindofs-master-0";
/// Later than the start of the masters here, which is that of 1970.
const LATER: &str = "2026-01-01T00:00:00Z";
const EARLIER: &str = "1969-12-31T23:59:59Z";

fn mount(source: &str, name: &str) -> Value {
    json!({"mountPoint": source, "name": name, "options": {"fs.oss.endpoint": "oss.example.com"}})
}

/// Returns a runtime whose mounts were made at `time`, with these in the Dataset's status and those
/// in its spec.
fn live(shown: &[Value], wanted: &[Value], runtime: Value, time: Option<&str>) -> Context<support::Spec> {
    let mut documents = support::KIT.pair(json!({"mounts": wanted}), runtime);
    documents[0]["status"] = json!({"mounts": shown});
    documents[1]["status"] = json!({"mountTime": time});
    support::KIT.context(&documents).unwrap()
}

fn master() -> FakeHost {
    FakeHost::new().pod("master", MASTER, true)
}

/// Returns the paths that are added, removed and changed.
fn paths(change: &UfsChange) -> [Vec<&str>; 3] {
    let [added, removed] = [&change.added, &change.removed].map(|mounts| mounts.keys().map(String::as_str).collect());
    [added, removed, change.changed.keys().map(String::as_str).collect()]
}

fn three<'a>(added: &'a [&'a str], removed: &'a [&'a str], changed: &'a [&'a str]) -> [&'a [&'a str]; 3] {
    [added, removed, changed]
}

#[rstest]
#[case::none(&[mount("oss://a/x", "a")], &[mount("oss://a/x", "a")], three(&[], &[], &[]))]
#[case::one_for_another(&[mount("oss://a/x", "a")], &[mount("oss://a/y", "b")], three(&["/b"], &["/a"], &[]))]
#[case::another_source(&[mount("oss://a/x", "a")], &[mount("oss://a/y", "a")], three(&[], &[], &["/a"]))]
#[case::another_directory(&[mount("pvc://c/x", "a")], &[mount("pvc://c/y", "a")], three(&[], &[], &["/a"]))]
#[case::not_bound(&[], &[mount("oss://a/x", "a")], three(&[], &[], &[]))]
fn a_change_is_the_difference_to_what_is_shown(
    #[case] shown: &[Value],
    #[case] wanted: &[Value],
    #[case] expected: [&[&str]; 3],
) {
    let ctx = live(shown, wanted, json!({}), Some(LATER));
    assert_eq!(paths(&Jindo::should_update_ufs(&ctx, &master()).unwrap()), expected);
    // While no master is ready, nothing can be done about it.
    let none = FakeHost::new().pod("master", MASTER, false);
    assert_eq!(
        converse(&none, |host| Jindo::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
}

#[rstest]
#[case::restarted(Some(EARLIER), json!({}), &["/a", "/b"])]
#[case::enabled_later(None, json!({}), &["/a", "/b"])]
#[case::as_it_was(Some(LATER), json!({}), &[])]
#[case::no_master(None, json!({"master": {"disabled": true}, "worker": {"disabled": true}}), &[])]
fn a_master_that_started_after_the_mounts_were_made_gets_them_all(
    #[case] time: Option<&str>,
    #[case] runtime: Value,
    #[case] expected: &[&str],
) {
    let mounts = [mount("oss://a/x", "a"), mount("oss://b/x", "b")];
    let ctx = live(&mounts, &mounts, runtime, time);
    let change = Jindo::should_update_ufs(&ctx, &master()).unwrap();
    assert_eq!(paths(&change), [expected, &[], &[]]);
}

#[rstest]
#[case::fine(0, 0)]
#[case::refused(1, 1)]
fn what_goes_is_unmounted_before_what_comes_is_mounted(#[case] code: i32, #[case] events: usize) {
    let ctx = live(
        &[mount("oss://a/x", "a")],
        &[mount("oss://a/y", "b")],
        json!({}),
        Some(LATER),
    );
    let host = master().on_exec(move |_, argv| match argv {
        [_, "-mount"] => ok("Mount point: /a oss://a/x"),
        [_, "-unmount", _] => exit(code, "in use"),
        [_, "-listCacheSet"] => ok("cacheStrategy: DISTRIBUTED"),
        _ => ok(""),
    });
    let placed = |paths: &[&str]| {
        paths
            .iter()
            .map(|path| ((*path).to_owned(), Mount::default()))
            .collect()
    };
    let change = UfsChange {
        added: placed(&["/b"]),
        removed: placed(&["/a", "/gone"]),
        ..UfsChange::default()
    };
    let ready = converse(&host, |host| Jindo::update_ufs(&ctx, host, &change)).unwrap();
    assert!(ready, "one that stays mounted keeps nobody waiting");
    let calls = host.calls();
    let changes: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.strip_prefix("exec demo-jindofs-master-0 jindocache "))
        .filter(|call| call.contains("mount "))
        .collect();
    assert_eq!(changes, ["-unmount /a", "-mount /b oss://a/y"]);
    let reported = calls
        .iter()
        .filter(|call| call.starts_with("event Warning UnmountFailed") && call.contains("in use"));
    assert_eq!(reported.count(), events);
}
