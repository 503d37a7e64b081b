//! What users get wrong: each is refused with the field and the remedy, before anything is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn refusal(mount: Value, runtime: Value) -> (String, String) {
    wasser_testkit::refusal(support::values(&support::pair(mount, json!({}), runtime)))
}

#[rstest]
#[case::scheme(json!({"mountPoint": "ftp://host/"}), "mountPoint", "none of oss")]
#[case::no_scheme(json!({"mountPoint": "bucket"}), "mountPoint", "has no scheme")]
#[case::bucket(json!({"mountPoint": "oss:///path"}), "mountPoint", "names no bucket")]
#[case::line_break(json!({"mountPoint": "oss://b/a\nb"}), "mountPoint", "white space")]
#[case::upwards(json!({"mountPoint": "pvc://claim/../x"}), "mountPoint", "pvc://<claim>")]
#[case::relative(json!({"mountPoint": "local://x"}), "mountPoint", "local:///<directory>")]
#[case::endpoint(json!({"options": {}}), "options", "fs.oss.endpoint")]
#[case::plain_key(json!({"options": {"fs.oss.endpoint": "e", "fs.oss.accessKeyId": "k"}}), "options.fs.oss.accessKeyId", "encryptOptions")]
#[case::half_a_key(
    json!({"encryptOptions": [{"name": "fs.oss.accessKeyId", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    "encryptOptions", "needs both"
)]
#[case::other_secret(
    json!({"encryptOptions": [{"name": "password", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    "encryptOptions", "is none of"
)]
fn a_mount_that_cannot_work(#[case] mount: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(mount, json!({}));
    assert_eq!(at, format!("Dataset.spec.mounts[0].{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::masters(json!({"master": {"replicas": 2}}), "master.replicas", "neither 1 nor 3")]
#[case::network(json!({"networkmode": "Mesh"}), "networkmode", "neither HostNetwork")]
#[case::workers_without_a_master(json!({"master": {"disabled": true}}), "master.disabled", "set worker.disabled as well")]
#[case::nothing(
    json!({"master": {"disabled": true}, "worker": {"disabled": true}, "fuse": {"disabled": true}}),
    "fuse.disabled", "leaves nothing to run"
)]
#[case::policy(json!({"fuse": {"cleanPolicy": "Never"}}), "fuse.cleanPolicy", "OnDemand")]
#[case::labels(json!({"labels": {"a": "b"}, "podMetadata": {"labels": {"c": "d"}}}), "master.labels", "podMetadata")]
#[case::volume(json!({"worker": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}), "worker.volumeMounts[0].name", "spec.volumes")]
#[case::quotas(
    json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a,/b", "quotaList": "1Gi"}]}}),
    "tieredstore.levels[0].quotaList", "has 1 quotas"
)]
#[case::path(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a/.."}]}}), "tieredstore.levels[0].path", "absolute")]
#[case::ratio(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a", "high": "80"}]}}), "tieredstore.levels[0].high", "ratio")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), runtime);
    assert_eq!(at, format!("JindoRuntime.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}
