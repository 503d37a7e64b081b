//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn levels(levels: Value) -> Value {
    json!({"tieredstore": {"levels": levels}})
}

#[rstest]
#[case::image(json!({"master": {"image": "a b"}}), "master.image", "reference to an image")]
#[case::pull_policy(json!({"fuse": {"imagePullPolicy": "Sometimes"}}), "fuse.imagePullPolicy", "IfNotPresent")]
#[case::quantity(json!({"master": {"resources": {"limits": {"memory": "lots"}}}}), "master.resources.limits.memory",
    "is not a quantity")]
#[case::masters(json!({"master": {"replicas": 20}}), "master.replicas", "between 1 and 9")]
#[case::no_masters(json!({"master": {"replicas": 0}}), "master.replicas", "between 1 and 9")]
#[case::workers(json!({"replicas": 6000}), "replicas", "is above 5000")]
#[case::network(json!({"worker": {"networkMode": "Mesh"}}), "worker.networkMode", "neither HostNetwork")]
#[case::policy(json!({"fuse": {"cleanPolicy": "OnFuseChanged"}}), "fuse.cleanPolicy", "OnDemand")]
#[case::memory(
    json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "quota": "2Gi"}]},
        "worker": {"resources": {"limits": {"memory": "1Gi"}}}}),
    "worker.resources.limits.memory", "raise it above"
)]
#[case::memory_of_clients(json!({"fuse": {"options": {"size": "2Gi"}, "resources": {"limits": {"memory": "1Gi"}}}}),
    "fuse.resources.limits.memory", "raise it above")]
#[case::volume(json!({"worker": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}),
    "worker.volumeMounts[0].name", "spec.volumes")]
#[case::reserved(
    json!({"volumes": [{"name": "spill"}], "worker": {"volumeMounts": [{"name": "spill", "mountPath": "/v"}]}}),
    "worker.volumeMounts[0].name", "another name"
)]
#[case::reserve(json!({"worker": {"options": {"vineyardd.reserve.memory": "yes"}}}),
    "worker.options[vineyardd.reserve.memory]", "neither true nor false")]
#[case::prefix(json!({"master": {"options": {"etcd.prefix": "a b"}}}), "master.options[etcd.prefix]", "one word")]
#[case::timeout(json!({"worker": {"options": {"wait.etcd.timeout": "2m"}}}), "worker.options[wait.etcd.timeout]",
    "number of seconds")]
#[case::option(json!({"fuse": {"options": {"a b": "c"}}}), "fuse.options[a b]", "name of an option")]
#[case::option_text(json!({"fuse": {"options": {"a": "c\nd"}}}), "fuse.options[a]", "control character")]
#[case::client_size(json!({"fuse": {"options": {"size": "much"}}}), "fuse.options[size]", "is not a quantity")]
#[case::variable(json!({"master": {"env": {"A": "b\u{7}"}}}), "master.env[A]", "control character")]
#[case::etcd(json!({"master": {"endpoint": {"uri": "a b"}}}), "master.endpoint.uri", "one word")]
#[case::etcd_of_nothing(json!({"master": {"endpoint": {"uri": "a,"}}}), "master.endpoint.uri", "one word")]
#[case::keys(
    json!({"master": {"endpoint": {"uri": "a", "encryptOptions": [{"name": "k"}]}}}),
    "master.endpoint.encryptOptions", "remove them"
)]
#[case::medium(levels(json!([{"mediumtype": "TAPE"}])), "tieredstore.levels[0].mediumtype", "none of MEM")]
#[case::second(levels(json!([{"mediumtype": "MEM"}, {"mediumtype": "MEM"}])), "tieredstore.levels[1].mediumtype",
    "second level")]
#[case::third(levels(json!([{"mediumtype": "SSD", "path": "/a"}, {"mediumtype": "HDD", "path": "/b"}])),
    "tieredstore.levels[1].mediumtype", "second level")]
#[case::quota(levels(json!([{"mediumtype": "MEM", "quota": "0"}])), "tieredstore.levels[0].quota", "write one")]
#[case::quotas(levels(json!([{"mediumtype": "MEM", "quotaList": "1Gi,2Gi"}])), "tieredstore.levels[0].quotaList",
    "write one")]
#[case::ratio(levels(json!([{"mediumtype": "MEM", "high": "80"}])), "tieredstore.levels[0].high", "ratio")]
#[case::ratios(levels(json!([{"mediumtype": "MEM", "high": "0.3", "low": "0.8"}])), "tieredstore.levels[0].low",
    "is above high")]
#[case::path(levels(json!([{"mediumtype": "SSD", "path": "/a,/b"}])), "tieredstore.levels[0].path", "one absolute")]
#[case::no_path(levels(json!([{"mediumtype": "SSD"}])), "tieredstore.levels[0].path", "one absolute")]
#[case::upwards(levels(json!([{"mediumtype": "SSD", "path": "/a/.."}])), "tieredstore.levels[0].path", "absolute")]
#[case::volume_type(levels(json!([{"mediumtype": "SSD", "path": "/a", "volumeType": "nfs"}])),
    "tieredstore.levels[0].volumeType", "neither hostPath")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = wasser_testkit::refusal(support::values(&support::pair(runtime)));
    assert_eq!(at, format!("VineyardRuntime.spec.{field}"));
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
    assert_eq!(
        field,
        "VineyardRuntime.metadata.annotations[runtime.fluid.io/fuse.hostpid]"
    );
}
