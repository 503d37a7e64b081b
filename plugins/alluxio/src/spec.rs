//! The kind AlluxioRuntime, field for field: what its CRD is made from.
//!
//! Only native builds have it. The component reads the few fields that it needs through its own
//! types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Volume, VolumeMount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{
    FuseCleanPolicy, InitUsersSpec, NetworkMode, PodMetadata, RuntimeManagement, TieredStore, User, VersionSpec,
};

/// The CRD of AlluxioRuntime, which the API server checks names by.
pub fn crd() -> CustomResourceDefinition {
    let columns = [Columns::Masters, Columns::Workers, Columns::Fuses, Columns::ApiGateway];
    runtime(
        AlluxioRuntime::crd(),
        crate::describe::description().longest_name(),
        &columns,
    )
}

/// A cache made of an Alluxio master, workers, and clients that mount the file system on nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "AlluxioRuntime",
    plural = "alluxioruntimes",
    singular = "alluxioruntime",
    shortname = "alluxio",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentWorkerNumberScheduled",
        label_selector_path = ".status.selector"
    ),
    doc = "A cache made of an Alluxio master, workers, and clients that mount the file system on nodes. Serves the \
        Dataset of the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct AlluxioRuntimeSpec {
    /// Image of masters and workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alluxio_version: Option<VersionSpec>,
    /// The masters, which hold the metadata: one, or three that agree on a journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<AlluxioComponentSpec>,
    /// The process in the pod of each master that plans jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_master: Option<AlluxioComponentSpec>,
    /// The workers, which hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<AlluxioComponentSpec>,
    /// The process in the pod of each worker that does jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_worker: Option<AlluxioComponentSpec>,
    /// The REST proxy in the pod of each master; off unless enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway: Option<AlluxioComponentSpec>,
    /// The container that makes users and groups, where runAs is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_users: Option<InitUsersSpec>,
    /// The clients, which mount the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<AlluxioFuseSpec>,
    /// Properties of Alluxio, for every process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Options of the Java machine, for every process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jvm_options: Vec<String>,
    /// Where the workers keep the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// How data is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The user that all processes run as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<User>,
    /// Whether the masters' Services go without the label by which Prometheus finds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_prometheus: Option<bool>,
    /// Name of a ConfigMap with hdfs-site.xml or core-site.xml, for HDFS as a data source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hadoop_config: Option<String>,
    /// Volumes for the volumeMounts of the components.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Labels and annotations of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// How the cache is emptied, and whether metadata is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<RuntimeManagement>,
    /// Secrets for pulling images, for every component that names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretName>,
}

/// The name of a Secret in the runtime's namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecretName {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Numbers of any size by name: whether one is a port, the plugin says.
fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer"}})
}

/// How data is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Data {
    /// Copies of each block in the cache, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<bool>,
}

/// One part of the cache system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AlluxioComponentSpec {
    /// Number of pods: read of the master; spec.replicas has the number of workers.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Options of the Java machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jvm_options: Vec<String>,
    /// Properties of Alluxio.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Ports, by name: rpc, web and so on.
    #[schemars(schema_with = "ports")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, i64>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Environment of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Whether the component runs: read of the API gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Where the container mounts volumes of spec.volumes.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// Secrets for pulling images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretName>,
}

/// The client that mounts the file system on a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AlluxioFuseSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Options of the Java machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jvm_options: Vec<String>,
    /// Properties of Alluxio.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Environment of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Arguments of the container: `fuse`, then options of the mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
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
    /// Secrets for pulling images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretName>,
}
