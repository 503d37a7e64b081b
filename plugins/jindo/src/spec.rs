//! The kind JindoRuntime, field for field: what its CRD is made from.
//!
//! Only native builds have it. The component reads the fields that it needs through its own types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration, Volume, VolumeMount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{CleanCachePolicy, FuseCleanPolicy, NetworkMode, PodMetadata, TieredStore, User, VersionSpec};

/// The CRD of JindoRuntime, which the API server checks names by.
pub fn crd() -> CustomResourceDefinition {
    let columns = [Columns::Masters, Columns::Workers, Columns::Fuses];
    runtime(
        JindoRuntime::crd(),
        crate::describe::description().longest_name(),
        &columns,
    )
}

/// A cache made of Jindo masters and workers, and clients that mount the file system on nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "JindoRuntime",
    plural = "jindoruntimes",
    singular = "jindoruntime",
    shortname = "jindo",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentWorkerNumberScheduled"
    ),
    doc = "A cache made of Jindo masters and workers, and clients that mount the file system. Serves the Dataset of \
        the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct JindoRuntimeSpec {
    /// Image of master and workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jindo_version: Option<VersionSpec>,
    /// The pods that hold the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<JindoComponentSpec>,
    /// The pods that hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<JindoComponentSpec>,
    /// The clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<JindoFuseSpec>,
    /// Properties of all parts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Where the cache is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// Number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The user of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<User>,
    /// Accepted and not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A ConfigMap with the configuration of HDFS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hadoop_config: Option<String>,
    /// A Secret with a token for the object storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Deprecated; use podMetadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Labels and annotations of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Settings of the log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub log_config: BTreeMap<String, String>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(rename = "networkmode", skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// How the cache is emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_cache_policy: Option<CleanCachePolicy>,
    /// Volumes for the volumeMounts.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Secrets for pulling images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretReference>,
}

/// One part of the cache system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JindoComponentSpec {
    /// Number of pods; spec.replicas has that of the workers.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Ports by name.
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
    /// Labels of the nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations in addition to those of the Dataset.
    #[schemars(schema_with = "pieces::schema::<Vec<Toleration>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Deprecated; use podMetadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Labels and annotations of these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Whether there are none of these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Where the container mounts volumes of spec.volumes.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Secrets for pulling the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretReference>,
    /// Properties of this part.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// The client that mounts the file system on a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JindoFuseSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Arguments of the client.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// When the client leaves a node.
    #[serde(skip_serializing_if = "FuseCleanPolicy::is_unset")]
    pub clean_policy: FuseCleanPolicy,
    /// Settings of the log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub log_config: BTreeMap<String, String>,
    /// Metrics of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<JindoFuseMetrics>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Environment of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Labels of the nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations in addition to those of the Dataset.
    #[schemars(schema_with = "pieces::schema::<Vec<Toleration>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Deprecated; use podMetadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Labels and annotations of these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Whether there are none of these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Secrets for pulling the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretReference>,
    /// Properties of this part.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// Metrics of the client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JindoFuseMetrics {
    /// Whether there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Accepted and not read: which clients are scraped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_target: Option<String>,
}

/// A Secret in the namespace of the runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecretReference {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Integers without a format: the API has it so.
fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer"}})
}
