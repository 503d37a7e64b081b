//! What the tests share: the plugin, and manifests as they are asked of it.
#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::{Value, json};
use wasser_efc::Efc;
use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Implement, Pod, Result};
use wasser_testkit::Kit;

/// The fields of the runtime's spec that the plugin reads.
pub type Spec = <Efc as Implement>::Spec;

/// The first host port that tests get.
pub const FIRST_PORT: u16 = 16_000;

/// The plugin under test.
pub const KIT: Kit<Efc> = Kit::of(env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")).with_images(&[
    ("master", "nascache/efc-master:v1"),
    ("worker", "nascache/efc-worker:v1"),
    ("fuse", "nascache/efc-fuse:v1"),
    ("init-fuse", "nascache/init-alifuse:v1"),
]);

/// Returns a host without pods.
pub fn host() -> FakeHost {
    FakeHost::new().ports_from(FIRST_PORT)
}

/// Returns a host with workers, each with its address and whether it is ready.
pub fn host_with(workers: &[(&str, bool)]) -> FakeHost {
    let with = |host: FakeHost, (at, (ip, ready)): (usize, &(&str, bool))| {
        host.pod_as(Pod {
            name: format!("demo-worker-{at}"),
            role: "worker".into(),
            ip: (*ip).into(),
            ready: *ready,
            ..Pod::default()
        })
    };
    workers.iter().enumerate().fold(host(), with)
}

/// Returns the values of a new release.
pub fn values(documents: &[Value]) -> Result<Value> {
    KIT.values(documents, &host())
}

/// Returns the values that `documents` ask of the release with the values `installed`.
pub fn synced(documents: &[Value], installed: &Value) -> Result<Value> {
    KIT.synced(documents, installed, 0, &FakeHost::new().ports_from(FIRST_PORT + 100))
}

/// Returns a Dataset with a data source, and a runtime with this spec.
pub fn pair(runtime: Value) -> Vec<Value> {
    let mount = json!({"mountPoint": "nfs://fs.cn-hangzhou.nas.aliyuncs.com:/data", "name": "data"});
    KIT.pair(json!({"mounts": [mount]}), runtime)
}

/// Returns the options in a value, by name.
pub fn options(values: &Value, part: &str) -> Vec<(String, String)> {
    let text = values[part]["option"].as_str().unwrap_or_default();
    let option = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (name.to_owned(), value.to_owned())
    };
    text.split(',').map(option).collect()
}
