//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::{Value, json};
use wasser_cache::Cache;
use wasser_sdk::{Implement, Result};
use wasser_testkit::{Kit, host, merge};

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Cache as Implement>::Spec;

/// The plugin under test.
pub const KIT: Kit<Cache> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR"));

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &host(documents))
}

/// Returns the values that `documents` ask of the release with the values `installed`, at the given
/// time.
pub fn synced(documents: &[Value], installed: &Value, now_ms: u64) -> Result<Value> {
    KIT.synced(documents, installed, now_ms, &host(documents))
}

/// Returns a component of a class that has only an image.
pub fn component(name: &str) -> Value {
    json!({"template": {"spec": {"containers": [{"name": name, "image": format!("example/{name}:1")}]}}})
}

/// Returns a Dataset, a runtime and a class with these fields over the least that works.
pub fn trio(dataset: Value, runtime: Value, class: Value) -> Vec<Value> {
    let dataset = merge(
        json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]}),
        dataset,
    );
    let topology = json!({"master": component("master"), "worker": component("worker"), "client": component("client")});
    let class = merge(
        json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "CacheRuntimeClass", "metadata": {"name": "demofs"},
            "fileSystemType": "fuse.demofs", "topology": topology,
        }),
        class,
    );
    let mut documents = KIT.pair(dataset, merge(json!({"runtimeClassName": "demofs"}), runtime));
    documents.push(class);
    documents
}
