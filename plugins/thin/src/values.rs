//! The values of the chart.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use wasser_sdk::spec::{CleanPolicy, ResourceValues};

/// All values.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// What the objects' names begin with.
    pub fullname_override: String,
    /// The value of the label `fluid.io/dataset-id`.
    pub owner_dataset_id: String,
    /// Namespace and name of the runtime.
    pub runtime_identity: Identity,
    /// `Exclusive` or `Shared`.
    pub placement: String,
    /// Tolerations of the workers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Value>,
    /// Secrets for pulling images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<Value>,
    /// The workers.
    pub worker: Pod,
    /// The clients.
    pub fuse: Fuse,
}

/// Namespace and name.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// The pods of a role.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Whether there are any.
    pub enabled: bool,
    /// The image without the tag.
    pub image: String,
    /// Its tag; the image alone where it is empty.
    pub image_tag: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// Secrets for pulling it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<Value>,
    /// Whether the pods use the node's network.
    pub host_network: bool,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub envs: Vec<Value>,
    /// Ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Value>,
    /// Resources.
    pub resources: ResourceValues,
    /// Labels that the node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Value>,
    /// Volume mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Value>,
    /// Whether the container lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Value>,
    /// Whether it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Value>,
    /// The directory of the cache.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cache_dir: String,
}

/// The pods of the clients.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fuse {
    /// What workers have as well.
    #[serde(flatten)]
    pub pod: Pod,
    /// The command; that of the image where it is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Where the client mounts.
    pub target_path: String,
    /// What the volume's attribute `mount_type` is; the host reads it.
    pub mount_type: String,
    /// When a client leaves its node, if the profile says it and the runtime does not: the node plugin
    /// reads the runtime by itself. The host reads this.
    #[serde(skip_serializing_if = "CleanPolicy::is_unset")]
    pub clean_policy: CleanPolicy,
    /// config.json.
    pub config_value: String,
    /// Where it is kept: `configmap` or `secret`.
    pub config_storage: String,
    /// What is done at the container's end.
    pub lifecycle: Value,
    /// Whether the node keeps the pods under pressure.
    pub critical_pod: bool,
    /// Whether the pods see the node's processes.
    #[serde(rename = "hostPID")]
    pub host_pid: bool,
}
