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
    let good = support::values(&support::pair(json!({}), json!({}), json!({}))).unwrap();
    let wrong = [
        ("/edition", json!("free")),
        ("/worker/command", json!("")),
        ("/fuse/metricsPort", json!(0)),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}

#[tokio::test]
async fn images_are_references_however_they_are_written() {
    let digest = format!("sha256:{}", "5f70bf18".repeat(8));
    let cases = [
        ("registry:5000/mount", "", "registry:5000/mount:ce-v1.3.0".to_string()),
        ("registry:5000/mount:v1", "", "registry:5000/mount:v1".to_string()),
        ("mirror/mount", "v1", "mirror/mount:v1".to_string()),
        (&format!("mirror/mount@{digest}"), "", format!("mirror/mount@{digest}")),
        ("", &digest, format!("juicedata/mount@{digest}")),
        (
            "mirror/mount",
            &format!("v1@{digest}"),
            format!("mirror/mount:v1@{digest}"),
        ),
    ];
    let helm = KIT.helm();
    for (image, tag, expected) in cases {
        let image = json!({"image": image, "imageTag": tag});
        let runtime = json!({"juicefsVersion": image, "fuse": image});
        let values = support::values(&support::pair(json!({}), json!({}), runtime)).unwrap();
        let rendered = helm.render(&values).await.unwrap();
        let containers = rendered
            .objects
            .iter()
            .filter_map(|object| object.data.pointer("/spec/template/spec/containers/0/image"));
        assert_eq!(containers.collect::<Vec<_>>(), [&json!(expected), &json!(expected)]);
    }
}
