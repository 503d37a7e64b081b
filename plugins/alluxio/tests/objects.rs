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
    let mount = json!({"mounts": [{"mountPoint": "https://mirror.example.com/spark/", "name": "spark"}]});
    let good = support::values(&KIT.pair(mount, json!({}))).unwrap();
    let wrong = [
        ("/placement", json!("Anywhere")),
        ("/master/ports/rpc", json!(0)),
        ("/master/replicaCount", json!(0)),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}
