//! The commands of a class: where they run, and what is made of what they print.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_cache::Cache;
use wasser_sdk::testing::{FakeHost, converse, exit, ok, role};
use wasser_sdk::{Context, Error, Implement, UfsChange};
use wasser_testkit::merge;

/// A class whose components have these entries.
fn class(master: Option<Value>, worker: Option<Value>) -> Value {
    let component = |name: &str, entries: Value| merge(support::component(name), json!({"executionEntries": entries}));
    let mut topology = json!({"client": support::component("client")});
    for (name, entries) in [("master", master), ("worker", worker)] {
        if let Some(entries) = entries {
            topology[name] = component(name, entries);
        }
    }
    json!({"topology": topology})
}

fn both() -> Value {
    json!({"mountUFS": {"command": ["mount", "-a"]}, "reportSummary": {"command": ["report"]}})
}

/// A runtime that is installed, with the files of its class on a host of these pods.
struct Installed {
    documents: Vec<Value>,
    values: Value,
}

impl Installed {
    fn of(class: Value) -> Self {
        let documents = support::trio(json!({}), json!({}), class);
        let values = support::values(&documents).unwrap();
        Self { documents, values }
    }

    fn context(&self) -> Context<support::Spec> {
        let mut raw = support::KIT.raw(&self.documents);
        raw.installed = Some(self.values.to_string());
        raw.roles = vec![role("master", 1, 1), role("worker", 1, 1)];
        Context::parse(raw).unwrap()
    }

    /// A host whose pods have the present configuration, and answer other commands by `answer`.
    fn host(&self, answer: &'static str) -> FakeHost {
        let config = self.values["config"].as_str().unwrap().to_owned();
        wasser_testkit::host(&self.documents).on_exec(move |_, argv| match argv {
            ["cat", ..] => ok(&config),
            _ => ok(answer),
        })
    }

    fn failure(&self, host: &FakeHost) -> String {
        match converse(host, |host| Cache::prepare_ufs(&self.context(), host)) {
            Err(Error::Failed(message) | Error::RetryAfter { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the commands that pods were asked to run.
fn commands(host: &FakeHost) -> Vec<String> {
    let mut calls = host.calls();
    calls.retain(|call| call.starts_with("exec "));
    calls
}

#[rstest]
#[case::master(class(Some(both()), Some(json!({}))), "master")]
#[case::worker(class(Some(json!({})), Some(both())), "worker")]
#[case::no_master(class(None, Some(both())), "worker")]
fn commands_run_in_the_first_pod_of_the_component_that_has_them(#[case] class: Value, #[case] component: &str) {
    let installed = Installed::of(class);
    let names = [1, 0].map(|at| format!("demo-{component}-{at}"));
    let host = names
        .iter()
        .fold(installed.host(r#"{"mounted": ["/bucket"]}"#), |host, name| {
            host.pod(component, name, true)
        });
    let ctx = installed.context();
    assert!(Cache::should_check_ufs(&ctx, &host).unwrap());
    converse(&host, |host| Cache::prepare_ufs(&ctx, host)).unwrap();
    let first = &names[1];
    let calls = commands(&host);
    assert_eq!(calls.last().unwrap(), &format!("exec {first} mount -a"));
    assert!(
        calls.iter().all(|call| call.starts_with(&format!("exec {first} "))),
        "{calls:?}"
    );
}

#[test]
fn another_pod_runs_them_while_the_first_one_does_not() {
    let installed = Installed::of(class(Some(both()), None));
    let host = installed.host(r#"{"mounted": ["/bucket/"]}"#);
    let host = host
        .pod("master", "demo-master-0", false)
        .pod("master", "demo-master-1", true);
    converse(&host, |host| Cache::prepare_ufs(&installed.context(), host)).unwrap();
    assert_eq!(commands(&host).last().unwrap(), "exec demo-master-1 mount -a");
    let nobody = installed.host("").pod("master", "demo-master-0", false);
    assert_eq!(
        installed.failure(&nobody),
        "no pod of demo-master is ready to run mountUFS"
    );
}

#[test]
fn workers_mount_once_there_are_some_and_everybody_mounts_once() {
    let mut installed = Installed::of(class(None, Some(both())));
    let host = installed.host("");
    let mut ctx = installed.context();
    ctx.roles = vec![role("worker", 1, 0)];
    assert!(!Cache::should_check_ufs(&ctx, &host).unwrap());
    installed.documents[1]["status"] = json!({"mountTime": "2026-01-01T00:00:00Z"});
    assert!(!Cache::should_check_ufs(&installed.context(), &host).unwrap());
}

#[rstest]
#[case::missing(ok(r#"{"mounted": ["/other"]}"#), "/bucket is not mounted afterwards")]
#[case::none(ok("{}"), "/bucket is not mounted afterwards")]
#[case::log(ok("mounting\n{}"), "not of the form {\"mounted\": [\"/path\"]}")]
#[case::failed(
    exit(3, "one\ntwo"),
    "mountUFS of CacheRuntimeClass demofs in pod demo-master-0: exit code 3: two"
)]
fn what_does_not_mount_says_why(
    #[case] answer: Result<wasser_sdk::Output, wasser_sdk::HostError>,
    #[case] message: &str,
) {
    let installed = Installed::of(class(Some(both()), None));
    let config = installed.values["config"].as_str().unwrap().to_owned();
    let host = wasser_testkit::host(&installed.documents)
        .on_exec(move |_, argv| if argv[0] == "cat" { ok(&config) } else { answer.clone() })
        .pod("master", "demo-master-0", true);
    let failure = installed.failure(&host);
    assert!(failure.contains(message), "{failure}");
}

#[test]
fn a_pod_mounts_only_what_it_knows_of() {
    let installed = Installed::of(class(Some(both()), None));
    let pods = |cat: Result<wasser_sdk::Output, wasser_sdk::HostError>| {
        wasser_testkit::host(&installed.documents)
            .on_exec(move |_, argv| {
                if argv[0] == "cat" {
                    cat.clone()
                } else {
                    ok(r#"{"mounted": ["/bucket"]}"#)
                }
            })
            .pod("master", "demo-master-0", true)
    };
    let old = pods(ok("{}"));
    let failure = installed.failure(&old);
    assert!(
        failure.contains("does not have the new /etc/fluid/config/runtime.json yet"),
        "{failure}"
    );
    assert_eq!(
        commands(&old),
        ["exec demo-master-0 cat /etc/fluid/config/runtime.json"]
    );
    let without_cat = pods(exit(127, "cat: not found"));
    converse(&without_cat, |host| Cache::prepare_ufs(&installed.context(), host)).unwrap();
}

#[test]
fn a_class_without_the_command_mounts_by_itself_as_soon_as_the_release_says_so() {
    let installed = Installed::of(class(Some(json!({})), None));
    let host = installed.host("").pod("master", "demo-master-0", true);
    let mut ctx = installed.context();
    assert!(!Cache::should_check_ufs(&ctx, &host).unwrap());
    assert!(Cache::update_ufs(&ctx, &host, &UfsChange::default()).unwrap());
    ctx.installed.as_mut().unwrap()["config"] = "{}".into();
    assert!(!Cache::update_ufs(&ctx, &host, &UfsChange::default()).unwrap());
    assert!(commands(&host).is_empty());
    assert_eq!(Cache::cache_states(&ctx, &host), Err(Error::NotSupported));
}

#[test]
fn states_and_sizes_are_those_of_the_report() {
    const REPORT: &str = r#"{"cached": "1.00GiB", "cachedPercentage": "25", "cacheCapacity": "4.00GiB",
        "cacheHitRatio": "0", "fileNum": "400", "ufsTotal": "100GB"}"#;
    let installed = Installed::of(class(Some(both()), None));
    let (host, ctx) = (
        installed.host(REPORT).pod("master", "demo-master-0", true),
        installed.context(),
    );
    let states = converse(&host, |host| Cache::cache_states(&ctx, host)).unwrap();
    let states: Vec<String> = states.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = [
        "cacheCapacity=4.00GiB",
        "cacheHitRatio=0",
        "cached=1.00GiB",
        "cachedPercentage=25",
    ];
    assert_eq!(states, expected);
    let stats = converse(&host, |host| Cache::storage_stats(&ctx, host)).unwrap();
    assert_eq!((stats.total, stats.total_files), (100 << 30, 400));
    let without = installed
        .host(r#"{"cached": "1"}"#)
        .pod("master", "demo-master-0", true);
    let stats = converse(&without, |host| Cache::storage_stats(&ctx, host));
    assert_eq!(stats, Err(Error::NotSupported));
    let words = installed.host("cached: 1").pod("master", "demo-master-0", true);
    let refused = converse(&words, |host| Cache::cache_states(&ctx, host)).unwrap_err();
    assert!(refused.to_string().contains("is not a JSON object"), "{refused}");
}

#[test]
fn no_answer_is_too_odd() {
    let installed = Installed::of(class(Some(both()), None));
    let documents = installed.documents.clone();
    let pods = move || wasser_testkit::host(&documents).pod("master", "demo-master-0", true);
    let answers = [
        r#"{"mounted": ["/bucket"]}"#,
        r#"{"cached": "1.00GiB", "fileNum": 4, "ufsTotal": "1GB"}"#,
    ];
    support::KIT.expect_odd_answers(&installed.documents, pods, &answers);
}
