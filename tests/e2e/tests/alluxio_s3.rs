//! A real Alluxio in pods of a real node, before a real S3 server whose keys change.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use wasser_e2e::Installed;
use wasser_e2e::manifests::{file, with};
use wasser_e2e::s3::{S3, keys};

const API: &str = "data.fluid.io/v1alpha1";
const NAME: &str = "warehouse";
const KEYS: &str = "warehouse-keys";

/// The Dataset with a bucket, as users write it for Fluid.
fn dataset(s3: &S3, bucket: &str) -> Value {
    let key = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": KEYS, "key": key}}});
    let mount = json!({
        "mountPoint": format!("s3://{bucket}/photos"),
        "name": "photos",
        "options": {
            "alluxio.underfs.s3.endpoint": s3.url,
            "alluxio.underfs.s3.endpoint.region": "us-east-1",
            "alluxio.underfs.s3.disable.dns.buckets": "true",
            "alluxio.underfs.s3.inherit.acl": "false"
        },
        "encryptOptions": [key("aws.accessKeyId", "access-key"), key("aws.secretKey", "secret-key")]
    });
    with(file("warehouse.yaml").swap_remove(0), "/spec/mounts", json!([mount]))
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bucket_is_read_while_its_keys_change() {
    let installed = Installed::start_with("alluxio-s3", &["--set=runtime.syncRetryDuration=10s"]).await;
    let (s3, bucket) = (S3::of_environment(), installed.namespace.clone());
    s3.make_bucket(&bucket).await;
    s3.put(&format!("{bucket}/photos/first"), "seen with the old keys")
        .await;
    let old = s3.make_user(&format!("{bucket}-old")).await;
    installed.apply(&keys(KEYS, &old)).await;
    installed.apply(&dataset(&s3, &bucket)).await;
    installed.apply(&file("warehouse.yaml").swap_remove(1)).await;
    let bound = |dataset: &DynamicObject| (dataset.data["status"]["phase"] == "Bound").then_some(());
    installed.object(API, "Dataset", NAME, "it is Bound", bound).await;
    installed.run_with_claim("app", NAME).await;
    assert_eq!(
        installed.inside("app", "cat /data/photos/first").await.trim(),
        "seen with the old keys"
    );

    // The old keys end. What was never read can be read once the Secret has new ones, by the pod
    // that runs.
    let new = s3.make_user(&format!("{bucket}-new")).await;
    s3.remove_user(&old.0).await;
    s3.put(&format!("{bucket}/photos/second"), "seen with the new keys")
        .await;
    s3.put(&format!("{bucket}/photos/third"), "never seen").await;
    let refused = installed.inside_says("app", "cat /data/photos/third").await;
    assert!(!refused.contains("never seen"), "the old keys are still good");
    let read = || async {
        installed.hurry("role=alluxio-master").await;
        (installed.inside_says("app", "cat /data/photos/second").await.trim() == "seen with the new keys").then_some(())
    };
    installed.apply(&keys(KEYS, &new)).await;
    installed.eventually("the new keys are used", read).await;
    installed.delete_pods().await;
    installed.end_with(NAME, &[KEYS]).await;
    s3.remove_user(&new.0).await;
}
