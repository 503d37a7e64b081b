//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;

#[rstest]
#[case::resources(json!({"master": {"resources": {"limits": {"cpu": "2"}}}}), "/master/resources/limits/cpu",
    json!("2"))]
#[case::masters(json!({"master": {"replicas": 2}}), "/master/count", json!(2))]
#[case::size(json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "path": "/m", "quota": "2Gi"}]}}),
    "/worker/tieredstore/levels/0/quota", json!("2Gi"))]
#[case::image(json!({"worker": {"version": {"imageTag": "v2"}}}), "/worker/imageTag", json!("v2"))]
#[case::no_master(json!({"master": {"disabled": true}}), "/master/enabled", json!(false))]
fn a_change_reaches_the_release(#[case] runtime: Value, #[case] pointer: &str, #[case] expected: Value) {
    let before = support::values(&support::pair(json!({}))).unwrap();
    let values = support::synced(&support::pair(runtime), &before).unwrap();
    assert_eq!(values.pointer(pointer), Some(&expected));
    assert_eq!(values["fuse"], before["fuse"], "clients are not restarted");
}

#[test]
fn a_new_default_image_restarts_nobody_and_clients_stay_on_their_nodes() {
    let mut before = support::values(&support::pair(json!({}))).unwrap();
    for part in ["master", "worker", "fuse", "initFuse"] {
        before[part]["image"] = "old".into();
        before[part]["imageTag"] = "v0".into();
    }
    before["fuse"]["nodeSelector"] = json!({"fluid.io/f-old": "true"});
    assert_eq!(support::synced(&support::pair(json!({})), &before).unwrap(), before);
}

#[test]
fn the_port_stays_as_it_is_installed() {
    let before = support::values(&support::pair(json!({}))).unwrap();
    assert_eq!(before["worker"]["port"]["rpc"], support::FIRST_PORT);
    let port = |runtime: Value| {
        let values = support::synced(&support::pair(runtime), &before).unwrap();
        let options = support::options(&values, "worker");
        let (_, option) = options.iter().find(|(name, _)| name == "server_port").unwrap();
        assert_eq!(*option, values["worker"]["port"]["rpc"].to_string());
        values["worker"]["port"]["rpc"].clone()
    };
    assert_eq!(port(json!({"replicas": 1})), support::FIRST_PORT);
    assert_eq!(port(json!({"worker": {"ports": {"rpc": 17001}}})), 17001);
    let own = json!({"worker": {"networkMode": "ContainerNetwork"}});
    assert_eq!(port(own), 14555, "which is the pods' own");
}

/// The addresses that the values have, for these workers and what was installed.
fn endpoints(wanted: u32, workers: &[(&str, bool)], installed: Value) -> Value {
    let documents = support::pair(json!({"replicas": wanted}));
    let mut before = support::values(&documents).unwrap();
    before["worker"]["endpoints"] = installed;
    let values = KIT
        .synced(&documents, &before, 0, &support::host_with(workers))
        .unwrap();
    values["worker"]["endpoints"].clone()
}

#[rstest]
#[case::all(2, &[("10.0.0.2", true), ("10.0.0.1", true)], json!([]), json!(["10.0.0.1:16000", "10.0.0.2:16000"]))]
#[case::the_first_of_two(2, &[("10.0.0.1", true), ("10.0.0.2", false)], json!([]), json!([]))]
#[case::one_that_starts_again(2, &[("10.0.0.1", true), ("10.0.0.2", false)],
    json!(["10.0.0.1:16000", "10.0.0.2:16000"]), json!(["10.0.0.1:16000", "10.0.0.2:16000"]))]
#[case::one_that_moved(2, &[("10.0.0.1", true), ("10.0.0.3", true)],
    json!(["10.0.0.1:16000", "10.0.0.2:16000"]), json!(["10.0.0.1:16000", "10.0.0.3:16000"]))]
#[case::one_that_still_goes(1, &[("10.0.0.1", true), ("10.0.0.2", true)],
    json!(["10.0.0.1:16000", "10.0.0.2:16000"]), json!(["10.0.0.1:16000", "10.0.0.2:16000"]))]
#[case::no_address(1, &[("", true)], json!([]), json!([]))]
#[case::none_any_more(0, &[("10.0.0.1", true)], json!(["10.0.0.1:16000"]), json!([]))]
#[case::long(1, &[("fd00::1", true)], json!([]), json!(["[fd00::1]:16000"]))]
fn addresses_are_those_of_all_workers_once_they_are_ready(
    #[case] wanted: u32,
    #[case] workers: &[(&str, bool)],
    #[case] installed: Value,
    #[case] expected: Value,
) {
    assert_eq!(endpoints(wanted, workers, installed), expected);
}

#[test]
fn workers_that_are_disabled_have_no_address() {
    let documents = support::pair(json!({"replicas": 1, "worker": {"disabled": true}}));
    let values = KIT
        .values(&documents, &support::host_with(&[("10.0.0.1", true)]))
        .unwrap();
    assert_eq!(values["worker"]["endpoints"], json!([]));
}
