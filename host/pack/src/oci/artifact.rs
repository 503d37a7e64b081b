//! An artifact with all of its bytes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::digest::sha256;
use crate::oci::manifest::{ArtifactError, CHART, COMPONENT, CONFIG, CRDS, Descriptor, Manifest, PLUGIN};

/// When the parts were put together, for a format that wants to know.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What an artifact is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The name of the plugin.
    pub name: &'a str,
    /// The version of the chart.
    pub version: &'a str,
    /// The component, with its CRDs.
    pub component: &'a [u8],
    /// The chart, a tgz.
    pub chart: &'a [u8],
    /// The CRDs as JSON, one per line.
    pub crds: &'a [u8],
    /// What its author proposes to register.
    pub plugin_yaml: &'a str,
}

/// The artifact of a plugin. Its parts are those that its manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    raw: Vec<u8>,
    manifest: Manifest,
    blobs: Vec<Vec<u8>>,
}

/// The config of the layout of the CNCF.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<String>,
    component: World,
}

/// The world of a component.
#[derive(Serialize)]
struct World {
    exports: Vec<String>,
    imports: Vec<String>,
}

impl Artifact {
    /// Puts an artifact together.
    ///
    /// # Errors
    /// The component is not one.
    pub fn new(parts: Parts<'_>) -> Result<Self> {
        let Parts { name, version, .. } = parts;
        let mut layers = vec![
            (COMPONENT, format!("{name}.wasm"), parts.component),
            (CHART, format!("{name}-{version}.tgz"), parts.chart),
            (PLUGIN, "plugin.yaml".to_owned(), parts.plugin_yaml.as_bytes()),
        ];
        if !parts.crds.is_empty() {
            layers.insert(2, (CRDS, "crds.jsonl".to_owned(), parts.crds));
        }
        let config = serde_json::to_vec(&Config {
            created: CREATED,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: layers.iter().map(|(_, _, bytes)| sha256(bytes)).collect(),
            component: world(parts.component)?,
        })?;
        let annotations = BTreeMap::from([
            ("org.opencontainers.image.title".to_owned(), name.to_owned()),
            ("org.opencontainers.image.version".to_owned(), version.to_owned()),
        ]);
        let described = layers
            .iter()
            .map(|(media_type, title, bytes)| Descriptor::of(media_type, bytes).titled(title.clone()))
            .collect();
        let manifest = Manifest::new(Descriptor::of(CONFIG, &config), described, annotations);
        let parts = layers.iter().map(|(_, _, bytes)| bytes.to_vec());
        Ok(Self {
            raw: serde_json::to_vec(&manifest)?,
            blobs: std::iter::once(config).chain(parts).collect(),
            manifest,
        })
    }

    /// Assembles an artifact from its manifest and the blobs that [`Manifest::blobs`] names, in
    /// that order.
    ///
    /// # Errors
    /// The manifest is not a plugin's, or a blob is another one than it names.
    pub fn assemble(raw: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Self, ArtifactError> {
        let manifest = Manifest::parse(&raw)?;
        let named = manifest.blobs().count();
        if named != blobs.len() {
            let there = blobs.len();
            return Err(ArtifactError::Manifest(format!(
                "it names {named} blobs, and {there} are there"
            )));
        }
        for (descriptor, bytes) in manifest.blobs().zip(&blobs) {
            descriptor.check(bytes)?;
        }
        let artifact = Self { raw, manifest, blobs };
        for media_type in [PLUGIN, CRDS] {
            let bytes = artifact.layer(media_type).unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| ArtifactError::Text(media_type))?;
        }
        Ok(artifact)
    }

    /// Returns the digest by which registries and registrations name the artifact.
    pub fn digest(&self) -> String {
        sha256(&self.raw)
    }

    /// Returns the manifest as it was made.
    pub fn manifest(&self) -> &[u8] {
        &self.raw
    }

    /// Returns config and layers with their descriptors.
    pub fn blobs(&self) -> impl Iterator<Item = (&Descriptor, &[u8])> {
        self.manifest.blobs().zip(self.blobs.iter().map(Vec::as_slice))
    }

    /// Returns component and chart, without a copy of their bytes.
    pub fn into_component_and_chart(mut self) -> (Vec<u8>, Vec<u8>) {
        let mut taken = |media_type: &str| {
            let at = self.place(media_type);
            at.and_then(|at| self.blobs.get_mut(at)).map(std::mem::take)
        };
        (taken(COMPONENT).unwrap_or_default(), taken(CHART).unwrap_or_default())
    }

    /// Returns the component.
    pub fn component(&self) -> &[u8] {
        self.layer(COMPONENT).unwrap_or_default()
    }

    /// Returns the chart.
    pub fn chart(&self) -> &[u8] {
        self.layer(CHART).unwrap_or_default()
    }

    /// Returns plugin.yaml, if the artifact has one.
    pub fn plugin_yaml(&self) -> Option<&str> {
        std::str::from_utf8(self.layer(PLUGIN)?).ok()
    }

    /// Returns the CRDs as JSON, one per line; nothing if the artifact has none.
    pub fn crds(&self) -> &str {
        let crds = self.layer(CRDS).unwrap_or_default();
        std::str::from_utf8(crds).unwrap_or_default()
    }

    /// Returns the bytes of the layer of this type.
    fn layer(&self, media_type: &str) -> Option<&[u8]> {
        self.blobs.get(self.place(media_type)?).map(Vec::as_slice)
    }

    /// Returns where the layer of this type is among the blobs. The first of them is the config.
    fn place(&self, media_type: &str) -> Option<usize> {
        let mut numbered = self.manifest.blobs().enumerate().skip(1);
        let found = numbered.find(|(_, layer)| layer.media_type == media_type);
        found.map(|(at, _)| at)
    }
}

/// Returns the names that a component exports and imports, in its own order.
fn world(component: &[u8]) -> Result<World> {
    let decoded = wit_component::decode(component).context("the component cannot be read")?;
    let wit_component::DecodedWasm::Component(resolve, world) = decoded else {
        anyhow::bail!("it is a package of WIT, and not a component");
    };
    let world = resolve.worlds.get(world).context("the component has no world")?;
    Ok(World {
        exports: world.exports.keys().map(|key| resolve.name_world_key(key)).collect(),
        imports: world.imports.keys().map(|key| resolve.name_world_key(key)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component.
    const COMPONENT_BYTES: &[u8] = b"\0asm\x0d\0\x01\0";

    fn parts() -> Parts<'static> {
        Parts {
            name: "demo",
            version: "0.1.0",
            component: COMPONENT_BYTES,
            chart: b"chart",
            crds: b"{}\n",
            plugin_yaml: "runtime: DemoRuntime\n",
        }
    }

    fn taken_apart(artifact: &Artifact) -> (serde_json::Value, Vec<Vec<u8>>) {
        let manifest = serde_json::from_slice(artifact.manifest()).unwrap();
        (manifest, artifact.blobs().map(|(_, bytes)| bytes.to_vec()).collect())
    }

    #[test]
    fn the_same_parts_have_the_same_digest() {
        let artifact = Artifact::new(parts()).unwrap();
        // The digest is part of what users write down: it changes only if the format does.
        assert_eq!(artifact, Artifact::new(parts()).unwrap());
        let other = Artifact::new(Parts {
            chart: b"other",
            ..parts()
        })
        .unwrap();
        assert_ne!(artifact.digest(), other.digest());
    }

    #[test]
    fn it_is_what_tools_for_components_expect() {
        let (manifest, blobs) = taken_apart(&Artifact::new(parts()).unwrap());
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        let config: serde_json::Value = serde_json::from_slice(&blobs[0]).unwrap();
        assert_eq!(
            (&config["architecture"], &config["os"]),
            (&"wasm".into(), &"wasip2".into())
        );
        assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
        assert_eq!(config["component"]["exports"], serde_json::json!([]));
    }

    #[test]
    fn an_artifact_is_its_manifest_and_blobs() {
        let artifact = Artifact::new(parts()).unwrap();
        let (_, blobs) = taken_apart(&artifact);
        let again = Artifact::assemble(artifact.manifest().to_vec(), blobs.clone()).unwrap();
        assert_eq!(again, artifact);
        assert_eq!(
            (again.component(), again.chart()),
            (COMPONENT_BYTES, b"chart".as_slice())
        );
        assert_eq!(
            (again.plugin_yaml(), again.crds()),
            (Some("runtime: DemoRuntime\n"), "{}\n")
        );

        let mut other = blobs;
        other[2] = b"Chart".to_vec();
        let refused = Artifact::assemble(artifact.manifest().to_vec(), other)
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with(&format!("the layer of type {CHART} is not the one")),
            "{refused}"
        );
    }

    #[test]
    fn layers_that_are_no_part_of_a_plugin_are_left_where_they_are() {
        let artifact = Artifact::new(parts()).unwrap();
        let (mut manifest, blobs) = taken_apart(&artifact);
        let foreign = serde_json::json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(b"x"), "size": 60_u64 << 20,
        });
        let layers = manifest["layers"].as_array_mut().unwrap();
        layers.insert(0, foreign.clone());
        layers.push(foreign);
        let raw = manifest.to_string().into_bytes();
        assert_eq!(Manifest::parse(&raw).unwrap().blobs().count(), blobs.len());
        let again = Artifact::assemble(raw.clone(), blobs).unwrap();
        assert_eq!((again.chart(), again.crds()), (b"chart".as_slice(), "{}\n"));
        assert_eq!((again.manifest(), again.digest()), (raw.as_slice(), sha256(&raw)));
        let (component, chart) = again.into_component_and_chart();
        assert_eq!(
            (component.as_slice(), chart.as_slice()),
            (COMPONENT_BYTES, b"chart".as_slice())
        );
    }

    #[test]
    fn what_is_not_a_plugin_is_refused_by_what_is_missing() {
        let artifact = Artifact::new(parts()).unwrap();
        let (manifest, blobs) = taken_apart(&artifact);
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut manifest = manifest.clone();
            change(&mut manifest);
            Artifact::assemble(manifest.to_string().into_bytes(), blobs.clone())
                .unwrap_err()
                .to_string()
        };
        let without_chart = refused(&|manifest| drop(manifest["layers"].as_array_mut().unwrap().remove(1)));
        assert!(
            without_chart.starts_with("the artifact has no chart (a layer of type application/vnd.cncf.helm.chart.")
                && without_chart.contains(", but layers of type application/wasm, "),
            "{without_chart}"
        );
        let twice = refused(&|manifest| manifest["layers"][1]["mediaType"] = COMPONENT.into());
        assert!(twice.contains("more than one component"), "{twice}");
        let large = refused(&|manifest| manifest["layers"][1]["size"] = (1_u64 << 40).into());
        assert!(large.contains("1099511627776 bytes"), "{large}");
        let all = refused(&|manifest| {
            for at in [0, 1] {
                manifest["layers"][at]["size"] = (40_u64 << 20).into();
            }
        });
        assert!(all.contains("bytes together; a plugin has at most 75497472"), "{all}");
        let index = refused(&|manifest| manifest["manifests"] = serde_json::json!([]));
        assert!(index.contains("an index"), "{index}");
        let garbage = Manifest::parse(b"<html>").unwrap_err().to_string();
        assert!(garbage.contains("is this the artifact of a plugin?"), "{garbage}");
    }
}
