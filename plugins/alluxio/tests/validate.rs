//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn refusal(dataset: Value, runtime: Value) -> (String, String) {
    wasser_testkit::refusal(support::values(&support::KIT.pair(dataset, runtime)))
}

fn mounts() -> Value {
    json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]})
}

#[rstest]
#[case::no_address(json!([{"mountPoint": "bucket", "name": "b"}]), "mounts[0].mountPoint", "s3://bucket/directory")]
#[case::two_roots(json!([{"mountPoint": "s3://a"}, {"mountPoint": "s3://b"}]), "mounts[1]",
    "another mount is at `/` as well")]
#[case::root_of_words(json!([{"mountPoint": "s3://a/b c"}]), "mounts[mountPoint]",
    "or give the mount a name or a path")]
#[case::upwards(json!([{"mountPoint": "local:///data/../etc", "name": "b"}]), "mounts[0].mountPoint", "contains `..`")]
#[case::claim(json!([{"mountPoint": "pvc://", "name": "b"}]), "mounts[0].mountPoint", "names no claim")]
#[case::twice(json!([{"mountPoint": "s3://a", "name": "x"}, {"mountPoint": "s3://b", "path": "/x"}]), "mounts[1]",
    "give each its own path or name")]
#[case::dataset(json!([{"mountPoint": "dataset://other/x", "name": "x"}]), "mounts[0].mountPoint",
    "name its own data source")]
#[case::line_break(json!([{"mountPoint": "s3://a\nb", "name": "x"}]), "mounts[0].mountPoint", "control character")]
#[case::colon(json!([{"mountPoint": "pvc://a", "name": "x", "path": "/a:b"}]), "mounts[0]", "a path with `:`")]
#[case::option(json!([{"mountPoint": "s3://a", "name": "x", "options": {"-Dx": "1"}}]), "mounts[0].options[-Dx]",
    "not the name of an option")]
#[case::secret(
    json!([{"mountPoint": "s3://a", "name": "x", "encryptOptions": [{"name": "k",
        "valueFrom": {"secretKeyRef": {"name": "../s", "key": "k"}}}]}]),
    "mounts[0].encryptOptions[0]", "name and the key of a Secret"
)]
fn a_mount_that_cannot_work(#[case] mounts: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({"mounts": mounts}), json!({}));
    assert_eq!(at, format!("Dataset.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[test]
fn options_that_all_mounts_share_are_checked_too() {
    for (options, field) in [
        (json!({"sharedOptions": {"a": "b\nc"}}), "sharedOptions[a]"),
        (
            json!({"sharedEncryptOptions": [{"name": "-Da", "valueFrom": {"secretKeyRef": {"name": "s",
                "key": "k"}}}]}),
            "sharedEncryptOptions[-Da]",
        ),
    ] {
        let (at, message) = refusal(wasser_testkit::merge(mounts(), options), json!({}));
        assert_eq!(at, format!("Dataset.spec.{field}"), "{message}");
    }
}

#[rstest]
#[case::two_masters(json!({"master": {"replicas": 2}}), "master.replicas", "write 1 or 3")]
#[case::ten_masters(json!({"master": {"replicas": 10}}), "master.replicas", "at most 9 masters")]
#[case::countless_masters(json!({"master": {"replicas": i32::MAX}}), "master.replicas", "write 1 or 3")]
#[case::network(json!({"worker": {"networkMode": "Mesh"}}), "worker.networkMode", "HostNetwork nor ContainerNetwork")]
#[case::property(json!({"properties": {"alluxio.x": "$(id)"}}), "properties[alluxio.x]", "without it")]
#[case::property_name(json!({"fuse": {"properties": {"-Dx": "1"}}}), "fuse.properties[-Dx]",
    "not the name of a property")]
#[case::clean_policy(json!({"fuse": {"cleanPolicy": "Never"}}), "fuse.cleanPolicy", "OnDemand, OnRuntimeDeleted, \
    OnFuseChanged")]
#[case::medium(json!({"tieredstore": {"levels": [{"mediumtype": "TAPE", "path": "/a", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].mediumtype", "MEM, SSD, HDD")]
#[case::semicolon(
    json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a;/b", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].path", "has the character ';'; write directories with letters, digits and _.-+@%=~ only, \
        and commas between several"
)]
#[case::colon(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a:/b", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].path", "character ':'")]
#[case::relative(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a,b", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].path", "not absolute")]
#[case::twice(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a, /a/", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].path", "twice")]
#[case::root(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/", "quota": "1Gi"}]}}),
    "tieredstore.levels[0].path", "root of the node")]
#[case::journal(json!({"properties": {"alluxio.master.journal.folder": "journal"}}),
    "properties[alluxio.master.journal.folder]", "not absolute")]
#[case::pull_secret(json!({"imagePullSecrets": [{}]}), "master.imagePullSecrets", "without the name of a Secret")]
#[case::user(json!({"runAs": {"uid": -1, "gid": 0, "user": "a", "group": "a"}}), "runAs.uid",
    "not the number of a user")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(mounts(), runtime);
    assert_eq!(at, format!("AlluxioRuntime.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}
