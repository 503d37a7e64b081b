//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;

fn levels(levels: Value) -> Value {
    json!({"tieredstore": {"levels": levels}})
}

#[rstest]
#[case::image(json!({"master": {"version": {"image": "a b"}}}), "master.version.image", "reference to an image")]
#[case::pull_policy(json!({"initFuse": {"version": {"imagePullPolicy": "Sometimes"}}}),
    "initFuse.version.imagePullPolicy", "IfNotPresent")]
#[case::quantity(json!({"fuse": {"resources": {"limits": {"memory": "lots"}}}}), "fuse.resources.limits.memory",
    "is not a quantity")]
#[case::no_masters(json!({"master": {"replicas": 0}}), "master.replicas", "master.disabled")]
#[case::network(json!({"worker": {"networkMode": "Mesh"}}), "worker.networkMode", "neither HostNetwork")]
#[case::policy(json!({"fuse": {"cleanPolicy": "OnFuseChanged"}}), "fuse.cleanPolicy", "OnDemand")]
#[case::memory(
    json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "path": "/dev/shm", "quota": "2Gi"}]},
        "worker": {"resources": {"limits": {"memory": "1Gi"}}}}),
    "worker.resources.limits.memory", "raise it above"
)]
#[case::option(json!({"fuse": {"properties": {"a b": "c"}}}), "fuse.properties[a b]", "name of an option")]
#[case::options(json!({"worker": {"properties": {"a": "b,c=d"}}}), "worker.properties[a]", "letters, digits")]
#[case::words(json!({"master": {"properties": {"a": "b c"}}}), "master.properties[a]", "letters, digits")]
#[case::system(json!({"osAdvise": {"osVersion": "centos 7"}}), "osAdvise.osVersion", "letters, digits")]
#[case::medium(levels(json!([{"mediumtype": "TAPE", "path": "/a"}])), "tieredstore.levels[0].mediumtype",
    "none of MEM")]
#[case::second(levels(json!([{"mediumtype": "MEM", "path": "/a"}, {"mediumtype": "SSD", "path": "/b"}])),
    "tieredstore.levels[1]", "remove it")]
#[case::small(levels(json!([{"mediumtype": "MEM", "path": "/a", "quota": "512Mi"}])), "tieredstore.levels[0].quota",
    "raise it")]
#[case::quota(levels(json!([{"mediumtype": "MEM", "path": "/a", "quota": "much"}])), "tieredstore.levels[0].quota",
    "write one")]
#[case::quotas(levels(json!([{"mediumtype": "MEM", "path": "/a", "quotaList": "1Gi,2Gi"}])),
    "tieredstore.levels[0].quotaList", "write one")]
#[case::paths(levels(json!([{"mediumtype": "SSD", "path": "/a,/b"}])), "tieredstore.levels[0].path", "one absolute")]
#[case::no_path(levels(json!([{"mediumtype": "SSD"}])), "tieredstore.levels[0].path", "one absolute")]
#[case::root(levels(json!([{"mediumtype": "SSD", "path": "/"}])), "tieredstore.levels[0].path", "one absolute")]
#[case::upwards(levels(json!([{"mediumtype": "SSD", "path": "/a/.."}])), "tieredstore.levels[0].path", "absolute")]
#[case::volume_type(levels(json!([{"mediumtype": "SSD", "path": "/a", "volumeType": "nfs"}])),
    "tieredstore.levels[0].volumeType", "neither hostPath")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = wasser_testkit::refusal(support::values(&support::pair(runtime)));
    assert_eq!(at, format!("EFCRuntime.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::none(json!([]), "mounts", "has 0 mounts")]
#[case::two(json!([{"mountPoint": "nfs://a:/b"}, {"mountPoint": "nfs://c:/d"}]), "mounts", "a Dataset for each")]
#[case::scheme(json!([{"mountPoint": "s3://bucket"}]), "mounts[0].mountPoint", "nfs://<mount target>")]
#[case::no_scheme(json!([{"mountPoint": "host:/data"}]), "mounts[0].mountPoint", "nfs://<mount target>")]
#[case::no_host(json!([{"mountPoint": "nfs://:/data"}]), "mounts[0].mountPoint", "no server")]
#[case::an_option(json!([{"mountPoint": "nfs://-h:/data"}]), "mounts[0].mountPoint", "no server")]
#[case::upwards(json!([{"mountPoint": "nfs://h:/data/../.."}]), "mounts[0].mountPoint", "no server")]
#[case::words(json!([{"mountPoint": "nfs://h:/my data"}]), "mounts[0].mountPoint", "letters, digits")]
#[case::comma(json!([{"mountPoint": "nfs://h:/a,b"}]), "mounts[0].mountPoint", "letters, digits")]
fn a_dataset_that_cannot_work(#[case] mounts: Value, #[case] field: &str, #[case] remedy: &str) {
    let documents = KIT.pair(json!({"mounts": mounts}), json!({}));
    let (at, message) = wasser_testkit::refusal(support::values(&documents));
    assert_eq!(at, format!("Dataset.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[test]
fn an_annotation_that_is_neither_true_nor_false() {
    let with = |text: &str| {
        let mut documents = support::pair(json!({}));
        documents[1]["metadata"]["annotations"] = json!({"runtime.fluid.io/fuse.hostpid": text});
        support::values(&documents)
    };
    assert_eq!(with("True").unwrap()["fuse"]["hostPID"], true);
    let (field, _) = wasser_testkit::refusal(with("yes"));
    assert_eq!(field, "EFCRuntime.metadata.annotations[runtime.fluid.io/fuse.hostpid]");
}
