//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Implement, Measure, RoleStatus};
use wasser_vineyard::Vineyard;

#[test]
fn values_are_as_expected() {
    KIT.expect_values(support::values);
}

#[test]
fn values_are_the_same_each_time_and_once_they_are_installed() {
    KIT.expect_stable(support::values, support::synced);
}

#[test]
fn the_description_lists_the_methods_that_there_are() {
    KIT.expect_methods(&[]);
}

#[test]
fn a_runtime_without_replicas_has_no_workers_and_one_master() {
    let roles = Vineyard::describe().roles;
    let of = |name: &str| roles.iter().find(|role| role.name == name).unwrap();
    assert_eq!((of("worker").default_replicas, of("master").default_replicas), (0, 1));
    assert_eq!(of("worker").replicas.as_deref(), Some("/spec/replicas"));
    assert_eq!(
        support::values(&support::pair(json!({}))).unwrap()["worker"]["endpoints"],
        0
    );
}

#[test]
fn a_runtime_that_says_nothing_has_4_gib_of_memory() {
    let values = support::values(&support::pair(json!({}))).unwrap();
    assert_eq!(values["tieredstore"], json!({"size": "4Gi", "spill": null}));
}

#[rstest]
#[case::none(0, 0)]
#[case::two(2, 40 << 30)]
fn the_capacity_is_the_memory_of_the_workers_that_serve(#[case] ready: u32, #[case] expected: u64) {
    let spec = json!({"replicas": 3, "tieredstore": {"levels": [{"mediumtype": "MEM", "quota": "20Gi"}]}});
    let mut ctx = KIT.context(&support::pair(spec)).unwrap();
    ctx.roles = vec![RoleStatus {
        name: "worker".into(),
        desired: 3,
        ready,
    }];
    let states = Vineyard::cache_states(&ctx, &FakeHost::new()).unwrap();
    assert_eq!(states, [("cacheCapacity".to_owned(), Measure::Bytes(expected))]);
}

#[rstest]
#[case::default(json!({}), json!({"reserveMemory": true, "etcdPrefix": "/vineyard", "etcdTimeout": 120}))]
#[case::of_the_master(
    json!({"master": {"options":
        {"vineyardd.reserve.memory": "false", "etcd.prefix": "/m", "wait.etcd.timeout": "5"}}}),
    json!({"reserveMemory": false, "etcdPrefix": "/m", "etcdTimeout": 5})
)]
#[case::workers_win(
    json!({"master": {"options": {"etcd.prefix": "/m"}}, "worker": {"options": {"etcd.prefix": "/w"}}}),
    json!({"reserveMemory": true, "etcdPrefix": "/w", "etcdTimeout": 120})
)]
#[case::of_an_etcd_elsewhere(
    json!({"master": {"endpoint": {"uri": "etcd:2379", "options": {"etcd.prefix": "/e"}},
        "options": {"etcd.prefix": "/m"}}}),
    json!({"reserveMemory": true, "etcdPrefix": "/e", "etcdTimeout": 120})
)]
#[case::unknown(
    json!({"worker": {"options": {"other": "x"}}}),
    json!({"reserveMemory": true, "etcdPrefix": "/vineyard", "etcdTimeout": 120})
)]
fn options_are_those_of_the_workers_or_of_the_master(#[case] runtime: Value, #[case] expected: Value) {
    let values = support::values(&support::pair(runtime)).unwrap();
    assert_eq!(values["worker"]["options"], expected);
    assert_eq!(values["fuse"]["options"]["ETCD_PREFIX"], expected["etcdPrefix"]);
}

#[rstest]
#[case::host("etcd:2379", "http://etcd:2379")]
#[case::several("a:2379, b:2379", "http://a:2379,http://b:2379")]
#[case::scheme("https://etcd.example.com", "https://etcd.example.com")]
fn an_etcd_elsewhere_leaves_no_master(#[case] uri: &str, #[case] expected: &str) {
    let values = support::values(&support::pair(json!({"master": {"endpoint": {"uri": uri}}}))).unwrap();
    assert_eq!(values["master"]["enabled"], false);
    assert_eq!(values["master"]["externalEndpoint"]["uri"], expected);
    assert_eq!(
        values["master"]["ports"]["client"], 2379,
        "no port of the node is taken for it"
    );
}
