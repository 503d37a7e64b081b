//! The manifest of an artifact: its media types, and which parts it must have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{hex_of, sha256};

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The artifact type of a plugin.
pub const ARTIFACT: &str = "application/vnd.wasser.plugin.v1";
/// The media type of the config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The media type of the component.
pub const COMPONENT: &str = "application/wasm";
/// The media type of the chart, which is that of `helm push`.
pub const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The media type of the CRDs: JSON, one per line.
pub const CRDS: &str = "application/vnd.wasser.plugin.crds.v1+jsonl";
/// The media type of plugin.yaml.
pub const PLUGIN: &str = "application/vnd.wasser.plugin.manifest.v1+yaml";

/// The largest part of an artifact in bytes, as the operator's limit for files of plugins.
pub const MAX_PART: u64 = 64 << 20;
/// The largest artifact in bytes: one part of that size, and what goes with it.
pub const MAX_ARTIFACT: u64 = MAX_PART + (8 << 20);
/// The largest manifest in bytes, which is the least that registries must take.
pub const MAX_MANIFEST: usize = 4 << 20;
/// The number of layers that an artifact may have.
const MAX_LAYERS: usize = 16;
/// The parts of a plugin: their names, their media types, and whether there must be one.
const PARTS: [(&str, &str, bool); 4] = [
    ("component", COMPONENT, true),
    ("chart", CHART, true),
    ("CRDs", CRDS, false),
    ("plugin.yaml", PLUGIN, false),
];

/// Why something is not the artifact of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// The manifest has another digest.
    #[error("the manifest has the digest {found}, and {expected} was asked for; whoever answered is not to be trusted")]
    Digest {
        /// The digest of the bytes.
        found: String,
        /// The digest that was asked for.
        expected: String,
    },
    /// The manifest is not one.
    #[error("the manifest cannot be read: {0}; is this the artifact of a plugin?")]
    Manifest(String),
    /// The manifest is an index.
    #[error("it is an index of several images; name the one manifest that `wasser plugin push` has printed")]
    Index,
    /// A part is missing.
    #[error(
        "the artifact has no {part} (a layer of type {media_type}), but {there}; push what `wasser plugin pack` makes"
    )]
    Missing {
        /// The part.
        part: &'static str,
        /// Its media type.
        media_type: &'static str,
        /// The media types of its layers.
        there: String,
    },
    /// A part exists twice.
    #[error("the artifact has more than one {part} (layers of type {media_type})")]
    Twice {
        /// The part.
        part: &'static str,
        /// Its media type.
        media_type: &'static str,
    },
    /// A part is too large.
    #[error("the layer of type {media_type} has {size} bytes; a part of a plugin has at most {MAX_PART}")]
    TooLarge {
        /// Its media type.
        media_type: String,
        /// Its size in bytes.
        size: u64,
    },
    /// All parts together are too large.
    #[error("config and parts have {0} bytes together; a plugin has at most {MAX_ARTIFACT}")]
    AllTooLarge(u64),
    /// A part has other bytes than the manifest says.
    #[error("the layer of type {media_type} is not the one that the manifest names: {found} instead of {expected}")]
    Part {
        /// Its media type.
        media_type: String,
        /// The digest and size of the bytes.
        found: String,
        /// Those that the manifest states.
        expected: String,
    },
    /// A text is not UTF-8.
    #[error("the layer of type {0} is not a text")]
    Text(&'static str),
}

/// A blob, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// Remarks, such as the name of its file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Describes these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }

    /// Adds the name of the file, by which other tools save the blob.
    pub(super) fn titled(mut self, title: String) -> Self {
        let key = "org.opencontainers.image.title".to_owned();
        self.annotations.insert(key, title);
        self
    }

    /// Checks that these bytes are the blob.
    ///
    /// # Errors
    /// Size or digest are others.
    pub fn check(&self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let found = sha256(bytes);
        if found == self.digest && bytes.len() as u64 == self.size {
            return Ok(());
        }
        Err(ArtifactError::Part {
            media_type: self.media_type.clone(),
            found: format!("{found} with {} bytes", bytes.len()),
            expected: format!("{} with {} bytes", self.digest, self.size),
        })
    }
}

/// The manifest of a plugin, which has a component and a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Makes the manifest of these blobs.
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: Some(ARTIFACT.to_owned()),
            config,
            layers,
            annotations,
        }
    }

    /// Reads a manifest, and checks that it is a plugin's. Other tools may have made it: only
    /// component and chart must be there, and layers of other types are nobody's business.
    ///
    /// # Errors
    /// It is something else, or a part is missing or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct AnyManifest {
            #[serde(default)]
            manifests: Option<serde_json::Value>,
        }
        if bytes.len() > MAX_MANIFEST {
            return Err(ArtifactError::Manifest(format!("it has {} bytes", bytes.len())));
        }
        let unreadable = |error: serde_json::Error| ArtifactError::Manifest(error.to_string());
        if serde_json::from_slice::<AnyManifest>(bytes)
            .map_err(unreadable)?
            .manifests
            .is_some()
        {
            return Err(ArtifactError::Index);
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        if manifest.layers.len() > MAX_LAYERS {
            let layers = manifest.layers.len();
            return Err(ArtifactError::Manifest(format!("it has {layers} layers")));
        }
        let mut sum = 0_u64;
        for blob in manifest.blobs() {
            sum = sum.saturating_add(blob.size);
            if hex_of(&blob.digest).is_none() {
                return Err(ArtifactError::Manifest(format!(
                    "`{}` is not a SHA-256 digest",
                    blob.digest
                )));
            }
            if blob.size > MAX_PART {
                return Err(ArtifactError::TooLarge {
                    media_type: blob.media_type.clone(),
                    size: blob.size,
                });
            }
        }
        if sum > MAX_ARTIFACT {
            return Err(ArtifactError::AllTooLarge(sum));
        }
        for (part, media_type, is_needed) in PARTS {
            match manifest.layers_of(media_type).count() {
                0 if is_needed => {
                    let there: Vec<&str> = manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect();
                    let there = if there.is_empty() {
                        "no layers at all".to_owned()
                    } else {
                        format!("layers of type {}", there.join(", "))
                    };
                    return Err(ArtifactError::Missing {
                        part,
                        media_type,
                        there,
                    });
                }
                0 | 1 => {}
                _ => return Err(ArtifactError::Twice { part, media_type }),
            }
        }
        Ok(manifest)
    }

    /// Returns the config and the layers that are parts of a plugin, in the order in which an artifact
    /// keeps them. Other layers are not worth their memory.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let is_part = |layer: &&Descriptor| PARTS.iter().any(|(_, media_type, _)| layer.media_type == *media_type);
        std::iter::once(&self.config).chain(self.layers.iter().filter(is_part))
    }

    fn layers_of(&self, media_type: &str) -> impl Iterator<Item = &Descriptor> {
        self.layers.iter().filter(move |layer| layer.media_type == media_type)
    }
}
