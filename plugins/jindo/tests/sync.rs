//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn documents(runtime: Value) -> Vec<Value> {
    support::pair(json!({}), json!({}), runtime)
}

#[rstest]
#[case::environment(json!({"worker": {"env": {"A": "1"}}}), "/worker/env/A", json!("1"))]
#[case::resources(json!({"master": {"resources": {"limits": {"cpu": "2"}}}}), "/master/resources/limits/cpu",
    json!("2"))]
#[case::property(json!({"worker": {"properties": {"storage.compaction.enable": "true"}}}),
    "/worker/properties/storage.compaction.enable", json!("true"))]
#[case::image(json!({"jindoVersion": {"imageTag": "6.9"}}), "/imageTag", json!("6.9"))]
fn a_change_reaches_the_release(#[case] runtime: Value, #[case] pointer: &str, #[case] expected: Value) {
    let before = support::values(&documents(json!({}))).unwrap();
    let mut values = support::synced(&documents(runtime), &before, 0).unwrap();
    assert_eq!(values.pointer(pointer), Some(&expected));
    for part in ["master", "worker"] {
        values[part] = before[part].clone();
    }
    values["imageTag"] = before["imageTag"].clone();
    assert_eq!(values, before, "nothing else changes");
}

#[test]
fn a_new_default_image_restarts_nobody_and_clients_stay_on_their_nodes() {
    let mut before = support::values(&documents(json!({}))).unwrap();
    for key in ["image", "imageTag", "fuseImage", "fuseImageTag"] {
        before[key] = "old".into();
    }
    let values = support::synced(
        &documents(json!({"fuse": {"nodeSelector": {"gpu": "true"}}})),
        &before,
        0,
    )
    .unwrap();
    assert_eq!(values, before);
}

#[test]
fn ports_stay_as_they_are_installed() {
    let mut before = support::values(&documents(json!({}))).unwrap();
    for (pointer, port) in [("/master/ports/rpc", 18_500), ("/worker/ports/rpc", 18_600)] {
        *before.pointer_mut(pointer).unwrap() = port.into();
    }
    let values = support::synced(&documents(json!({})), &before, 0).unwrap();
    for pointer in ["/master/ports/rpc", "/worker/ports/rpc"] {
        assert_eq!(values.pointer(pointer), before.pointer(pointer), "{pointer}");
    }
    let named = json!({"master": {"ports": {"rpc": 9000}}});
    let values = support::synced(&documents(named), &before, 0).unwrap();
    assert_eq!(values["master"]["ports"]["rpc"], 9000);
}
