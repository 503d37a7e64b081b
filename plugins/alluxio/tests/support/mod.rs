//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod live;
pub mod scripts;

use serde_json::Value;
use wasser_alluxio::Alluxio;
use wasser_sdk::{Implement, Result};
use wasser_testkit::{Kit, host};

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Alluxio as Implement>::Spec;

/// The plugin under test.
pub const KIT: Kit<Alluxio> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")).with_images(&[
    ("runtime", "alluxio/alluxio-dev:2.9.0"),
    ("fuse", "alluxio/alluxio-dev:2.9.0"),
    ("init", "fluidcloudnative/init-users:v0.9.0"),
]);

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &host(documents).ports_from(21_000))
}

/// Returns the values that `documents` ask of the release with the values `installed`.
pub fn synced(documents: &[Value], installed: &Value) -> Result<Value> {
    KIT.synced(documents, installed, 0, &host(documents).ports_from(25_000))
}
