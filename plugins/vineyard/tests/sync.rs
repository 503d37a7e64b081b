//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case::workers(json!({"replicas": 3}), "/worker/endpoints", json!(3))]
#[case::environment(json!({"worker": {"env": {"A": "1"}}}), "/worker/env/A", json!("1"))]
#[case::resources(json!({"master": {"resources": {"limits": {"cpu": "2"}}}}), "/master/resources/limits/cpu",
    json!("2"))]
#[case::size(json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "quota": "1Gi"}]}}), "/tieredstore/size",
    json!("1Gi"))]
#[case::image(json!({"worker": {"imageTag": "v1"}}), "/worker/imageTag", json!("v1"))]
fn a_change_reaches_the_release(#[case] runtime: Value, #[case] pointer: &str, #[case] expected: Value) {
    let before = support::values(&support::pair(json!({}))).unwrap();
    let values = support::synced(&support::pair(runtime), &before).unwrap();
    assert_eq!(values.pointer(pointer), Some(&expected));
    assert_eq!(values["fuse"], before["fuse"], "clients are not restarted");
}

#[test]
fn a_new_default_image_restarts_nobody_and_clients_stay_on_their_nodes() {
    let mut before = support::values(&support::pair(json!({}))).unwrap();
    for part in ["master", "worker", "fuse"] {
        before[part]["image"] = "old".into();
        before[part]["imageTag"] = "v0".into();
    }
    before["fuse"]["nodeSelector"] = json!({"fluid.io/f-old": "true"});
    assert_eq!(support::synced(&support::pair(json!({})), &before).unwrap(), before);
}

#[test]
fn ports_stay_as_they_are_installed() {
    let before = support::values(&support::pair(json!({}))).unwrap();
    assert_eq!(before["worker"]["ports"]["rpc"], support::FIRST_PORT + 2);
    let values = support::synced(&support::pair(json!({"replicas": 1})), &before).unwrap();
    for part in ["master", "worker"] {
        assert_eq!(values[part]["ports"], before[part]["ports"], "{part}");
    }
    let named = json!({"worker": {"ports": {"rpc": 9601}}});
    let values = support::synced(&support::pair(named), &before).unwrap();
    assert_eq!(values["worker"]["ports"]["rpc"], 9601);
    let own = json!({"worker": {"networkMode": "ContainerNetwork"}});
    let values = support::synced(&support::pair(own), &before).unwrap();
    assert_eq!(values["worker"]["ports"]["rpc"], 9600, "which is the pods' own");
}

#[test]
fn the_members_of_an_etcd_stay_as_many() {
    let of = |replicas: u32| support::pair(json!({"master": {"replicas": replicas}}));
    let before = support::values(&of(1)).unwrap();
    let (field, message) = wasser_testkit::refusal(support::synced(&of(3), &before));
    assert_eq!(field, "VineyardRuntime.spec.master.replicas");
    assert!(message.contains("has 1 members"), "{message}");
    let elsewhere = support::pair(json!({"master": {"endpoint": {"uri": "etcd:2379"}}}));
    let external = support::values(&elsewhere).unwrap();
    assert!(support::synced(&of(3), &external).is_ok(), "a first etcd of its own");
}

#[test]
fn a_release_of_fluid_keeps_the_number_of_workers_that_it_has() {
    let before = support::values(&support::pair(json!({"replicas": 2}))).unwrap();
    assert_eq!(before["worker"].get("replicas"), None, "which the host places first");
    let mut installed = before.clone();
    installed["worker"]["replicas"] = json!(2);
    let values = support::synced(&support::pair(json!({"replicas": 3})), &installed).unwrap();
    assert_eq!(
        (&values["worker"]["replicas"], &values["worker"]["endpoints"]),
        (&json!(2), &json!(3))
    );
}
