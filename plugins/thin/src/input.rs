//! The fields of a ThinRuntime and a ThinRuntimeProfile that values are made of. What only passes
//! through stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanPolicy, Image, NetworkMode, PodMetadata, Resources, RuntimeManagement, TieredStore};

/// `ThinRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The profile.
    pub profile_name: String,
    /// The workers, if there are any.
    pub worker: Component,
    /// The clients.
    pub fuse: Component,
    /// Where a cache is; the first path of the first level counts.
    #[serde(rename = "tieredstore")]
    pub tiered_store: TieredStore,
    /// Volumes for the volume mounts.
    pub volumes: Vec<Value>,
    /// Policies.
    pub management: RuntimeManagement,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
}

/// `ThinRuntimeProfile.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// What the mount's line in /proc/self/mountinfo contains: `fuse.s3fs`.
    pub file_system_type: String,
    /// The workers, if there are any.
    pub worker: Component,
    /// The clients.
    pub fuse: Component,
    /// Volumes for the volume mounts.
    pub volumes: Vec<Value>,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
    /// What happens to the Secret of the volume of a `pvc://` mount.
    pub node_publish_secret_policy: String,
}

/// `spec.worker` or `spec.fuse` of either.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// Without the tag.
    pub image: String,
    /// The tag.
    pub image_tag: String,
    /// Empty means `IfNotPresent`.
    pub image_pull_policy: String,
    /// Secrets for pulling it.
    pub image_pull_secrets: Vec<Value>,
    /// Whether there are workers; of workers only.
    pub enabled: bool,
    /// The command of the container; of clients only.
    pub command: Vec<String>,
    /// Its arguments; of clients only.
    pub args: Vec<String>,
    /// Options of the mount; of clients only.
    pub options: BTreeMap<String, String>,
    /// Ports, as in a container.
    pub ports: Vec<Value>,
    /// Environment variables, as in a container.
    pub env: Vec<Value>,
    /// Resources, as in a container.
    pub resources: Resources,
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Volume mounts, as in a container.
    pub volume_mounts: Vec<Value>,
    /// Whether the container lives.
    pub liveness_probe: Option<Value>,
    /// Whether it is ready.
    pub readiness_probe: Option<Value>,
    /// What is done at its end; of clients only.
    pub lifecycle: Option<Value>,
    /// Which network the pods use.
    pub network_mode: NetworkMode,
    /// When a client leaves its node; of clients only.
    pub clean_policy: CleanPolicy,
    /// Labels and annotations of the pods; of clients only.
    pub pod_metadata: PodMetadata,
}

impl Component {
    /// Returns the image that the component asks for.
    pub fn image(&self) -> Image {
        Image {
            image: self.image.clone(),
            image_tag: self.image_tag.clone(),
            image_pull_policy: self.image_pull_policy.clone(),
        }
    }
}
