//! The values of the chart. Their names are those of Fluid's chart, since the values ConfigMap is
//! read by others.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::edition::Edition;
use crate::secrets::Secrets;
use wasser_sdk::spec::ResourceValues;

/// All values.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// The name that the objects' names are made of: the runtime's.
    pub fullname_override: String,
    /// The edition.
    pub edition: Edition,
    /// How the pods name the file system: `${METAURL}`, or its name in the enterprise edition.
    pub source: String,
    /// The workers' image without the tag.
    pub image: String,
    /// Its tag.
    pub image_tag: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// Secrets for pulling images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<Value>,
    /// `spec.runAs.uid`; recorded, not used by the pods.
    pub user: i64,
    /// `spec.runAs.gid`; recorded, not used by the pods.
    pub group: i64,
    /// The same.
    pub fs_group: i64,
    /// The runtime, which owns all objects.
    pub owner: Owner,
    /// The value of the label `fluid.io/dataset-id`.
    pub owner_dataset_id: String,
    /// The runtime, for the fuse pods' environment.
    pub runtime_identity: Identity,
    /// `Exclusive` or `Shared`.
    pub placement: String,
    /// Tolerations of the workers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Value>,
    /// What the scripts do before they mount.
    pub configs: Configs,
    /// The directories of the tiered store, by their number from 1 on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cache_dirs: BTreeMap<String, CacheDir>,
    /// The pods that hold the cache.
    pub worker: Pod,
    /// The pods that mount for applications.
    pub fuse: Pod,
}

/// An owner reference.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Whether it is rendered.
    pub enabled: bool,
    /// Group and version of the runtime.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Whether it manages the objects.
    pub controller: bool,
    /// Whether it waits for them when it is deleted.
    pub block_owner_deletion: bool,
}

/// Namespace and name.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What the scripts do before they mount.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configs {
    /// The name of the file system.
    pub name: String,
    /// References to Secrets.
    #[serde(flatten)]
    pub secrets: Secrets,
    /// The kind of the object storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The address of the object storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Formats the file system, or lets the client into it; empty if nothing is to be done.
    pub format_cmd: String,
    /// Shows the file system, if there is one; empty if none is formatted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status_cmd: String,
    /// Limits the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_cmd: Option<String>,
}

/// A directory of the tiered store.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheDir {
    /// The path.
    pub path: String,
    /// `hostPath` or `emptyDir`.
    pub r#type: String,
    /// The user's own volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_source: Option<Value>,
}

/// The pods of a role.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Mounting needs it.
    pub privileged: bool,
    /// Mounts and stays.
    pub command: String,
    /// Finds out whether the file system is mounted: its root has inode 1.
    pub stat_cmd: String,
    /// Where the container mounts the file system.
    pub mount_path: String,
    /// The port of the metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_port: Option<u16>,
    /// Whether the pods use the node's network.
    pub host_network: bool,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub envs: Vec<Value>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels that the node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Resources of the container.
    #[serde(skip_serializing_if = "ResourceValues::is_empty")]
    pub resources: ResourceValues,
    /// Volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Value>,
    /// Volume mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Value>,
    /// Claims that every worker gets for itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claim_templates: Vec<Value>,
    /// What only fuse pods have.
    #[serde(flatten)]
    pub fuse: Option<FusePod>,
}

/// What only fuse pods have.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FusePod {
    /// Whether there are any.
    pub enabled: bool,
    /// The image without the tag.
    pub image: String,
    /// Its tag.
    pub image_tag: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// The directory of the node below which the mount is.
    pub host_mount_path: String,
    /// The directory of the file system that is mounted; empty for all of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path: String,
    /// Whether the node keeps the pods under pressure.
    pub critical_pod: bool,
    /// Whether the pods see the node's processes.
    #[serde(rename = "hostPID")]
    pub host_pid: bool,
    /// How long a pod that ends waits until what was written is uploaded; `None` if all of it is when
    /// a write returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_seconds: Option<u32>,
    /// Where what is not uploaded lies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upload_from: Vec<String>,
    /// Counts the fuse images that this runtime has had, from 1 on.
    pub generation: u64,
    /// Whether a pod shows its generation to the node plugin.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub show_generation: bool,
}
