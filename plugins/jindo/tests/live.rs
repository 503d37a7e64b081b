//! Mounts that come and go while a Dataset is in use, and masters that have forgotten theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_jindo::Jindo;
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Context, HostError, Implement, Mount, UfsChange};

const MASTER: &str = "demo-jindofs-master-0";
/// Later than the start of the masters here, which is that of 1970.
const LATER: &str = "2026-01-01T00:00:00Z";
const EARLIER: &str = "1969-12-31T23:59:59Z";

fn mount(source: &str, name: &str) -> Value {
    json!({"mountPoint": source, "name": name, "options": {"fs.oss.endpoint": "oss.example.com"}})
}

/// Returns a mount of `oss://a/x` that is cached in this way.
fn cached(name: &str, strategy: &str) -> Value {
    let mut mount = mount("oss://a/x", name);
    mount["options"]["cacheStrategy"] = strategy.into();
    mount
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
#[case::another_cache_set(&[mount("oss://a/x", "a")], &[cached("a", "DHT")], three(&[], &[], &["/a"]))]
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

#[rstest]
#[case::refused(Ok(1))]
#[case::unanswered(Err(HostError::Timeout))]
fn a_source_is_not_replaced_while_the_old_one_cannot_be_unmounted(#[case] unmount: Result<i32, HostError>) {
    let (old, new) = (mount("oss://a/x", "a"), mount("oss://a/y", "a"));
    let ctx = live(&[old], &[new], json!({}), Some(LATER));
    let host = master().on_exec(move |_, argv| match argv {
        [_, "-mount"] => ok("Mount point: /a oss://a/x"),
        [_, "-unmount", _] => unmount.clone().and_then(|code| exit(code, "in use")),
        [_, "-listCacheSet"] => ok("cacheStrategy: DISTRIBUTED"),
        _ => ok(""),
    });
    let change = Jindo::should_update_ufs(&ctx, &host).unwrap();
    let refused = converse(&host, |host| Jindo::update_ufs(&ctx, host, &change)).unwrap_err();
    assert!(refused.to_string().contains("oss://a/y at /a, for which"), "{refused}");
    assert!(
        !host.calls().iter().any(|call| call.contains("-mount /a")),
        "{:?}",
        host.calls()
    );
}

/// What a pod has as a file is as old as the pod.
#[test]
fn cache_sets_that_change_reach_the_master_once_and_unmount_nothing() {
    let (shown, bad) = ([mount("oss://a/x", "a")], mount("oss://bad/x", "bad"));
    let wanted = [cached("a", "DHT"), bad];
    let given = Rc::new(RefCell::new(Vec::new()));
    let inputs = given.clone();
    let host = master().on_command(move |command| {
        let input = command.stdin.map(|input| String::from_utf8_lossy(input).into_owned());
        inputs.borrow_mut().extend(input);
        match command.argv {
            [_, "-mount"] => ok("Mount point: /a oss://a/x"),
            [_, "-mount", "/bad", _] => exit(1, "no such bucket"),
            [_, "-listCacheSet"] => ok("cacheStrategy: DISTRIBUTED"),
            _ => ok(""),
        }
    });
    let update = |wanted: &[Value]| {
        let ctx = live(&shown, wanted, json!({}), Some(LATER));
        let change = Jindo::should_update_ufs(&ctx, &host).unwrap();
        let done = converse(&host, |host| Jindo::update_ufs(&ctx, host, &change));
        (done.is_ok(), given.take())
    };
    let (done, sets) = update(&wanted);
    assert!(!done && sets.len() == 1, "{sets:?}");
    assert!(
        sets[0].contains("<path>oss://a/x</path>\n    <cacheStrategy>DHT<"),
        "{sets:?}"
    );
    assert_eq!(update(&wanted), (false, vec![]));
    // Given up, they are what they were.
    let (done, sets) = update(&shown);
    assert!(done && sets.len() == 1, "{sets:?}");
    assert!(sets[0].contains("<cacheStrategy>DISTRIBUTED<"), "{sets:?}");
    assert!(
        !host.calls().iter().any(|call| call.contains("-unmount")),
        "{:?}",
        host.calls()
    );
}

#[test]
fn data_sources_that_hang_keep_no_other_away_and_come_last_the_next_time() {
    let names = ["a", "hang-1", "hang-2", "x"];
    let mounts = names.map(|name| mount(&format!("oss://{name}/x"), name));
    let ctx = live(&[], &mounts, json!({}), None);
    let host = master().on_exec(|_, argv| match argv {
        [_, "-mount", path, _] if path.starts_with("/hang") => Err(HostError::Timeout),
        _ => ok(""),
    });
    let tried = || {
        host.calls.borrow_mut().clear();
        let error = converse(&host, |host| Jindo::prepare_ufs(&ctx, host)).unwrap_err();
        let calls = host.calls();
        let calls = calls.iter().filter_map(|call| call.split_once(" -mount /"));
        let paths: Vec<String> = calls
            .map(|(_, call)| call.split(' ').next().unwrap().to_owned())
            .collect();
        (paths, error.to_string())
    };
    let (paths, why) = tried();
    assert_eq!(paths, names[..3]);
    assert!(why.contains("oss://x/x at /x: there was no time left"), "{why}");
    assert_eq!(tried().0, ["a", "x", "hang-1", "hang-2"]);
}

/// What is cached of a mount goes with it: a retry that is about another mount must not make it
/// again.
#[test]
fn a_mount_that_is_right_stays_when_another_one_is_tried_again() {
    let shown = [mount("oss://a/x", "a")];
    let wanted = [mount("oss://a/y", "a"), mount("oss://bad/x", "b")];
    let ctx = live(&shown, &wanted, json!({}), Some(LATER));
    let there = Rc::new(RefCell::new(vec!["/a".to_owned()]));
    let host = master().on_exec(move |_, argv| match argv {
        [_, "-mount"] => ok(&there
            .borrow()
            .iter()
            .map(|path| format!("Mount point: {path} x\n"))
            .collect::<String>()),
        [_, "-mount", "/b", ..] => exit(1, "no such bucket"),
        [_, "-mount", path, _] => {
            there.borrow_mut().push((*path).to_owned());
            ok("")
        }
        [_, "-unmount", gone] => {
            there.borrow_mut().retain(|path| path != gone);
            ok("")
        }
        [_, "-listCacheSet"] => ok("cacheStrategy: DISTRIBUTED"),
        _ => ok(""),
    });
    let changes = |ctx: &Context<support::Spec>| {
        host.calls.borrow_mut().clear();
        let change = Jindo::should_update_ufs(ctx, &host).unwrap();
        let refused = converse(&host, |host| Jindo::update_ufs(ctx, host, &change));
        let calls = host.calls();
        let calls = calls.iter().filter_map(|call| call.split_once(" jindocache "));
        let changes: Vec<String> = calls
            .map(|(_, call)| call.to_owned())
            .filter(|call| call.contains("mount /"))
            .collect();
        (refused.map_err(|error| error.to_string()), changes)
    };
    let (refused, made) = changes(&ctx);
    assert!(refused.unwrap_err().contains("no such bucket"));
    assert_eq!(made, ["-unmount /a", "-mount /a oss://a/y", "-mount /b oss://bad/x"]);
    let (refused, made) = changes(&ctx);
    assert!(refused.unwrap_err().contains("no such bucket"));
    assert_eq!(made, ["-mount /b oss://bad/x"]);
    // Given up, it is what it was.
    let (done, made) = changes(&live(&shown, &shown, json!({}), Some(LATER)));
    assert_eq!(done, Ok(true));
    assert_eq!(made, ["-unmount /a", "-mount /a oss://a/x"]);
}
