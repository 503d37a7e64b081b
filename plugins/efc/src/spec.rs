//! The kind EFCRuntime, field for field: what its CRD is made from.
//!
//! Only native builds have it. The component reads the fields that it needs through its own types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{CleanCachePolicy, FuseCleanPolicy, NetworkMode, PodMetadata, TieredStore, VersionSpec};

/// The CRD of EFCRuntime, which the API server checks names by.
pub fn crd() -> CustomResourceDefinition {
    let columns = [Columns::Masters, Columns::Workers, Columns::Fuses];
    runtime(
        EFCRuntime::crd(),
        crate::describe::description().longest_name(),
        &columns,
    )
}

/// A distributed cache in front of a network file system of Alibaba Cloud, and its clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "EFCRuntime",
    plural = "efcruntimes",
    singular = "efcruntime",
    shortname = "efc",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentWorkerNumberScheduled"
    ),
    doc = "A network file system (NAS) of Alibaba Cloud, mounted by the Elastic File Client (EFC), with a distributed \
        cache. Serves the Dataset of the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct EFCRuntimeSpec {
    /// The pods that know the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<EFCComponentSpec>,
    /// The pods that hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<EFCComponentSpec>,
    /// The container that prepares a node before a client starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_fuse: Option<InitFuseSpec>,
    /// The clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<EFCFuseSpec>,
    /// Where each worker keeps its cache: one level, of one directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// Number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// How nodes are tuned before a client starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_advise: Option<OSAdvise>,
    /// How the cache is emptied when the runtime is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_cache_policy: Option<CleanCachePolicy>,
    /// Labels and annotations of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}

/// Masters, or workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EFCComponentSpec {
    /// Number of masters; spec.replicas has that of the workers.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionSpec>,
    /// Options of the process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Ports by name: rpc of the workers.
    #[schemars(schema_with = "ports")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, i64>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Whether the runtime does without these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Labels of the nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}

/// The clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EFCFuseSpec {
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionSpec>,
    /// Options of the process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels of the nodes that clients, and so pods with the volume, can be on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// When the client leaves a node: OnRuntimeDeleted, the default, or OnDemand.
    #[serde(skip_serializing_if = "FuseCleanPolicy::is_unset")]
    pub clean_policy: FuseCleanPolicy,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}

/// The container that prepares a node before a client starts. A client has it if its image is named here, or with
/// osAdvise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InitFuseSpec {
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionSpec>,
}

/// How nodes are tuned before a client starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OSAdvise {
    /// The operating system of the nodes, as the image of initFuse names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Whether to tune them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Integers without a format: the API has it so.
fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer"}})
}
