//! The fields of `AlluxioRuntime.spec` that values are made of. What only passes through, such as volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `AlluxioRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The image of masters and workers.
    #[serde(rename = "alluxioVersion")]
    pub version: Image,
    /// The masters.
    pub master: Component,
    /// The process beside each master that plans jobs.
    pub job_master: Component,
    /// The workers.
    pub worker: Component,
    /// The process beside each worker that does jobs.
    pub job_worker: Component,
    /// The REST proxy beside each master.
    pub api_gateway: Component,
    /// The container that makes users.
    pub init_users: InitUsers,
    /// The clients.
    pub fuse: Component,
    /// Properties of every process.
    pub properties: BTreeMap<String, String>,
    /// Options of every Java machine.
    pub jvm_options: Vec<String>,
    /// Where the cache is.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// How data is kept.
    pub data: Data,
    /// The user that all processes run as.
    pub run_as: Option<RunAs>,
    /// Whether Prometheus is not to find the masters.
    pub disable_prometheus: bool,
    /// A ConfigMap with settings of HDFS.
    pub hadoop_config: String,
    /// Volumes for the pods' volume mounts.
    pub volumes: Vec<Value>,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Policies.
    pub management: Management,
    /// Secrets for pulling images, of components that name none.
    pub image_pull_secrets: Vec<Value>,
}

/// An image; what is empty comes from the registration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Without the tag.
    pub image: String,
    /// The tag.
    pub image_tag: String,
    /// Empty means `IfNotPresent`.
    pub image_pull_policy: String,
}

impl Image {
    /// Whether the runtime names an image.
    pub fn is_given(&self) -> bool {
        !self.image.is_empty() || !self.image_tag.is_empty()
    }
}

/// A part of the system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// The image; of `spec.fuse` only.
    #[serde(flatten)]
    pub version: Image,
    /// Number of pods; of `spec.master` only.
    pub replicas: Option<u32>,
    /// Options of the Java machine.
    pub jvm_options: Vec<String>,
    /// Properties of the process.
    pub properties: BTreeMap<String, String>,
    /// Ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Resources, as in a container.
    pub resources: Resources,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Whether it runs; of `spec.apiGateway` only.
    pub enabled: bool,
    /// Arguments; of `spec.fuse` only.
    pub args: Vec<String>,
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Volume mounts, as in a container; each names one of `spec.volumes`.
    pub volume_mounts: Vec<Value>,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// `HostNetwork` or `ContainerNetwork`; empty means `HostNetwork`.
    pub network_mode: String,
    /// When a fuse pod leaves its node; of `spec.fuse` only.
    pub clean_policy: String,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
}

impl Component {
    /// Whether the pods use the node's network.
    pub fn host_network(&self) -> bool {
        self.network_mode != "ContainerNetwork"
    }
}

/// The container that makes users and groups.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InitUsers {
    /// The image.
    #[serde(flatten)]
    pub version: Image,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Resources, as in a container.
    pub resources: Resources,
}

/// Resources of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Quantities by resource.
    pub limits: BTreeMap<String, Value>,
    /// Quantities by resource.
    pub requests: BTreeMap<String, Value>,
}

/// Labels and annotations of pods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PodMetadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Where the cache is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TieredStore {
    /// The levels, in any order.
    pub levels: Vec<Level>,
}

/// A level of the cache.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Level {
    /// `MEM`, `SSD` or `HDD`.
    #[serde(rename = "mediumtype")]
    pub medium: String,
    /// `hostPath` or `emptyDir`; empty means `hostPath`.
    pub volume_type: String,
    /// The volume to use instead of the one that `volumeType` makes.
    pub volume_source: Option<Value>,
    /// Directories, separated by commas.
    pub path: String,
    /// The size of the level: a quantity, shared by the directories.
    pub quota: Option<Value>,
    /// The size of each directory: quantities, separated by commas.
    pub quota_list: String,
    /// The share of the level from which on blocks are evicted.
    pub high: String,
    /// The share down to which blocks are evicted.
    pub low: String,
}

/// How data is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Data {
    /// Copies of each block in the cache, at most.
    pub replicas: i64,
}

/// A user and a group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RunAs {
    /// Number of the user.
    pub uid: i64,
    /// Number of the group.
    pub gid: i64,
    /// Name of the user.
    pub user: String,
    /// Name of the group.
    pub group: String,
}

/// Policies.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Management {
    /// How the cache is emptied when the runtime is deleted.
    pub clean_cache_policy: CleanCachePolicy,
}

/// How the cache is emptied.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CleanCachePolicy {
    /// How long one attempt may take; 60 s where it is not given.
    pub grace_period_seconds: Option<u64>,
}
