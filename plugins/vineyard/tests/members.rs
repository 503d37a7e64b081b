//! The script that starts a member of an etcd of several, run by real shells next to stand-ins of
//! etcd and etcdctl, which know the members from a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::json;
use support::KIT;
use wasser_testkit::scripts::{Ran, Sandbox, Script};

/// The members as etcdctl prints them, from a file; without it, there is no majority. The first
/// command that changes them fails if there is a file `busy`.
const ETCDCTL: &str = r#"
case "$*" in
*"member list") cat "$STATE/members" 2>/dev/null || exit 1 ;;
*"endpoint status") [ ! -f "$STATE/serves" ] || echo "http://one:2379, 1, 3.5.9"; exit 1 ;;
*"member "*)
    if [ -f "$STATE/busy" ]; then rm "$STATE/busy"; echo "unhealthy cluster" >&2; exit 1; fi
    for last; do :; done
    case "$*" in
    *remove*) grep -v "^$last," "$STATE/members" >"$STATE/next"; mv "$STATE/next" "$STATE/members" ;;
    *) echo "ff, unstarted, , ${last#--peer-urls=}, , false" >>"$STATE/members" ;;
    esac ;;
esac
"#;
const DATA: &str = "/etcd-data/member/wal/0.wal";

fn url(at: usize) -> String {
    format!("http://demo-master-{at}.demo-master.default:28001")
}

fn started(at: usize) -> String {
    format!("a{at}, started, demo-master-{at}, {}, http://x:28000, false\n", url(at))
}

fn unstarted(at: usize) -> String {
    format!("a{at}, unstarted, , {}, , false\n", url(at))
}

/// The script of the etcd's pods, of so many.
async fn script(members: u32) -> Option<Script> {
    let documents = support::pair(json!({"master": {"replicas": members}}));
    let rendered = KIT.helm().render(&support::values(&documents).unwrap()).await.unwrap();
    let mut scripts = Script::all(&rendered);
    scripts.retain(|script| script.place.contains("-master"));
    assert!(scripts.len() < 2, "{scripts:?}");
    scripts.pop()
}

/// The pod `demo-master-1`, without etcdctl.
fn pod() -> Sandbox {
    let mut sandbox = Sandbox::new(&["/etcd-data"]);
    sandbox.program("etcd", "");
    sandbox.set("STATE", sandbox.path("/state").display().to_string());
    for (name, value) in [
        ("POD_NAME", "demo-master-1"),
        ("CLIENT_PORT", "28000"),
        ("PEER_PORT", "28001"),
    ] {
        sandbox.set(name, value);
    }
    sandbox.file("/state/any", "");
    sandbox
}

/// The same of an etcd of three with these members.
fn sandbox(members: Option<&str>) -> Sandbox {
    let sandbox = pod();
    sandbox.program("etcdctl", ETCDCTL);
    if let Some(members) = members {
        sandbox.file("/state/members", members);
    }
    sandbox
}

/// The flags that etcd was started with in addition to those of a new etcd.
fn more(script: &Script, ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, 0, "{ran:?}");
    let [started] = ran.of("etcd").try_into().unwrap();
    let own = &script.arguments[3..];
    assert_eq!(
        &started[..own.len()],
        own,
        "$0, the domain and the members are not for etcd"
    );
    started[own.len()..].to_vec()
}

/// What etcdctl was asked to change.
fn changes(ran: &Ran) -> Vec<String> {
    let calls = ran.of("etcdctl").into_iter();
    let others = [
        "http://demo-master-0.demo-master.default:28000",
        "http://demo-master-2.demo-master.default:28000",
    ];
    let asked = calls.map(|call| {
        assert_eq!(call[0], format!("--endpoints={}", others.join(",")));
        call[3..].join(" ")
    });
    asked
        .filter(|asked| asked.starts_with("member") && asked != "member list")
        .collect()
}

fn joins(members: &[usize]) -> Vec<String> {
    let cluster: Vec<String> = members
        .iter()
        .map(|at| format!("demo-master-{at}={}", url(*at)))
        .collect();
    vec![
        "--initial-cluster-state=existing".to_owned(),
        format!("--initial-cluster={}", cluster.join(",")),
    ]
}

/// Runs the script in each shell that takes the program `sleep` of the test.
fn run(script: &Script, sandbox: impl Fn() -> Sandbox, check: impl Fn(&Sandbox, &Ran)) {
    // Busybox does not look for a program that it has itself.
    for shell in script.shells.iter().filter(|shell| shell[0] != "busybox") {
        let sandbox = sandbox();
        let ran = sandbox.run(script, shell, &[]);
        check(&sandbox, &ran);
    }
}

#[tokio::test]
async fn one_member_needs_no_script() {
    assert!(script(1).await.is_none());
}

#[tokio::test]
async fn members_begin_a_new_etcd_together_and_go_on_with_their_data() {
    let script = script(3).await.unwrap();
    for shell in &script.shells {
        let new = sandbox(None);
        let ran = new.run(&script, shell, &[]);
        assert!(more(&script, &ran).is_empty() && changes(&ran).is_empty(), "{ran:?}");
        let full = sandbox(Some(&(started(0) + &started(1) + &started(2))));
        full.file(DATA, "");
        let ran = full.run(&script, shell, &[]);
        assert!(more(&script, &ran).is_empty(), "{ran:?}");
        assert!(ran.of("etcdctl").is_empty(), "nobody is asked: {ran:?}");
    }
}

#[tokio::test]
async fn a_member_that_has_lost_its_data_leaves_and_joins() {
    let script = script(3).await.unwrap();
    let all = started(0) + &started(1) + &started(2);
    run(
        &script,
        || sandbox(Some(&all)),
        |_, ran| {
            let add = format!("member add demo-master-1 --peer-urls={}", url(1));
            assert_eq!(changes(ran), ["member remove a1".to_owned(), add]);
            assert_eq!(more(&script, ran), joins(&[0, 1, 2]));
        },
    );
}

#[tokio::test]
async fn what_was_interrupted_is_completed() {
    let script = script(3).await.unwrap();
    // It has left, and another one has as well, which joins later.
    let gone = started(0);
    run(
        &script,
        || sandbox(Some(&gone)),
        |_, ran| {
            assert_eq!(changes(ran).len(), 1, "{ran:?}");
            assert_eq!(more(&script, ran), joins(&[0, 1]));
        },
    );
    // It has joined and was not started, or never was since the etcd began.
    let never = started(0) + &unstarted(1) + &unstarted(2);
    run(
        &script,
        || sandbox(Some(&never)),
        |_, ran| {
            assert!(changes(ran).is_empty(), "{ran:?}");
            assert_eq!(more(&script, ran), joins(&[0, 1, 2]));
        },
    );
}

#[tokio::test]
async fn a_change_that_is_refused_is_tried_again() {
    let script = script(3).await.unwrap();
    let busy = || {
        let sandbox = sandbox(Some(&(started(0) + &started(2))));
        sandbox.file("/state/busy", "");
        sandbox.program("sleep", "");
        sandbox
    };
    run(&script, busy, |_, ran| {
        assert_eq!((changes(ran).len(), ran.of("sleep").len()), (2, 1), "{ran:?}");
        assert!(ran.stderr.contains("unhealthy cluster"), "{ran:?}");
        assert_eq!(more(&script, ran), joins(&[0, 1, 2]));
    });
}

#[tokio::test]
async fn a_majority_that_is_away_is_waited_for_and_nothing_new_begun() {
    let script = script(3).await.unwrap();
    let lost = || {
        let sandbox = sandbox(None);
        sandbox.file("/state/serves", "");
        let back = started(0) + &started(1) + &started(2);
        sandbox.program("sleep", &format!("printf '%s' '{back}' >\"$STATE/members\""));
        sandbox
    };
    run(&script, lost, |_, ran| {
        assert!(ran.stderr.contains("the members that run are no majority"), "{ran:?}");
        assert_eq!(ran.of("sleep").len(), 1, "{ran:?}");
        assert_eq!(more(&script, ran), joins(&[0, 1, 2]));
    });
}

#[tokio::test]
async fn an_image_without_etcdctl_starts_as_before() {
    let script = script(3).await.unwrap();
    run(&script, pod, |_, ran| {
        assert!(more(&script, ran).is_empty() && ran.of("etcdctl").is_empty(), "{ran:?}");
    });
}
