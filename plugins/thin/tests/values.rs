//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_sdk::Implement;
use wasser_thin::Thin;

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
fn a_runtime_without_replicas_has_no_workers() {
    let roles = Thin::describe().roles;
    let workers: Vec<_> = roles.iter().filter(|role| role.name == "worker").collect();
    assert_eq!(
        workers.iter().map(|role| role.default_replicas).collect::<Vec<_>>(),
        [0]
    );
    assert!(
        workers
            .iter()
            .all(|role| role.replicas.as_deref() == Some("/spec/replicas"))
    );
}

#[test]
fn the_description_lists_the_methods_that_there_are() {
    // Sizes are only read for runtimes that ask for it.
    support::KIT.expect_methods(&[wasser_sdk::Method::StorageStats]);
}

/// The node plugin reads the runtime by itself, and what that leaves open where the host writes it.
#[rstest]
#[case::nobody(json!({}), json!({}), None)]
#[case::of_the_profile(json!({}), json!({"cleanPolicy": "OnDemand"}), Some("OnDemand"))]
#[case::of_the_runtime(json!({"cleanPolicy": "OnRuntimeDeleted"}), json!({"cleanPolicy": "OnDemand"}), None)]
fn the_values_have_the_clean_policy_of_a_profile(
    #[case] runtime: Value,
    #[case] profile: Value,
    #[case] expected: Option<&str>,
) {
    let profile = wasser_testkit::merge(json!({"image": "example/s3fs"}), profile);
    let documents = support::trio(json!({}), json!({"fuse": runtime}), json!({"fuse": profile}));
    let values = support::values(&documents).unwrap();
    assert_eq!(values.pointer("/fuse/cleanPolicy").and_then(Value::as_str), expected);
}
