//! The kinds ThinRuntime and ThinRuntimeProfile, field for field: what their CRDs are made from.
//!
//! Only native builds have them. The component reads the few fields that it needs through its own
//! types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ContainerPort, EnvVar, Lifecycle, LocalObjectReference, Probe, ResourceRequirements, Volume, VolumeMount,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasser_api::crd::{limit_names, pieces, structural};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{NetworkMode, PodMetadata, RuntimeManagement, TieredStore, User};

/// The CRDs of ThinRuntime and ThinRuntimeProfile.
///
/// The name of a runtime may be as long as that of its Dataset where it serves one that refers to
/// another, since nothing is installed for it; the host makes it then, without a profile. Workers
/// allow less. Whether a profile brings some is not known here: the plugin refuses that.
pub fn crds() -> [CustomResourceDefinition; 2] {
    let description = crate::describe::description();
    let (workers, clients) = (description.longest_name(), wasser_api::names::longest_for([]));
    let without_profile = "!has(self.spec) || !has(self.spec.profileName) || self.spec.profileName == ''";
    let with_workers = "has(self.spec.worker) && has(self.spec.worker.enabled) && self.spec.worker.enabled";
    let longest = format!("{without_profile} ? 63 : {with_workers} ? {workers} : {clients}");
    let said = format!("{clients} characters, {workers} with workers, and 63 without a profile");
    [
        limit_names(structural(ThinRuntime::crd()), &longest, &said),
        structural(ThinRuntimeProfile::crd()),
    ]
}

/// A client that mounts any file system, as a profile says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "ThinRuntime",
    plural = "thinruntimes",
    singular = "thinruntime",
    namespaced,
    status = "RuntimeStatus",
    doc = "A client that mounts any file system, as a ThinRuntimeProfile says. Serves the Dataset of the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct ThinRuntimeSpec {
    /// The ThinRuntimeProfile that says how the client is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_name: Option<String>,
    /// What the workers have besides the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<ThinCompTemplateSpec>,
    /// What the clients have besides the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<ThinFuseSpec>,
    /// Where a cache is: the first path of the first level is mounted into the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// Number of workers, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<User>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_prometheus: Option<bool>,
    /// Volumes for the volumeMounts, besides those of the profile.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Whether metadata is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<RuntimeManagement>,
    /// Secrets for pulling images.
    #[schemars(schema_with = "references")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
}

/// How a file system's client is run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "ThinRuntimeProfile",
    plural = "thinruntimeprofiles",
    singular = "thinruntimeprofile",
    status = "ThinRuntimeProfileStatus",
    doc = "How a file system's client is run, for all ThinRuntimes that name it."
)]
#[serde(rename_all = "camelCase")]
pub struct ThinRuntimeProfileSpec {
    /// What the mount's line in /proc/self/mountinfo contains: fuse.s3fs.
    pub file_system_type: String,
    /// Secrets for pulling images.
    #[schemars(schema_with = "references")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// The workers, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<ThinCompTemplateSpec>,
    /// The clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuse: Option<ThinFuseSpec>,
    /// Volumes for the volumeMounts.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// What becomes of the Secret that the volume of a pvc:// mount is published with:
    /// MountNodePublishSecretIfExists, NotMountNodePublishSecret or
    /// CopyNodePublishSecretAndMountIfNotExists.
    #[schemars(schema_with = "publish_secret_policy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_publish_secret_policy: Option<String>,
}

/// Kubernetes takes an absent name for an empty one here.
fn references(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}})
}

fn publish_secret_policy(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "default": "MountNodePublishSecretIfExists",
        "enum": ["NotMountNodePublishSecret", "MountNodePublishSecretIfExists",
            "CopyNodePublishSecretAndMountIfNotExists"],
    })
}

/// A profile has no status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThinRuntimeProfileStatus {}

/// The workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ThinCompTemplateSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Secrets for pulling it.
    #[schemars(schema_with = "references")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Accepted and not read: spec.replicas of the runtime has the number of workers.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Ports of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<ContainerPort>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Environment of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<EnvVar>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Whether there are workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Where the container mounts volumes.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Whether the container lives.
    #[schemars(schema_with = "pieces::schema::<Probe>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Whether it is ready.
    #[schemars(schema_with = "pieces::schema::<Probe>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
}

/// The clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ThinFuseSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Secrets for pulling it.
    #[schemars(schema_with = "references")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Ports of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<ContainerPort>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// Environment of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<EnvVar>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Command of the container; that of the image where it is not given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Options of the mount: the client finds them in MOUNT_OPTIONS and in config.json.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// When the client leaves a node: OnRuntimeDeleted, the default, OnDemand or OnFuseChanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_policy: Option<String>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// Whether the container lives.
    #[schemars(schema_with = "pieces::schema::<Probe>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Whether it is ready.
    #[schemars(schema_with = "pieces::schema::<Probe>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// Where the container mounts volumes.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// What is done at the container's end. Only preStop is supported.
    #[schemars(schema_with = "pieces::schema::<Lifecycle>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Labels and annotations of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}
