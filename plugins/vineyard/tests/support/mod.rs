//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::{Value, json};
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Implement, Result};
use wasser_testkit::Kit;
use wasser_vineyard::Vineyard;

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Vineyard as Implement>::Spec;

/// The first host port that tests get.
pub const FIRST_PORT: u16 = 28_000;

/// The plugin under test.
pub const KIT: Kit<Vineyard> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")).with_images(&[
    ("master", "vineyard/vineyardd:v0.22.2"),
    ("worker", "vineyard/vineyardd:v0.22.2"),
    ("fuse", "vineyard/vineyard-fluid-fuse:v0.22.2"),
]);

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &FakeHost::new().ports_from(FIRST_PORT))
}

/// Returns the values that `documents` ask of the release with the values `installed`.
pub fn synced(documents: &[Value], installed: &Value) -> Result<Value> {
    KIT.synced(documents, installed, 0, &FakeHost::new().ports_from(FIRST_PORT + 100))
}

/// Returns a Dataset, which need not name a data source, and a runtime with this spec.
pub fn pair(runtime: Value) -> Vec<Value> {
    KIT.pair(json!({}), runtime)
}
