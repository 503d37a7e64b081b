//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::{Value, json};
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

/// The name of a node is not always the one in its label.
#[test]
fn a_master_that_starts_from_a_directory_of_a_node_is_on_that_node() {
    let required = |mounts: Value, runtime: Value| {
        let zone = json!({"key": "zone", "operator": "In", "values": ["a"]});
        let terms = json!([{"matchExpressions": [zone]}, {"matchFields": [{"key": "metadata.name", "operator": "In",
            "values": ["other"]}]}]);
        let dataset = json!({
            "mounts": mounts, "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            "dataRestoreLocation": {"path": "local:///backup", "nodeName": "node-1"},
        });
        let values = support::values(&KIT.pair(dataset, runtime)).unwrap();
        let selector = values["master"]["nodeSelector"].clone();
        let at = "/master/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        (selector, values.pointer(at).unwrap().clone())
    };
    let node = json!({"key": "metadata.name", "operator": "In", "values": ["node-1"]});
    let gpu = json!({"gpu": "true"});
    let stores = json!([{"mountPoint": "s3://bucket", "name": "bucket"}]);
    assert_eq!(
        required(stores, json!({"master": {"nodeSelector": gpu}})),
        (gpu, json!([{"matchFields": [node]}]))
    );
    // A directory of nodes is on those that the Dataset names.
    let directories = json!([{"mountPoint": "local:///data", "name": "data"}]);
    let (_, terms) = required(directories, json!({}));
    assert_eq!(terms[0]["matchExpressions"][0]["key"], "zone");
    assert_eq!(terms[0]["matchFields"], json!([node]));
    assert_eq!(terms[1]["matchFields"][0]["values"][0], "other");
    assert_eq!(terms[1]["matchFields"][1], node);
}

#[test]
fn clients_find_several_masters_from_any_namespace() {
    let mounts = json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]});
    let found = |runtime: Value| {
        let values = support::values(&KIT.pair(mounts.clone(), runtime)).unwrap();
        let addresses = &values["fuse"]["properties"]["alluxio.master.rpc.addresses"];
        addresses.as_str().map(str::to_owned)
    };
    let container = json!({"replicas": 3, "networkMode": "ContainerNetwork"});
    assert_eq!(
        found(json!({"master": container})).as_deref(),
        Some("demo-master-0.default:19998,demo-master-1.default:19998,demo-master-2.default:19998")
    );
    assert_eq!(found(json!({})), None);
    // What the user says counts.
    for name in [
        "alluxio.master.rpc.addresses",
        "alluxio.master.embedded.journal.addresses",
    ] {
        let runtime = json!({"master": container, "properties": {name: "a:1,b:1,c:1"}});
        assert_eq!(found(runtime), None);
    }
}

#[test]
fn a_client_that_only_root_may_use_is_not_opened_to_others() {
    let mount = json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]});
    let args = json!({"fuse": {"args": ["fuse", "--fuse-opts=kernel_cache,ro,allow_root"]}});
    let values = support::values(&KIT.pair(mount, args)).unwrap();
    assert_eq!(values["fuse"]["args"][1], "--fuse-opts=kernel_cache,ro,allow_root");
}

#[test]
fn a_path_that_is_not_absolute_is_none() {
    let mount = json!({"mounts": [{"mountPoint": "s3://bucket/data", "name": "data", "path": "elsewhere"}]});
    let values = support::values(&KIT.pair(mount, json!({}))).unwrap();
    let named = json!({"mounts": [{"mountPoint": "s3://bucket/data", "name": "data"}]});
    assert_eq!(values, support::values(&KIT.pair(named, json!({}))).unwrap());
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
