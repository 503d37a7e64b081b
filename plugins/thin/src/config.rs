//! config.json: what the client learns about the Dataset. Existing images read these names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasser_sdk::{DatasetSpec, Error, Result};

use crate::claim::Claim;
use crate::host_volume;
use crate::secrets;

/// The whole of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The Dataset's mounts.
    pub mounts: Vec<MountConfig>,
    /// Where the client mounts.
    pub target_path: String,
    /// The options of `spec.fuse`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub runtime_options: BTreeMap<String, String>,
    /// The CSI source of a `pvc://` mount's volume, as JSON text by the name of its claim.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub persistent_volume_attrs: BTreeMap<String, Value>,
    /// Its mount options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub persistent_volume_mount_options: BTreeMap<String, Vec<String>>,
    /// The Dataset's access modes.
    pub access_modes: Vec<String>,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountConfig {
    /// Its address.
    pub mount_point: String,
    /// Its options; those that are secret have the path of a file as their value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it appears in the volume.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Whether nothing may be written to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Whether every user may access it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// Returns where a mount appears in the volume.
pub fn place(path: &str, name: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{}", name.trim_start_matches('/'))
    }
}

/// What the client learns about this Dataset.
pub fn of(
    dataset: &DatasetSpec,
    target_path: &str,
    options: &BTreeMap<String, String>,
    claim: &Claim,
) -> Result<Config> {
    let mut config = Config {
        target_path: target_path.to_owned(),
        runtime_options: options.clone(),
        access_modes: access_modes(dataset)?,
        ..Config::default()
    };
    for (at, mount) in dataset.mounts.iter().enumerate() {
        let mut options = dataset.options_of(mount);
        options.remove(host_volume::OPTION);
        options.extend(secrets::options(dataset, mount, at)?);
        config.mounts.push(MountConfig {
            mount_point: mount.mount_point.clone(),
            options,
            name: mount.name.clone(),
            path: mount.path.clone(),
            read_only: mount.read_only,
            shared: mount.shared,
        });
        let name = mount
            .mount_point
            .strip_prefix("pvc://")
            .and_then(|path| path.split('/').next());
        if let (Some(name), Some(attributes)) = (name, &claim.attributes) {
            config
                .persistent_volume_attrs
                .insert(name.to_owned(), attributes.clone());
            if !claim.mount_options.is_empty() {
                config
                    .persistent_volume_mount_options
                    .insert(name.to_owned(), claim.mount_options.clone());
            }
        }
    }
    Ok(config)
}

fn access_modes(dataset: &DatasetSpec) -> Result<Vec<String>> {
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    if dataset.access_modes.is_empty() {
        return Ok(vec!["ReadOnlyMany".into()]);
    }
    match dataset
        .access_modes
        .iter()
        .position(|mode| !MODES.contains(&mode.as_str()))
    {
        None => Ok(dataset.access_modes.clone()),
        Some(at) => Err(Error::invalid(
            format!("Dataset.spec.accessModes[{at}]"),
            format!("is none of {}", MODES.join(", ")),
        )),
    }
}
