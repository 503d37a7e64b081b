//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::json;
use support::KIT;
use wasser_alluxio::Alluxio;
use wasser_sdk::Implement;

#[test]
fn values_are_as_expected() {
    KIT.expect_values(support::values);
}

#[test]
fn values_are_the_same_each_time_and_once_they_are_installed() {
    KIT.expect_stable(support::values, support::synced);
}

#[test]
fn a_quota_in_steps_of_1000_has_room_for_what_alluxio_makes_of_it() {
    let levels = json!([
        {"mediumtype": "MEM", "volumeType": "emptyDir", "path": "/dev/shm", "quota": "2G"},
        {"mediumtype": "SSD", "volumeType": "emptyDir", "path": "/cache", "quota": "100G"},
    ]);
    let mount = json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]});
    let values = support::values(&KIT.pair(mount, json!({"tieredstore": {"levels": levels}}))).unwrap();
    assert_eq!(values["tieredstore"]["levels"][0]["quota"], "2G");
    let worker = &values["worker"];
    assert_eq!(worker["resources"]["requests"]["memory"], "2Gi");
    let limit = |at: usize| {
        worker["volumes"][at]["emptyDir"]["sizeLimit"]
            .as_str()
            .unwrap()
            .parse::<u64>()
    };
    assert_eq!(limit(0), Ok(2 << 30));
    assert_eq!(limit(1), Ok(110 << 30));
}

#[test]
fn a_runtime_without_replicas_has_no_workers() {
    let roles = Alluxio::describe().roles;
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
    support::KIT.expect_methods(&[]);
}
