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
        ("/master/replicas", json!(0)),
        ("/worker/ports/rpc", json!(70_000)),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/fuse/targetPath", json!("relative")),
        ("/tieredstore/size", json!("much")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}
