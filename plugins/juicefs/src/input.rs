//! The fields of `JuiceFSRuntime.spec` that values are made of. What only passes through, such as
//! volumes, stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanPolicy, Image, NetworkMode, PodMetadata, Resources, RuntimeManagement, TieredStore, User};

/// `JuiceFSRuntime.spec`. The fields `master`, `jobWorker` and `initUsers` mean nothing to JuiceFS,
/// which has no master.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The workers' image.
    #[serde(rename = "juicefsVersion")]
    pub version: Image,
    /// The pods that hold the cache.
    pub worker: Component,
    /// The pods that mount the file system on the nodes of applications.
    pub fuse: Component,
    /// Where the cache is; only the first level counts.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// Options for `juicefs format`, without the leading dashes: `trash-days=0`.
    pub configs: Vec<String>,
    /// The owner of the files; passed on, since JuiceFS itself must run as root to mount.
    pub run_as: Option<User>,
    /// Volumes for the pods' volume mounts.
    pub volumes: Vec<Value>,
    /// Claims that every worker gets for itself.
    pub volume_claim_templates: Vec<Value>,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Policies.
    pub management: RuntimeManagement,
}

/// `spec.worker` or `spec.fuse`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// The image without the tag; of `spec.fuse` only.
    pub image: String,
    /// The tag; of `spec.fuse` only.
    pub image_tag: String,
    /// Empty means `IfNotPresent`; of `spec.fuse` only.
    pub image_pull_policy: String,
    /// Mount options.
    pub options: BTreeMap<String, String>,
    /// Environment variables, as in a container.
    pub env: Vec<Value>,
    /// Resources, as in a container.
    pub resources: Resources,
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
}

impl Component {
    /// Returns the image that the component asks for.
    pub fn version(&self) -> Image {
        Image {
            image: self.image.clone(),
            image_tag: self.image_tag.clone(),
            image_pull_policy: self.image_pull_policy.clone(),
        }
    }
}
