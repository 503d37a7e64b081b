//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::{Value, json};
use wasser_sdk::{Implement, Result};
use wasser_testkit::{Kit, host, merge};
use wasser_thin::Thin;

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Thin as Implement>::Spec;

/// The plugin under test.
pub const KIT: Kit<Thin> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR"));

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &host(documents))
}

/// Returns the values that `documents` ask of the release with the values `installed`, at the given
/// time.
pub fn synced(documents: &[Value], installed: &Value, now_ms: u64) -> Result<Value> {
    KIT.synced(documents, installed, now_ms, &host(documents))
}

/// Returns a Dataset, a runtime and a profile with these fields over the least that works.
pub fn trio(dataset: Value, runtime: Value, profile: Value) -> Vec<Value> {
    let dataset = merge(
        json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]}),
        dataset,
    );
    let profile = merge(
        json!({"fileSystemType": "fuse.s3fs", "fuse": {"image": "example/s3fs", "imageTag": "1"}}),
        profile,
    );
    let mut documents = KIT.pair(dataset, merge(json!({"profileName": "s3"}), runtime));
    documents.push(json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntimeProfile", "metadata": {"name": "s3"},
            "spec": profile,
    }));
    documents
}
