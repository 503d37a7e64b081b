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
    let (_, documents) = KIT.cases().into_iter().find(|(name, _)| name == "guide").unwrap();
    let mut good = support::values(&documents).unwrap();
    good["worker"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let wrong = [
        ("/config", json!("")),
        ("/fileSystemType", json!("")),
        ("/master/replicas", json!(-1)),
        ("/client/spec/containers", json!([])),
        ("/worker/spec/containers/0/image", json!("")),
        (
            "/worker/spec/containers/0/imagePullPolicy",
            json!("Always\n          privileged: true"),
        ),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}

/// A script would need a separate test with hostile text, as those of other charts have. Users and
/// classes may bring theirs.
#[tokio::test]
async fn the_chart_has_no_scripts() {
    let helm = KIT.helm();
    for (name, documents) in KIT.cases() {
        let rendered = helm.render(&support::values(&documents).unwrap()).await.unwrap();
        let theirs = serde_json::to_string(&documents).unwrap();
        let mut scripts = wasser_testkit::scripts::Script::all(&rendered);
        scripts.retain(|script| !theirs.contains(&json!(script.text).to_string()));
        assert!(scripts.is_empty(), "{name}: {scripts:?}");
    }
}
