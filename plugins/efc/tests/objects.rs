//! The objects that the chart makes of the values of each case: `cases/golden/<name>.objects.yaml`.
//! UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::json;
use support::KIT;

#[tokio::test]
async fn objects_are_as_expected() {
    KIT.expect_objects(support::values).await;
}

#[tokio::test]
async fn values_that_do_not_fit_the_schema_are_refused() {
    let good = support::values(&support::pair(json!({}))).unwrap();
    let wrong = [
        ("/master/image", json!("")),
        ("/master/count", json!(0)),
        ("/master/mountPoint", json!("$(owned)/")),
        ("/worker/port/rpc", json!(70_000)),
        ("/worker/option", json!("a=b,;owned")),
        ("/worker/tieredstore/levels/0/path", json!("/mnt")),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/fuse/hostMountPath", json!("relative")),
        ("/fuse/sessionManager", json!("")),
        ("/osAdvise/osVersion", json!("a b")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}

#[tokio::test]
async fn what_is_disabled_is_not_installed() {
    let helm = KIT.helm();
    for (part, name) in [("master", "demo-master"), ("worker", "demo-worker")] {
        let values = support::values(&support::pair(json!({part: {"disabled": true}}))).unwrap();
        let rendered = helm.render(&values).await.unwrap();
        let names: Vec<&str> = rendered
            .objects
            .iter()
            .filter_map(|object| object.metadata.name.as_deref())
            .collect();
        assert!(!names.contains(&name), "{names:?}");
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
