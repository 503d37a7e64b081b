//! The fields of `EFCRuntime.spec` that values are made of. What only passes through, such as
//! volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use wasser_sdk::spec::{CleanCachePolicy, CleanPolicy, Image, NetworkMode, PodMetadata, Resources, TieredStore};

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// `EFCRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The pods that know the workers.
    pub master: Component,
    /// The pods that hold the cache.
    pub worker: Component,
    /// The container that prepares a node for clients.
    pub init_fuse: InitFuse,
    /// The pods that mount the file system.
    pub fuse: Component,
    /// Where the workers keep the cache.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// Number of workers.
    pub replicas: Option<u32>,
    /// How nodes are tuned for clients.
    pub os_advise: OsAdvise,
    /// How the cache is emptied in the end.
    pub clean_cache_policy: CleanCachePolicy,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
}

/// One part of the system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// The image.
    pub version: Image,
    /// Number of pods; of `spec.master` only.
    pub replicas: Option<u32>,
    /// Whether there are none of these pods; of masters and workers.
    pub disabled: bool,
    /// Options of the process, by name.
    pub properties: Texts,
    /// Ports by name: `rpc` of the workers.
    pub ports: BTreeMap<String, u16>,
    /// Resources, as in a container.
    pub resources: Resources,
    /// Labels that the node must have.
    pub node_selector: Texts,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// Which network the pods use.
    pub network_mode: NetworkMode,
    /// When a client leaves its node; of `spec.fuse` only.
    pub clean_policy: CleanPolicy,
}

/// The container that prepares a node for clients.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct InitFuse {
    /// Its image.
    pub version: Image,
}

/// How nodes are tuned for clients.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OsAdvise {
    /// The operating system of the nodes, as the image names it.
    pub os_version: String,
    /// Whether nodes are tuned.
    pub enabled: bool,
}
