//! The fields of `AlluxioRuntime.spec` that values are made of. What only passes through, such as
//! volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanPolicy, Image, NetworkMode, PodMetadata, Resources, RuntimeManagement, TieredStore, User};

/// `AlluxioRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The image of masters and workers.
    #[serde(rename = "alluxioVersion")]
    pub version: Image,
    /// The masters.
    pub master: Component,
    /// The process in each master's pod that plans jobs.
    pub job_master: Component,
    /// The workers.
    pub worker: Component,
    /// The process in each worker's pod that does jobs.
    pub job_worker: Component,
    /// The REST proxy in each master's pod.
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
    pub run_as: Option<User>,
    /// Whether Prometheus is not to find the masters.
    pub disable_prometheus: bool,
    /// A ConfigMap with settings of HDFS.
    pub hadoop_config: String,
    /// Volumes for the pods' volume mounts.
    pub volumes: Vec<Value>,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Policies.
    pub management: RuntimeManagement,
    /// Secrets for pulling images, of components that name none.
    pub image_pull_secrets: Vec<Value>,
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
    /// Which network the pods use.
    pub network_mode: NetworkMode,
    /// When a fuse pod leaves its node; of `spec.fuse` only.
    pub clean_policy: CleanPolicy,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
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

/// How data is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Data {
    /// Copies of each block in the cache, at most.
    pub replicas: i64,
}
