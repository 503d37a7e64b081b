//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::{Value, json};
use wasser_jindo::Jindo;
use wasser_sdk::{Implement, Result};
use wasser_testkit::{Kit, host, merge};

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Jindo as Implement>::Spec;

/// The first host port that tests get.
pub const FIRST_PORT: u16 = 18_000;

/// The plugin under test.
pub const KIT: Kit<Jindo> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")).with_images(&[
    ("smartdata", "jindofs/smartdata:6.9.1"),
    ("fuse", "jindofs/jindo-fuse:6.9.1"),
]);

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &host(documents).ports_from(FIRST_PORT))
}

/// Returns the values that `documents` ask of the release with the values `installed`, at the given
/// time.
pub fn synced(documents: &[Value], installed: &Value, now_ms: u64) -> Result<Value> {
    KIT.synced(documents, installed, now_ms, &host(documents).ports_from(FIRST_PORT))
}

/// Returns a Dataset on OSS and runtime with these fields over the least that works.
pub fn pair(mount: Value, dataset: Value, runtime: Value) -> Vec<Value> {
    let base =
        json!({"mountPoint": "oss://bucket/files", "name": "files", "options": {"fs.oss.endpoint": "oss.example.com"}});
    let dataset = merge(json!({"mounts": [merge(base, mount)]}), dataset);
    KIT.pair(dataset, runtime)
}
