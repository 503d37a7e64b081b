//! The plugin of JuiceFS in another build, which does the same.

use std::fs;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::guests;

use super::System;
use super::fake_cluster::{FakeCluster, SYSTEM, register_manifest};

/// A custom section with a name and no content, which every reader of WebAssembly skips.
const SECTION: [u8; 10] = *b"\x00\x08\x07another";

/// Registers it instead of the one that is registered.
pub fn register(fake: &FakeCluster) -> Result<()> {
    let system = System::Juicefs;
    let packages = guests::build(paths::root(), &[system.plugin().to_owned()])?;
    let package = packages.first().context("the plugin was not built")?;
    let manifest = system.registration(&package.manifest)?;
    let file = fake.directory().join("swapped.yaml");
    fs::write(&file, another_build(&manifest)?).with_context(|| format!("writing {}", file.display()))?;
    register_manifest(fake.cluster(), SYSTEM, &file)
}

/// Changes the component of a registration, and its digest.
fn another_build(manifest: &str) -> Result<String> {
    let mut map: Value = yaml_serde::from_str(manifest).context("reading a registration")?;
    let component = map.pointer_mut("/binaryData/juicefs.wasm");
    let component = component.context("the registration has no component")?;
    let mut bytes = BASE64.decode(component.as_str().unwrap_or_default())?;
    let before = digest(&bytes);
    bytes.extend(SECTION);
    *component = BASE64.encode(&bytes).into();
    let plugin = map.pointer_mut("/data/plugin.yaml");
    let plugin = plugin.context("the registration has no plugin.yaml")?;
    *plugin = plugin
        .as_str()
        .unwrap_or_default()
        .replace(&before, &digest(&bytes))
        .into();
    Ok(serde_json::to_string(&map)?)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_has_another_digest_and_a_section_more() {
        let digest_of = |bytes: &[u8]| format!("digest: sha256:{}", digest(bytes));
        let manifest = serde_json::json!({"data": {"plugin.yaml": digest_of(b"\0asm")},
            "binaryData": {"juicefs.wasm": BASE64.encode(b"\0asm")}});
        let other: Value = serde_json::from_str(&another_build(&manifest.to_string()).unwrap()).unwrap();
        let bytes = BASE64
            .decode(other["binaryData"]["juicefs.wasm"].as_str().unwrap())
            .unwrap();
        assert_eq!(bytes, b"\0asm\0\x08\x07another");
        assert_eq!(other["data"]["plugin.yaml"], digest_of(&bytes));
    }
}
