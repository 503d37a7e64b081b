//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

mod support;

use serde_json::json;
use support::KIT;
use wasser_jindo::Jindo;
use wasser_sdk::Implement;

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
fn keys_in_plain_reach_the_master_unless_a_secret_has_them() {
    let plain = json!({"fs.oss.endpoint": "e", "fs.oss.accessKeyId": "id", "fs.oss.accessKeySecret": "plain"});
    let key = |name: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": name}}});
    let secrets = json!([key("fs.oss.accessKeyId"), key("fs.oss.accessKeySecret")]);
    let values = |mount| support::values(&support::pair(mount, json!({}), json!({}))).unwrap();
    let given = values(json!({"options": plain}));
    let properties = &given["master"]["fileStoreProperties"];
    assert_eq!(properties["jindocache.oss.bucket.bucket.accessKeySecret"], "plain");
    let both = values(json!({"options": plain, "encryptOptions": secrets}));
    assert!(!both.to_string().contains("plain"), "{both}");
    assert_eq!(both["secretProjections"][0]["secret"], "keys");
}

#[test]
fn a_quota_in_steps_of_1000_has_room_for_what_jindo_makes_of_it() {
    let values = |medium: &str, quota: &str| {
        let level = json!({"mediumtype": medium, "volumeType": "emptyDir", "path": "/cache", "quota": quota});
        let runtime = json!({"tieredstore": {"levels": [level]}});
        support::values(&support::pair(json!({}), json!({}), runtime)).unwrap()
    };
    let memory = values("MEM", "2G");
    assert_eq!(memory["worker"]["properties"]["storage.data-dirs.capacities"], "2G");
    assert_eq!(memory["worker"]["resources"]["requests"]["memory"], "2Gi");
    let limit = |values: &serde_json::Value| values["mounts"]["workersAndClients"]["1"]["quota"].clone();
    assert_eq!(limit(&memory), (2_u64 << 30).to_string());
    assert_eq!(limit(&values("SSD", "100G")), (110_u64 << 30).to_string());
}

#[test]
fn a_runtime_without_replicas_has_no_workers() {
    let roles = Jindo::describe().roles;
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
