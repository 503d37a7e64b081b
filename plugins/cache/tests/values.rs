//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::{Value, json};
use support::KIT;
use wasser_cache::Cache;
use wasser_sdk::{Implement, Method};

#[test]
fn values_are_as_expected() {
    KIT.expect_values(support::values);
}

#[test]
fn values_are_the_same_each_time_and_once_they_are_installed() {
    KIT.expect_stable(support::values, |documents, installed| {
        support::synced(documents, installed, 1_000_000_000_000)
    });
}

#[test]
fn masters_and_workers_have_one_pod_unless_the_runtime_says_otherwise() {
    let roles = Cache::describe().roles;
    let replicas = |name: &str| {
        let role = roles.iter().find(|role| role.name == name).unwrap();
        (role.replicas.clone().unwrap_or_default(), role.default_replicas)
    };
    assert_eq!(replicas("master"), ("/spec/master/replicas".into(), 1));
    assert_eq!(replicas("worker"), ("/spec/worker/replicas".into(), 1));
    let config = |runtime: Value| -> Value {
        let values = support::values(&support::trio(json!({}), runtime, json!({}))).unwrap();
        serde_json::from_str(values["config"].as_str().unwrap()).unwrap()
    };
    assert_eq!(config(json!({}))["worker"]["replicas"], 1);
    assert_eq!(config(json!({"worker": {"replicas": 3}}))["worker"]["replicas"], 3);
}

#[test]
fn the_description_lists_the_methods_that_there_are() {
    KIT.expect_methods(&[Method::StorageStats]);
}

/// Containers may be called as they like.
#[test]
fn the_first_container_is_that_of_the_cache_system() {
    let spec = json!({"containers": [{"name": "fs", "image": "example/fs"}, {"name": "worker", "image": "a"}]});
    let class = json!({"topology": {"worker": {"template": {"spec": spec}}}});
    let runtime = json!({"worker": {"args": ["serve"], "runtimeVersion": {"imageTag": "2"}}});
    let values = support::values(&support::trio(json!({}), runtime, class)).unwrap();
    let containers = &values["worker"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "example/fs:2");
    assert_eq!(containers[0]["args"], json!(["serve"]));
    assert_eq!(containers[1], json!({"name": "worker", "image": "a"}));
    let enabled = ["master", "worker", "client"].map(|name| values[name]["enabled"].clone());
    assert_eq!(enabled, [json!(false), json!(true), json!(false)]);
}
