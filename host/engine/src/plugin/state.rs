//! What plugins keep for a runtime: a ConfigMap of the runtime's, with one key for each of theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::Patch;
use serde_json::json;
use wasser_chart::ReleaseError;
use wasser_plugin::{BackendError, Digest, StateEntry};

use wasser_chart::{is_conflict, is_not_found};

use crate::shared::state_copies::{Kept, StateCopies};

/// Bytes that a plugin may keep for a runtime, over all keys.
const LIMIT: usize = 8 * 1024;
/// Attempts to write what others write at the same time.
const ATTEMPTS: u32 = 5;

/// Where the state of one runtime is.
pub struct State {
    /// The ConfigMaps of the runtime's namespace.
    pub api: Api<ConfigMap>,
    /// What this process knows of such ConfigMaps.
    pub copies: Arc<StateCopies>,
    /// The version that the watch shows, of whomever the ConfigMap is.
    pub shown: Option<String>,
    /// Kind, namespace and name, for messages.
    pub place: String,
    /// Name of the ConfigMap.
    pub name: String,
    /// The runtime.
    pub owner: OwnerReference,
    /// Labels of what belongs to the runtime.
    pub labels: BTreeMap<String, String>,
}

/// Why state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The ConfigMap is somebody else's.
    #[error(transparent)]
    Foreign(#[from] ReleaseError),
    /// It would be too much.
    #[error("{place} would take {size} bytes, and {LIMIT} are allowed; the plugin has to keep less")]
    TooLarge {
        /// The ConfigMap.
        place: String,
        /// What it would take.
        size: usize,
    },
    /// Every attempt met another writer.
    #[error("{place} is written by others all the time; the key could not be set")]
    Contended {
        /// The ConfigMap.
        place: String,
    },
    /// The key has another value than the plugin goes by.
    #[error("{place}: the key {key} was changed in between; read it again")]
    Changed {
        /// The ConfigMap.
        place: String,
        /// The key.
        key: String,
    },
    /// A request failed.
    #[error("{place}: {source}")]
    Kube {
        /// The ConfigMap.
        place: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

impl From<StateError> for BackendError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Changed { .. } | StateError::Contended { .. } => Self::Conflict(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The version of a value. It is the same for the same value: what follows from one is true
/// whoever has written it.
fn version(value: &[u8]) -> String {
    Digest::of(value).hex()
}

impl State {
    /// The value of a key.
    ///
    /// # Errors
    /// If the ConfigMap is somebody else's, or cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<StateEntry>, StateError> {
        let value = self.known().await?.keys.remove(key);
        Ok(value.map(|value| StateEntry {
            version: version(&value),
            value,
        }))
    }

    /// The keys that have a value.
    ///
    /// # Errors
    /// If the ConfigMap is somebody else's, or cannot be read.
    pub async fn keys(&self) -> Result<Vec<String>, StateError> {
        Ok(self.known().await?.keys.into_keys().collect())
    }

    /// Sets or removes a key that has the value of this version, or that has none if there is no
    /// version. Returns the new version, or nothing for a key that was removed. A task and a
    /// reconcile of one runtime may do so at the same time: for different keys both succeed, and
    /// for the same one the second is refused.
    ///
    /// # Errors
    /// If the key has another version, if the ConfigMap is somebody else's, would be too large, or
    /// cannot be written.
    pub async fn set(&self, key: &str, value: Option<Vec<u8>>, if_version: Option<&str>) -> Result<String, StateError> {
        // What is known may be behind; what was read is not.
        let mut known = self.copies.of(&self.owner.uid, self.shown.as_deref());
        for _ in 0..ATTEMPTS {
            let (Kept { mut keys, metadata }, is_read) = match known.take() {
                Some(known) => (known, false),
                None => (self.read().await?, true),
            };
            if keys.get(key).map(|value| version(value)).as_deref() != if_version {
                if !is_read {
                    continue;
                }
                let (place, key) = (self.place.clone(), key.to_owned());
                return Err(StateError::Changed { place, key });
            }
            match &value {
                Some(value) => drop(keys.insert(key.to_owned(), value.clone())),
                None => drop(keys.remove(key)),
            }
            let size: usize = keys.iter().map(|(key, value)| key.len() + value.len()).sum();
            if size > LIMIT {
                let place = self.place.clone();
                return Err(StateError::TooLarge { place, size });
            }
            match self.write(key, value.clone(), metadata).await {
                Err(error) if is_conflict(&error) || is_not_found(&error) => {}
                Err(error) => {
                    // The answer may be lost of a write that was made.
                    self.copies.forget(&self.owner.uid);
                    return Err(self.failed(error));
                }
                Ok(metadata) => {
                    self.copies.keep(&self.owner.uid, Kept { keys, metadata });
                    return Ok(value.as_deref().map(version).unwrap_or_default());
                }
            }
        }
        let place = self.place.clone();
        Err(StateError::Contended { place })
    }

    async fn known(&self) -> Result<Kept, StateError> {
        match self.copies.of(&self.owner.uid, self.shown.as_deref()) {
            Some(known) => Ok(known),
            None => self.read().await,
        }
    }

    async fn read(&self) -> Result<Kept, StateError> {
        self.copies.forget(&self.owner.uid);
        let found = self.api.get_opt(&self.name).await.map_err(|error| self.failed(error))?;
        let kept = match found {
            None => Kept::default(),
            Some(found) => {
                wasser_chart::check_kept(&found.metadata, &self.owner, &self.labels)?;
                let keys = found.binary_data.unwrap_or_default();
                Kept {
                    keys: keys.into_iter().map(|(key, value)| (key, value.0)).collect(),
                    metadata: Some(found.metadata),
                }
            }
        };
        self.copies.keep(&self.owner.uid, kept.clone());
        Ok(kept)
    }

    /// Writes the key into the object that is known, or makes the object. Returns its metadata then. A
    /// conflict if it has changed since, or somebody has made one.
    async fn write(
        &self,
        key: &str,
        value: Option<Vec<u8>>,
        found: Option<ObjectMeta>,
    ) -> Result<Option<ObjectMeta>, kube::Error> {
        let value = value.map(ByteString);
        if let Some(found) = found {
            let mut metadata = json!({"resourceVersion": found.resource_version});
            if found.owner_references.is_none() {
                metadata["ownerReferences"] = json!([self.owner]);
            }
            let patch = json!({"metadata": metadata, "binaryData": {key: value}});
            let params = crate::patch_params();
            let written = self
                .api
                .patch_metadata(&self.name, &params, &Patch::Merge(&patch))
                .await?;
            return Ok(Some(written.metadata));
        }
        let Some(value) = value else { return Ok(None) };
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels.clone()),
                owner_references: Some(vec![self.owner.clone()]),
                ..ObjectMeta::default()
            },
            binary_data: Some(BTreeMap::from([(key.to_owned(), value)])),
            ..ConfigMap::default()
        };
        let written = self.api.create(&crate::post_params(), &map).await?;
        Ok(Some(written.metadata))
    }

    fn failed(&self, error: kube::Error) -> StateError {
        let place = self.place.clone();
        let source = Box::new(error);
        StateError::Kube { place, source }
    }
}

#[cfg(test)]
mod tests;
