//! The kind VineyardRuntime, field for field: what its CRD is made from.
//!
//! Only native builds have it. The component reads the fields that it needs through its own types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Volume, VolumeMount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::dataset::EncryptOption;
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{FuseCleanPolicy, NetworkMode, PodMetadata, TieredStore, VersionSpec};

/// The CRD of VineyardRuntime, which the API server checks names by.
pub fn crd() -> CustomResourceDefinition {
    let columns = [Columns::Masters, Columns::Workers, Columns::Fuses, Columns::ApiGateway];
    runtime(
        VineyardRuntime::crd(),
        crate::describe::description().longest_name(),
        &columns,
    )
}

/// A cache made of Vineyard's daemons and the etcd that they agree by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "VineyardRuntime",
    plural = "vineyardruntimes",
    singular = "vineyardruntime",
    shortname = "v6d",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentWorkerNumberScheduled",
        label_selector_path = ".status.selector"
    ),
    doc = "A cache made of Vineyard's daemons, an etcd, and clients that bring the socket of a daemon to pods. Serves \
        the Dataset of the same name."
)]
#[serde(rename_all = "camelCase", default)]
pub struct VineyardRuntimeSpec {
    /// The etcd that the daemons agree by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<VineyardMasterSpec>,
    /// The daemons, which hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<VineyardComponentSpec>,
    /// The clients, which bring the socket of the daemon on their node to pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse: Option<VineyardClientSpec>,
    /// Where the cache is: memory, and what it spills to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// Number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Accepted and not read: there are no metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_prometheus: Option<bool>,
    /// Labels and annotations of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Volumes for the volumeMounts.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// The etcd.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VineyardMasterSpec {
    /// What masters and workers have in common.
    #[serde(flatten)]
    pub component: VineyardComponentSpec,
    /// An etcd that is there already, to be used instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<ExternalEndpointSpec>,
}

/// An etcd that is there already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalEndpointSpec {
    /// Where it listens: host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Refused: Vineyard has no credentials for its etcd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypt_options: Vec<EncryptOption>,
    /// Options: etcd.prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// One part of the cache system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VineyardComponentSpec {
    /// Number of pods; spec.replicas has that of the workers.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The image.
    #[serde(flatten)]
    pub version: VersionSpec,
    /// Labels of the nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Ports by name: client and peer of the master, rpc of the workers.
    #[schemars(schema_with = "ports")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, i64>,
    /// Environment of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Options: vineyardd.reserve.memory, etcd.prefix, wait.etcd.timeout.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
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
}

/// The client, which brings the socket of the daemon on its node to pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VineyardClientSpec {
    /// The image.
    #[serde(flatten)]
    pub version: VersionSpec,
    /// Environment of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// When the client leaves a node: OnRuntimeDeleted, the default, or OnDemand.
    #[serde(skip_serializing_if = "FuseCleanPolicy::is_unset")]
    pub clean_policy: FuseCleanPolicy,
    /// Options of a daemon in the client itself, such as size: 1Gi; each is a variable of its environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Resources of the container.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Which network the pods use: HostNetwork, the default, or ContainerNetwork.
    #[serde(skip_serializing_if = "NetworkMode::is_unset")]
    pub network_mode: NetworkMode,
    /// Labels and annotations of these pods; they win over those of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}

/// Integers without a format: the API has it so.
fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer"}})
}
