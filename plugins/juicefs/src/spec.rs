//! The kind JuiceFSRuntime, field for field: what its CRD is made from.
//!
//! Only native builds have it. The component reads the few fields that it needs through its own
//! types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ContainerPort, EnvVar, PersistentVolumeClaim, ResourceRequirements, Volume, VolumeMount,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{
    FuseCleanPolicy, InitUsersSpec, NetworkMode, PodMetadata, RuntimeManagement, TieredStore, User, VersionSpec,
};

/// The CRD of JuiceFSRuntime, which the API server checks names by.
pub fn crd() -> CustomResourceDefinition {
    let columns = [Columns::Workers, Columns::Fuses];
    runtime(
        JuiceFSRuntime::crd(),
        crate::describe::description().longest_name(),
        &columns,
    )
}

/// A cache made of JuiceFS workers, and clients that mount the file system on nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "JuiceFSRuntime",
    plural = "juicefsruntimes",
    singular = "juicefsruntime",
    shortname = "juicefs",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentWorkerNumberScheduled",
        label_selector_path = ".status.selector"
    ),
    doc = "A cache made of JuiceFS workers, and clients that mount the file system on nodes. Serves the Dataset of \
        the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct JuiceFSRuntimeSpec {
    /// Image of the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub juicefs_version: Option<VersionSpec>,
    /// Accepted and not read: JuiceFS needs no users made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_users: Option<InitUsersSpec>,
    /// Accepted and not read: JuiceFS has no master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<JuiceFSComponentSpec>,
    /// The workers, which hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<JuiceFSComponentSpec>,
    /// Accepted and not read: JuiceFS has no job workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_worker: Option<JuiceFSComponentSpec>,
    /// The clients, which mount the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<JuiceFSFuseSpec>,
    /// Where the workers keep the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// More options for formatting the file system, without the leading hyphens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configs: Option<Vec<String>>,
    /// Number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<User>,
    /// Accepted and not read: where the metrics are is an option of the mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_prometheus: Option<bool>,
    /// Volumes for the volumeMounts of workers and clients.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Claims that each worker gets for itself; a worker volumeMount must name each.
    #[schemars(schema_with = "pieces::schema::<Vec<PersistentVolumeClaim>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claim_templates: Vec<PersistentVolumeClaim>,
    /// Labels and annotations of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// How the cache is emptied, and whether metadata is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<RuntimeManagement>,
}

/// One part of the cache system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JuiceFSComponentSpec {
    /// Number of pods. Accepted and not read: spec.replicas has the number of workers.
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
    /// Options of the mount command.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Environment of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<EnvVar>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Where the container mounts volumes of spec.volumes or spec.volumeClaimTemplates.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
}

/// The client that mounts the file system on a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JuiceFSFuseSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Environment of the container.
    #[schemars(schema_with = "pieces::schema::<Vec<EnvVar>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Options of the mount command.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Where the container mounts volumes of spec.volumes.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// When the client leaves a node: OnRuntimeDeleted, the default, OnDemand or OnFuseChanged.
    #[serde(skip_serializing_if = "FuseCleanPolicy::is_unset")]
    pub clean_policy: FuseCleanPolicy,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
}
