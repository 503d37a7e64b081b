//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_efc::Efc;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Implement, Measure, RoleStatus};

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
    let roles = Efc::describe().roles;
    let of = |name: &str| roles.iter().find(|role| role.name == name).unwrap();
    assert_eq!((of("worker").default_replicas, of("master").default_replicas), (0, 1));
    assert_eq!(of("worker").replicas.as_deref(), Some("/spec/replicas"));
    assert_eq!(
        support::values(&support::pair(json!({}))).unwrap()["master"]["count"],
        1
    );
}

#[test]
fn a_runtime_that_says_nothing_caches_1_gib_in_memory() {
    let values = support::values(&support::pair(json!({}))).unwrap();
    let level = &values["worker"]["tieredstore"]["levels"][0];
    assert_eq!(level["path"], "/cache_dir/default/demo");
    assert_eq!(
        level["volume"]["emptyDir"],
        json!({"medium": "Memory", "sizeLimit": "1073741824"})
    );
    assert_eq!(values["worker"]["resources"]["requests"]["memory"], "1Gi");
    assert_eq!(
        values["worker"]["option"],
        "cache_media=/cache_dir/default/demo,server_port=16000,cache_capacity_gb=1,tmpfs=true"
    );
}

#[rstest]
#[case::disk(json!({"mediumtype": "SSD", "path": "/mnt/disk/", "quota": "20Gi"}),
    "cache_media=/mnt/disk/default/demo,server_port=16000,cache_capacity_gb=20")]
#[case::part_of_a_gigabyte(json!({"mediumtype": "HDD", "path": "/a", "quota": "1700Mi"}),
    "cache_media=/a/default/demo,server_port=16000,cache_capacity_gb=1")]
#[case::without_a_quota(json!({"mediumtype": "SSD", "path": "/a"}),
    "cache_media=/a/default/demo,server_port=16000")]
#[case::memory(json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "2Gi"}),
    "cache_media=/dev/shm/default/demo,server_port=16000,cache_capacity_gb=2,tmpfs=true")]
fn a_level_is_the_cache_of_the_workers(#[case] level: Value, #[case] expected: &str) {
    let values = support::values(&support::pair(json!({"tieredstore": {"levels": [level]}}))).unwrap();
    assert_eq!(values["worker"]["option"], expected);
}

#[rstest]
#[case::both(json!({}), &["g_tier_EnableClusterCache", "g_tier_EnableClusterCachePrefetch", "assign_uuid"])]
#[case::no_workers(json!({"worker": {"disabled": true}}), &["assign_uuid"])]
fn clients_look_into_the_cache_if_there_is_one(#[case] runtime: Value, #[case] expected: &[&str]) {
    let values = support::values(&support::pair(runtime)).unwrap();
    let names: Vec<String> = support::options(&values, "fuse")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, expected);
}

#[test]
fn the_word_of_the_user_counts_once() {
    let properties = json!({"assign_uuid": "mine", "g_unas_InodeAttrExpireTimeoutSec": "100"});
    let values = support::values(&support::pair(json!({"master": {"properties": properties}}))).unwrap();
    assert_eq!(
        values["master"]["option"],
        "client_owner=default-demo-master,assign_uuid=mine,g_unas_InodeAttrExpireTimeoutSec=100"
    );
}

#[test]
fn a_parallel_file_system_has_its_own_protocol() {
    let mount = json!({"mountPoint": "cpfs://fs.cpfs.aliyuncs.com:/share", "name": "data"});
    let values = support::values(&KIT.pair(json!({"mounts": [mount]}), json!({}))).unwrap();
    for part in ["master", "fuse"] {
        assert_eq!(values[part]["mountPoint"], "fs.cpfs.aliyuncs.com:/share/", "{part}");
        let options = support::options(&values, part);
        assert_eq!(options[0], ("protocol".to_owned(), "nfs3".to_owned()), "{part}");
    }
}

#[rstest]
#[case::nothing(json!({}), false, json!({"enabled": false, "osVersion": "none"}))]
#[case::tuned(json!({"osAdvise": {"enabled": true, "osVersion": "centos7"}}), true,
    json!({"enabled": true, "osVersion": "centos7"}))]
#[case::system_alone(json!({"osAdvise": {"osVersion": "centos7"}}), false,
    json!({"enabled": false, "osVersion": "centos7"}))]
#[case::image(json!({"initFuse": {"version": {"imageTag": "v2"}}}), true,
    json!({"enabled": false, "osVersion": "none"}))]
fn a_client_prepares_its_node_where_the_runtime_says_how(
    #[case] runtime: Value,
    #[case] prepares: bool,
    #[case] advice: Value,
) {
    let values = support::values(&support::pair(runtime)).unwrap();
    assert_eq!(values["initFuse"]["enabled"], prepares);
    assert_eq!(values["osAdvise"], advice);
}

#[test]
fn the_session_manager_is_the_nodes() {
    let values = support::values(&support::pair(json!({}))).unwrap();
    assert_eq!(values["fuse"]["sessionManager"], "/runtime-mnt/efc-sock");
    let mut raw = KIT.raw(&support::pair(json!({})));
    raw.mount_path = "/data/mnt/efc/default/demo/efc-fuse".into();
    let ctx = wasser_sdk::Context::parse(raw).unwrap();
    let values = Efc::desired(&ctx, &support::host()).unwrap();
    assert_eq!(values["fuse"]["sessionManager"], "/data/mnt/efc-sock");
    assert_eq!(values["fuse"]["hostMountPath"], "/data/mnt/efc/default/demo");
}

#[rstest]
#[case::none(json!({"mediumtype": "SSD", "path": "/a", "quota": "20Gi"}), 0, Measure::Bytes(0))]
#[case::two(json!({"mediumtype": "SSD", "path": "/a", "quota": "20Gi"}), 2, Measure::Bytes(40 << 30))]
#[case::unknown(json!({"mediumtype": "SSD", "path": "/a"}), 2, Measure::Unknown)]
fn the_capacity_is_that_of_the_workers_that_serve(#[case] level: Value, #[case] ready: u32, #[case] expected: Measure) {
    let mut ctx = KIT
        .context(&support::pair(
            json!({"replicas": 3, "tieredstore": {"levels": [level]}}),
        ))
        .unwrap();
    ctx.roles = vec![RoleStatus {
        name: "worker".into(),
        desired: 3,
        ready,
    }];
    let states = Efc::cache_states(&ctx, &FakeHost::new()).unwrap();
    assert_eq!(states, [("cacheCapacity".to_owned(), expected)]);
}
