//! The fields of `JindoRuntime.spec` that values are made of. What only passes through, such as
//! volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanCachePolicy, CleanPolicy, Image, NetworkMode, PodMetadata, Resources, TieredStore, User};

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// `JindoRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The image of master and workers.
    pub jindo_version: Image,
    /// The pods that hold the metadata.
    pub master: Component,
    /// The pods that hold the cache.
    pub worker: Component,
    /// The pods that mount the file system.
    pub fuse: Component,
    /// Properties of all parts.
    pub properties: Texts,
    /// Where the cache is; only the first level counts.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// The user that the pods run as.
    pub run_as: Option<User>,
    /// A ConfigMap with `hdfs-site.xml` and `core-site.xml`.
    pub hadoop_config: String,
    /// A Secret with a token for the object storage.
    pub secret: String,
    /// The old form of `podMetadata.labels`.
    pub labels: Texts,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Settings of the log.
    pub log_config: Texts,
    /// Which network the pods use.
    #[serde(rename = "networkmode")]
    pub network_mode: NetworkMode,
    /// Volumes for the pods' volume mounts.
    pub volumes: Vec<Value>,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
    /// How the cache is emptied in the end.
    pub clean_cache_policy: CleanCachePolicy,
}

impl Spec {
    /// Reports whether there are clients only, which reach the data source by themselves.
    pub fn is_client_only(&self) -> bool {
        self.master.disabled && self.worker.disabled
    }
}

/// One part of the system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// The image; of `spec.fuse` only.
    #[serde(flatten)]
    pub version: Image,
    /// Number of pods; of `spec.master` only.
    pub replicas: Option<i64>,
    /// Properties of this part.
    pub properties: Texts,
    /// Ports by name: `rpc`, and `raft` of the master.
    pub ports: BTreeMap<String, u16>,
    /// Resources, as in a container.
    pub resources: Resources,
    /// Environment variables.
    pub env: Texts,
    /// Labels that the node must have.
    pub node_selector: Texts,
    /// Tolerations in addition to those of the Dataset.
    pub tolerations: Vec<Value>,
    /// The old form of `podMetadata.labels`.
    pub labels: Texts,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// Whether there are none of these pods.
    pub disabled: bool,
    /// Volume mounts, as in a container; each names one of `spec.volumes`.
    pub volume_mounts: Vec<Value>,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
    /// Arguments of the client; of `spec.fuse` only.
    pub args: Vec<String>,
    /// When a client leaves its node; of `spec.fuse` only.
    pub clean_policy: CleanPolicy,
    /// Settings of the client's log; of `spec.fuse` only.
    pub log_config: Texts,
    /// Metrics of the client; of `spec.fuse` only.
    pub metrics: Metrics,
}

/// Metrics of the client.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Whether there are any.
    pub enabled: bool,
}
