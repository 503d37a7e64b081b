//! How the cache is emptied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_efc::Efc;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Captured, Context, Ending, Implement, Output};

const WORKERS: &[(&str, bool)] = &[("10.0.0.1", true), ("10.0.0.2", false), ("10.0.0.3", true)];

fn level(level: Value) -> Value {
    json!({"tieredstore": {"levels": [level]}})
}

/// A host whose commands end with this code.
fn answering(code: i32) -> FakeHost {
    support::host_with(WORKERS).on_exec(move |_, _| {
        Ok(Output {
            stdout: Captured::default(),
            stderr: Captured {
                bytes: b"first\nlast".to_vec(),
                truncated: false,
            },
            ending: Ending::Exited(code),
        })
    })
}

fn commands(host: &FakeHost) -> Vec<String> {
    let calls = host.calls();
    calls.into_iter().filter(|call| call.starts_with("exec")).collect()
}

fn shut_down(runtime: Value, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let documents = support::pair(runtime);
    let mut installed = support::values(&documents).unwrap();
    change(&mut installed);
    let mut raw = KIT.raw(&documents);
    raw.installed = Some(installed.to_string());
    let host = answering(0);
    Efc::shutdown(&Context::parse(raw).unwrap(), &host).unwrap();
    commands(&host)
}

#[rstest]
#[case::disk(level(json!({"mediumtype": "SSD", "path": "/mnt/disk"})), "/mnt/disk/default/demo")]
#[case::memory_of_the_node(level(json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "1Gi"})),
    "/dev/shm/default/demo")]
#[case::volume(level(json!({"mediumtype": "SSD", "path": "/a",
    "volumeSource": {"persistentVolumeClaim": {"claimName": "c"}}})), "/a/default/demo")]
fn every_ready_worker_empties_its_directory(#[case] runtime: Value, #[case] directory: &str) {
    let of = |pod: &str| format!("exec {pod} rm -rf -- {directory}/tier_dadi");
    assert_eq!(shut_down(runtime, |_| ()), [of("demo-worker-0"), of("demo-worker-2")]);
}

#[rstest]
#[case::by_default(json!({}))]
#[case::by_the_user(level(json!({"mediumtype": "SSD", "path": "/a", "volumeType": "emptyDir"})))]
fn what_is_in_a_directory_of_the_pod_goes_with_it(#[case] runtime: Value) {
    assert_eq!(shut_down(runtime, |_| ()), Vec::<String>::new());
}

#[test]
fn what_is_installed_counts() {
    let disk = level(json!({"mediumtype": "SSD", "path": "/new"}));
    let moved = shut_down(disk.clone(), |installed| {
        installed["worker"]["tieredstore"]["levels"][0]["path"] = "/old/default/demo".into();
    });
    assert_eq!(moved[0], "exec demo-worker-0 rm -rf -- /old/default/demo/tier_dadi");
    for odd in [
        "/",
        "/etc",
        "/default/demo",
        "/a/../default/demo",
        "relative/default/demo",
        "",
    ] {
        let commands = shut_down(disk.clone(), |installed| {
            installed["worker"]["tieredstore"]["levels"][0]["path"] = odd.into();
        });
        assert_eq!(commands, Vec::<String>::new(), "{odd}");
    }
}

#[test]
fn what_fails_is_said_for_each_pod() {
    let ctx = KIT
        .context(&support::pair(level(json!({"mediumtype": "SSD", "path": "/a"}))))
        .unwrap();
    let host = answering(1);
    let failed = Efc::shutdown(&ctx, &host).unwrap_err().to_string();
    assert_eq!(commands(&host).len(), 2, "one that fails does not keep the others");
    for pod in ["demo-worker-0", "demo-worker-2"] {
        assert!(failed.contains(&format!("in pod {pod}: exit code 1: last")), "{failed}");
    }
}

#[test]
fn a_runtime_that_never_worked_has_no_cache() {
    let mut raw = KIT.raw(&support::pair(level(json!({"mediumtype": "TAPE", "path": "/a"}))));
    raw.dataset = None;
    let ctx = Context::parse(raw).unwrap();
    let host = answering(0);
    Efc::shutdown(&ctx, &host).unwrap();
    assert_eq!(commands(&host), Vec::<String>::new());
}
