//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_testkit::{merge, refusal};

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

fn masters(count: u32, master: Value) -> Vec<Value> {
    documents(json!({"master": merge(json!({"replicas": count}), master)}))
}

/// More or fewer masters would have a leader that knows nothing, or none.
#[rstest]
#[case::more(1, 3)]
#[case::fewer(3, 1)]
fn another_number_of_masters_is_refused(#[case] before: u32, #[case] after: u32) {
    let installed = support::values(&masters(before, json!({}))).unwrap();
    let (field, message) = refusal(support::synced(&masters(after, json!({})), &installed, 0));
    assert_eq!(field, "JindoRuntime.spec.master.replicas");
    assert!(
        message.starts_with(&format!("is {after}, but {before} are installed")),
        "{message}"
    );
    // Without masters there is nothing to lose.
    let without = json!({"master": {"replicas": after, "disabled": true}, "worker": {"disabled": true}});
    let installed = support::synced(&documents(without), &installed, 0).unwrap();
    let again = support::synced(&masters(after, json!({})), &installed, 0).unwrap();
    assert_eq!(again["master"]["replicaCount"], after);
}

#[rstest]
#[case::port(json!({"ports": {"raft": 9000}}), "ports.raft")]
#[case::kind(json!({"properties": {"namespace.backend.type": "rocksdb"}}), "properties[namespace.backend.type]")]
#[case::members(json!({"properties": {"namespace.backend.raft.initial-conf": "a:1:0"}}),
    "properties[namespace.backend.raft.initial-conf]")]
fn several_masters_keep_what_they_know_each_other_by(#[case] change: Value, #[case] field: &str) {
    let installed = support::values(&masters(3, json!({}))).unwrap();
    let (at, message) = refusal(support::synced(&masters(3, change.clone()), &installed, 0));
    assert_eq!(at, format!("JindoRuntime.spec.master.{field}"));
    assert!(message.contains("cannot be changed; set it back"), "{message}");
    // Of another network, they have the ports that they had.
    let mut documents = masters(3, json!({}));
    documents[1]["spec"]["networkmode"] = "ContainerNetwork".into();
    let values = support::synced(&documents, &installed, 0).unwrap();
    assert_eq!(values["useHostNetwork"], false);
    for pointer in [
        "/master/ports/raft",
        "/master/properties/namespace.backend.raft.initial-conf",
    ] {
        assert_eq!(values.pointer(pointer), installed.pointer(pointer), "{pointer}");
    }
    // From the beginning they are the user's.
    let installed = support::values(&masters(3, change.clone())).unwrap();
    assert_eq!(support::synced(&masters(3, change), &installed, 0).unwrap(), installed);
}
