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
    let (_, documents) = KIT.cases().into_iter().find(|(name, _)| name == "secrets").unwrap();
    let good = support::values(&documents).unwrap();
    let wrong = [
        ("/fuse/image", json!("")),
        ("/fuse/targetPath", json!("relative")),
        ("/fuse/configStorage", json!("file")),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}

#[tokio::test]
async fn a_configuration_in_a_secret_needs_the_grant_and_says_so() {
    let cases = KIT.cases().into_iter();
    let (_, mut documents) = cases.into_iter().find(|(name, _)| name == "config-in-secret").unwrap();
    let values = support::values(&documents).unwrap();
    assert_eq!(KIT.not_granted(&values, &documents).await, None);
    for document in documents.iter_mut().filter(|document| document["kind"] == "Settings") {
        document["kinds"] = json!([]);
    }
    let refused = KIT.not_granted(&values, &documents).await.unwrap();
    assert!(
        refused.starts_with("Secret ")
            && refused.contains("add `Secret` to `grants.kinds` of the plugin's registration"),
        "{refused}"
    );
}

/// A script would need a separate test with hostile text, as those of other charts have. Users and
/// profiles may bring theirs.
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
