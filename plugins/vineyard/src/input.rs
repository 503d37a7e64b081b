//! The fields of `VineyardRuntime.spec` that values are made of. What only passes through, such as
//! volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanPolicy, Image, NetworkMode, PodMetadata, Resources, TieredStore};

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// `VineyardRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The etcd.
    pub master: Master,
    /// The daemons.
    pub worker: Component,
    /// The clients.
    pub fuse: Component,
    /// Number of daemons, which the addresses in the configuration follow.
    pub replicas: Option<u32>,
    /// Where the cache is: memory, and what it spills to.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Volumes for the pods' volume mounts.
    pub volumes: Vec<Value>,
}

/// The etcd: its pods, or where it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Master {
    /// The pods.
    #[serde(flatten)]
    pub component: Component,
    /// An etcd that is there already.
    pub endpoint: Endpoint,
}

/// An etcd that is there already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// Host and port; empty if there is none.
    pub uri: String,
    /// Credentials, which Vineyard cannot use.
    pub encrypt_options: Vec<Value>,
    /// Options: `etcd.prefix`.
    pub options: Texts,
}

/// One part of the system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// The image.
    #[serde(flatten)]
    pub version: Image,
    /// Number of pods; of `spec.master` only.
    pub replicas: Option<u32>,
    /// Labels that the node must have.
    pub node_selector: Texts,
    /// Ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Environment variables.
    pub env: Texts,
    /// Options; see [`crate::options`].
    pub options: Texts,
    /// Resources, as in a container.
    pub resources: Resources,
    /// Volume mounts, as in a container; each names one of `spec.volumes`.
    pub volume_mounts: Vec<Value>,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// Which network the pods use.
    pub network_mode: NetworkMode,
    /// When a client leaves its node; of `spec.fuse` only.
    pub clean_policy: CleanPolicy,
}
