//! The fields of a Dataset that runtimes read. Pieces that only pass through a plugin, such as
//! tolerations, stay JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::merged;

/// `Dataset.spec`, as far as runtimes read it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetSpec {
    /// The data sources.
    pub mounts: Vec<Mount>,
    /// `ReadOnlyMany`, `ReadWriteMany` and so on; empty means `ReadOnlyMany`.
    pub access_modes: Vec<String>,
    /// Tolerations of the worker pods, as in a pod spec.
    pub tolerations: Vec<Value>,
    /// `Exclusive` or `Shared`; empty means `Exclusive`.
    pub placement: String,
    /// Options of every mount; a mount's own option wins.
    pub shared_options: BTreeMap<String, String>,
    /// Secret options of every mount; a mount's own option wins.
    pub shared_encrypt_options: Vec<EncryptOption>,
    /// Who owns the files in the volume.
    pub owner: Option<Owner>,
    /// Where the worker pods may run: `required` is a node selector, as in a pod spec.
    pub node_affinity: Option<Value>,
    /// A backup that the cache system starts from.
    pub data_restore_location: Option<DataRestoreLocation>,
}

impl DatasetSpec {
    /// Reports whether the volume is read-only: it is unless an access mode other than
    /// `ReadOnlyMany` was asked for.
    pub fn read_only(&self) -> bool {
        self.access_modes.is_empty() || self.access_modes.iter().any(|m| m == "ReadOnlyMany")
    }

    /// Returns where the workers of several Datasets may go: `Exclusive` unless the Dataset says
    /// otherwise.
    pub fn placement(&self) -> &str {
        if self.placement.is_empty() {
            "Exclusive"
        } else {
            &self.placement
        }
    }

    /// Returns the options of a mount: the shared ones, overridden by its own.
    pub fn options_of(&self, mount: &Mount) -> BTreeMap<String, String> {
        merged(&self.shared_options, &mount.options)
    }

    /// Returns the secret options of a mount: the shared ones, overridden by its own, by name.
    pub fn encrypt_options_of(&self, mount: &Mount) -> BTreeMap<String, SecretKeySelector> {
        let all = self.shared_encrypt_options.iter().chain(&mount.encrypt_options);
        all.map(|o| (o.name.clone(), o.value_from.secret_key_ref.clone()))
            .collect()
    }
}

/// Who owns the files in a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// User.
    pub uid: i64,
    /// Group.
    pub gid: i64,
}

/// A backup that the cache system starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataRestoreLocation {
    /// `pvc://<claim>/<directory>`, or `local:///<directory>` of a node.
    pub path: String,
    /// That node.
    pub node_name: String,
}

/// A data source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Its address: `juicefs:///`, `s3://bucket/path`.
    pub mount_point: String,
    /// Its name.
    pub name: String,
    /// Where it appears in the volume; empty means `/<name>`.
    pub path: String,
    /// Options of the cache system for it.
    pub options: BTreeMap<String, String>,
    /// Options whose values are in Secrets.
    pub encrypt_options: Vec<EncryptOption>,
    /// Whether nothing may be written to it.
    pub read_only: bool,
    /// Whether every user may access it.
    pub shared: bool,
}

/// An option whose value is in a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EncryptOption {
    /// The option's name.
    pub name: String,
    /// Where the value is.
    pub value_from: ValueSource,
}

/// Where the value of a secret option is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ValueSource {
    /// The key of a Secret in the Dataset's namespace.
    pub secret_key_ref: SecretKeySelector,
}

/// The key of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretKeySelector {
    /// The Secret.
    pub name: String,
    /// The key in it.
    pub key: String,
}
