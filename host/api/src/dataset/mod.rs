//! The Dataset: where data comes from, and what is known of its cache.

mod access;
mod mount;
mod reference;
mod spec;
mod status;

pub use access::at_most;
pub use mount::{EncryptOption, EncryptOptionSource, Mount, SecretKeySelector};
pub use reference::{InvalidReference, Reference};
#[cfg(feature = "schema")]
pub use spec::Dataset;
pub use spec::{CacheableNodeAffinity, DataRestoreLocation, DatasetSpec, PlacementMode};
pub use status::{CATEGORY_ACCELERATE, DatasetCondition, DatasetPhase, DatasetRuntime, DatasetStatus, HcfsStatus};

/// What `ufsTotal` and `fileNum` show while the metadata is being synchronised.
pub const METADATA_SYNC_NOT_DONE: &str = "[Calculating]";

/// The access mode of a volume whose Dataset names none.
pub const DEFAULT_ACCESS_MODE: &str = "ReadOnlyMany";

/// A Dataset as plugins see it.
#[cfg(not(feature = "schema"))]
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Dataset {
    /// Name, namespace, labels and annotations.
    pub metadata: crate::k8s::ObjectMeta,
    /// What the user wants.
    pub spec: DatasetSpec,
    /// What was last observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<DatasetStatus>,
}

impl DatasetSpec {
    /// Whether workers of other datasets may share the nodes of this one's. They may not unless the
    /// spec says `Shared`.
    pub fn is_shared(&self) -> bool {
        self.placement == PlacementMode::Shared
    }
}

impl Mount {
    /// The path of the mount inside the cache's namespace: an absolute `path`, else `/` and the
    /// name.
    pub fn cache_path(&self) -> String {
        match &self.path {
            Some(path) if path.starts_with('/') => path.clone(),
            _ => format!("/{}", self.name.trim_start_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests;
