//! A plugin in a file: a component, the ConfigMap that registers it, or the artifact of a registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use wasser_pack::oci::artifact::Artifact;
use wasser_pack::oci::layout;
use wasser_pack::{CHART_KEY, COMPONENT_KEY, Registered};
use wasser_plugin::{CrdError, Digest, PLUGIN_KEY, PLUGIN_LABEL, Registration, Source, SourceError};

use crate::documents::objects;

/// How WebAssembly begins.
const WASM: &[u8] = b"\0asm";
/// The smallest archive, for a component that is looked at without a chart.
const NO_CHART: &[u8] = &[0x1f, 0x8b];
/// The namespace of what is in a file.
const NAMESPACE: &str = "file";

/// A plugin in a file.
#[derive(Debug)]
pub struct Package {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A component, without anything that an administrator would say.
    Component(Bytes),
    /// The ConfigMap that registers it.
    ConfigMap(Box<ConfigMap>),
    /// An artifact, with the ConfigMap that would register it if there were no limit to its size.
    Artifact(Box<ConfigMap>),
}

impl Package {
    /// Reads a component, a manifest with one registration in it, or an artifact in a tar or a
    /// directory.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::of_artifact(path, &layout::read(path)?);
        }
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let content = if layout::is_tar(&bytes) {
            let artifact = layout::from_tar(&bytes).with_context(|| path.display().to_string())?;
            return Self::of_artifact(path, &artifact);
        } else if bytes.starts_with(WASM) {
            Content::Component(bytes.into())
        } else {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| anyhow!("{} is neither WebAssembly nor YAML", path.display()))?;
            Content::ConfigMap(Box::new(
                registration(text).with_context(|| path.display().to_string())?,
            ))
        };
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// Returns an artifact as if it were registered with what its author proposes.
    ///
    /// # Errors
    /// It proposes nothing.
    pub fn of_artifact(path: &Path, artifact: &Artifact) -> Result<Self> {
        let plugin = artifact.plugin_yaml().with_context(|| {
            format!(
                "{} has no plugin.yaml, so it does not say which kind it serves",
                path.display()
            )
        })?;
        let plugin = wasser_pack::registration(plugin, artifact.component(), &Registered::Inline)
            .with_context(|| path.display().to_string())?;
        let bytes = |bytes: &[u8]| ByteString(bytes.to_vec());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.split('.').next().unwrap_or_default().to_owned()),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(PLUGIN_KEY.to_owned(), plugin)])),
            binary_data: Some(BTreeMap::from([
                (COMPONENT_KEY.to_owned(), bytes(artifact.component())),
                (CHART_KEY.to_owned(), bytes(artifact.chart())),
            ])),
            ..ConfigMap::default()
        };
        Ok(Self {
            path: path.to_owned(),
            content: Content::Artifact(Box::new(map)),
        })
    }

    /// The file, for messages.
    pub fn display(&self) -> impl std::fmt::Display {
        self.path.display()
    }

    /// Checks that the API server takes the ConfigMap.
    ///
    /// # Errors
    /// It is too large.
    pub fn check_size(&self) -> Result<()> {
        match &self.content {
            Content::Component(_) | Content::Artifact(_) => Ok(()),
            Content::ConfigMap(map) => Ok(wasser_plugin::check_size(map)?),
        }
    }

    /// Whether it is a component alone, so that nothing is granted to it.
    pub fn is_component(&self) -> bool {
        matches!(self.content, Content::Component(_))
    }

    /// The component's bytes. A `path:` in a manifest is looked for in the manifest's directory.
    pub fn component(&self) -> Result<Bytes> {
        self.component_below(None)
    }

    /// The component's bytes. A `path:` in a manifest is looked for in this directory, else in the
    /// manifest's.
    pub fn component_below(&self, directory: Option<&Path>) -> Result<Bytes> {
        match &self.content {
            Content::Component(bytes) => Ok(bytes.clone()),
            Content::ConfigMap(map) | Content::Artifact(map) => match Registration::parse(map)?.component {
                Source::Inline { bytes, .. } => Ok(bytes),
                Source::Oci(reference) => Err(SourceError::NotPulled(reference).into()),
                Source::Path(path) => {
                    let file = directory.map_or_else(|| self.directory(), Path::to_owned).join(path);
                    Ok(fs::read(&file)
                        .with_context(|| format!("reading {}", file.display()))?
                        .into())
                }
            },
        }
    }

    /// The directory of the file, below which `path:` sources are found.
    pub fn directory(&self) -> PathBuf {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).to_owned()
    }

    /// The registration. A component alone is registered for the kind that its CRD names, with the
    /// chart given.
    pub fn registration(&self, chart: Option<Bytes>) -> Result<Registration> {
        let component = match &self.content {
            Content::ConfigMap(map) | Content::Artifact(map) => {
                let mut registration = Registration::parse(map)?;
                if let Some(bytes) = chart {
                    registration.chart = Source::Inline {
                        key: "chart".to_owned(),
                        bytes,
                    };
                }
                return Ok(registration);
            }
            Content::Component(component) => component,
        };
        let crds = wasser_plugin::crds(component).map_err(|error| match error {
            CrdError::NotComponent => anyhow!(error).context(format!("{} cannot be a plugin", self.display())),
            error => anyhow!(error).context(format!(
                "{} alone does not say which kind it serves; give the ConfigMap that registers it",
                self.display()
            )),
        })?;
        let kind = crds
            .first()
            .and_then(|crd| crd.pointer("/spec/names/kind")?.as_str())
            .context("its CRD names no kind")?;
        let chart = chart.unwrap_or_else(|| Bytes::from_static(NO_CHART));
        Ok(Registration {
            name: self
                .path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            namespace: NAMESPACE.to_owned(),
            created: None,
            runtime: kind.to_owned(),
            component: Source::Inline {
                key: "component".to_owned(),
                bytes: component.clone(),
            },
            digest: Digest::of(component),
            pull_secrets: Vec::new(),
            chart: Source::Inline {
                key: "chart".to_owned(),
                bytes: chart,
            },
            images: Default::default(),
            settings: Default::default(),
            grants: Default::default(),
            limits: Default::default(),
        })
    }
}

/// The one registration in a manifest.
fn registration(text: &str) -> Result<ConfigMap> {
    let mut maps = Vec::new();
    for object in objects(text)? {
        if object.get("kind").and_then(Value::as_str) == Some("ConfigMap") {
            maps.push(serde_json::from_value::<ConfigMap>(object).context("a ConfigMap cannot be read")?);
        }
    }
    let labelled = |map: &ConfigMap| {
        map.metadata
            .labels
            .iter()
            .flatten()
            .any(|(key, value)| key == PLUGIN_LABEL && value == "true")
    };
    let mut registrations: Vec<ConfigMap> = maps.into_iter().filter(labelled).collect();
    let mut map = registrations
        .pop()
        .ok_or_else(|| anyhow!("there is no ConfigMap with the label {PLUGIN_LABEL}: \"true\""))?;
    ensure!(
        registrations.is_empty(),
        "there is more than one ConfigMap with the label {PLUGIN_LABEL}; give one file for each"
    );
    // `kubectl apply -n` would say where it goes.
    map.metadata.namespace.get_or_insert_with(|| NAMESPACE.to_owned());
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: demo, labels: {wasser.fluid.io/plugin: 'true'}}\ndata: {}\n";

    #[test]
    fn a_manifest_has_one_registration() {
        let other = "---\nkind: Secret\n---\nkind: ConfigMap\nmetadata: {name: plain}\n---\n";
        assert_eq!(
            registration(&format!("{other}{MAP}"))
                .unwrap()
                .metadata
                .namespace
                .as_deref(),
            Some("file")
        );
        assert!(
            registration(other)
                .unwrap_err()
                .to_string()
                .contains("no ConfigMap with the label")
        );
        assert!(
            registration(&format!("{MAP}---\n{MAP}"))
                .unwrap_err()
                .to_string()
                .contains("more than one")
        );
    }
}
