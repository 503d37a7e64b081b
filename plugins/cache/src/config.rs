//! runtime.json: what the pods learn of the Dataset and of each other. Existing images read these
//! names.

use std::collections::BTreeMap;

use serde::Serialize;
use wasser_sdk::{Context, DatasetSpec, Error, Mount, Result};

use crate::component::{Kind, Part};
use crate::input::Spec;
use crate::secrets;
use crate::tiers;

/// Where the file is mounted.
pub const DIRECTORY: &str = "/etc/fluid/config";
/// Its path.
pub const PATH: &str = "/etc/fluid/config/runtime.json";

/// The whole of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    mounts: Vec<MountConfig>,
    access_modes: Vec<String>,
    target_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    master: Option<ComponentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<ComponentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ComponentConfig>,
}

/// A mount.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MountConfig {
    mount_point: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    /// Paths of files that have the values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    encrypt_options: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    path: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
}

/// A component that there is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ComponentConfig {
    enabled: bool,
    name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<u32>,
    service: ServiceConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tiered_store_levels: Vec<tiers::LevelConfig>,
}

/// The Service in front of a component.
#[derive(Debug, Serialize)]
struct ServiceConfig {
    /// Empty if there is none.
    name: String,
}

/// Returns where a mount appears in the volume.
pub fn place(mount: &Mount) -> String {
    if mount.path.starts_with('/') {
        mount.path.clone()
    } else {
        format!("/{}", mount.name.trim_start_matches('/'))
    }
}

/// Returns the text of the file.
pub fn of(ctx: &Context<Spec>, dataset: &DatasetSpec, parts: &[Part<'_>]) -> Result<String> {
    let mounts = dataset.mounts.iter().enumerate().map(|(at, mount)| {
        Ok(MountConfig {
            mount_point: mount.mount_point.clone(),
            options: dataset.options_of(mount),
            encrypt_options: secrets::options(dataset, mount, at)?,
            name: mount.name.clone(),
            path: place(mount),
            read_only: mount.read_only,
            shared: mount.shared,
        })
    });
    let component = |kind: Kind| {
        let part = parts.iter().find(|part| part.kind == kind)?;
        Some(component(part, &ctx.runtime.spec))
    };
    let config = Config {
        mounts: mounts.collect::<Result<_>>()?,
        access_modes: access_modes(dataset)?,
        target_path: ctx.mount_path.clone(),
        master: component(Kind::Master).transpose()?,
        worker: component(Kind::Worker).transpose()?,
        client: component(Kind::Client).transpose()?,
    };
    serde_json::to_string(&config).map_err(|error| Error::failed(format!("writing runtime.json: {error}")))
}

fn component(part: &Part<'_>, spec: &Spec) -> Result<ComponentConfig> {
    Ok(ComponentConfig {
        enabled: true,
        name: part.workload(),
        options: part.options(&spec.options),
        replicas: part.replicas(),
        service: ServiceConfig { name: part.service() },
        tiered_store_levels: tiers::of(part)?.into_iter().map(|tier| tier.config).collect(),
    })
}

fn access_modes(dataset: &DatasetSpec) -> Result<Vec<String>> {
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    let asked = &dataset.access_modes;
    if asked.is_empty() {
        return Ok(vec!["ReadOnlyMany".into()]);
    }
    match asked.iter().position(|mode| !MODES.contains(&mode.as_str())) {
        None => Ok(asked.clone()),
        Some(at) => {
            let message = format!("is none of {}", MODES.join(", "));
            Err(Error::invalid(format!("Dataset.spec.accessModes[{at}]"), message))
        }
    }
}
