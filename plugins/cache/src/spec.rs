//! The kinds CacheRuntime and CacheRuntimeClass, field for field: what their CRDs are made from.
//!
//! Only native builds have them. The component reads the fields that it needs through its own
//! types.

mod class;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, Toleration, Volume, VolumeMount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{Columns, pieces, runtime};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_api::shared::{PodMetadata, VersionSpec};

/// The CRDs of CacheRuntime, by which the API server checks names, and of CacheRuntimeClass.
pub fn crds() -> [CustomResourceDefinition; 2] {
    let longest = crate::describe::description().longest_name();
    let columns = [Columns::Masters, Columns::Workers, Columns::Fuses];
    [runtime(CacheRuntime::crd(), longest, &columns), class::crd()]
}

/// A cache made of the pods of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "CacheRuntime",
    plural = "cacheruntimes",
    singular = "cacheruntime",
    category = "fluid",
    namespaced,
    status = "RuntimeStatus",
    doc = "A cache made of the pods of a CacheRuntimeClass. Serves the Dataset of the same name."
)]
#[serde(rename_all = "camelCase")]
pub struct CacheRuntimeSpec {
    /// The CacheRuntimeClass that has the pods.
    pub runtime_class_name: String,
    /// What the masters have besides the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<MasterSpec>,
    /// What the workers have besides the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerSpec>,
    /// What the clients have besides the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientSpec>,
    /// Options of all components, which find them in runtime.json.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels and annotations of all pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Secrets for pulling images.
    #[schemars(schema_with = "references")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<SecretReference>,
    /// Volumes for the volumeMounts.
    #[schemars(schema_with = "pieces::schema::<Vec<Volume>>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// The masters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MasterSpec {
    /// What all components have.
    #[serde(flatten)]
    pub component: ComponentSpec,
    /// Number of pods.
    #[schemars(range(min = 0), extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// The workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerSpec {
    /// What all components have.
    #[serde(flatten)]
    pub component: ComponentSpec,
    /// Number of pods.
    #[schemars(range(min = 0), extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Where the cache is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiered_store: Option<TieredStore>,
}

/// The clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientSpec {
    /// What all components have.
    #[serde(flatten)]
    pub component: ComponentSpec,
    /// Where the cache of the clients is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiered_store: Option<TieredStore>,
    /// When the client leaves a node: OnRuntimeDeleted, the default, or OnDemand.
    #[schemars(schema_with = "clean_policy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_policy: Option<String>,
}

/// What differs from the class, in the first container of the pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentSpec {
    /// Whether there are no such pods although the class has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<VersionSpec>,
    /// Options, which the component finds in runtime.json.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels and annotations of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// Resources, instead of those of the class.
    #[schemars(schema_with = "pieces::schema::<ResourceRequirements>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Environment, besides that of the class.
    #[schemars(schema_with = "pieces::schema::<Vec<EnvVar>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Where the container mounts volumes of spec.volumes, or of the class.
    #[schemars(schema_with = "pieces::schema::<Vec<VolumeMount>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Arguments, instead of those of the class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Labels of the nodes that may run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations, besides those of the class and of the Dataset.
    #[schemars(schema_with = "pieces::schema::<Vec<Toleration>>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
}

/// Where a cache is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TieredStore {
    /// The levels, the fastest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
}

/// A level of a cache: one of processMemory, emptyDir and hostPath.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Level {
    /// Memory of the process, at /dev/shm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_memory: Option<ProcessMemory>,
    /// A directory that goes with its pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDir>,
    /// Directories of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<HostPath>,
    /// The share of the level from which on data is evicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// The share down to which it is evicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
}

/// Memory of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessMemory {
    /// How much of it.
    #[schemars(schema_with = "pieces::schema::<Quantity>")]
    pub quota: Quantity,
}

/// A directory that goes with its pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EmptyDir {
    /// Memory, or nothing for the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// How much it can hold.
    #[schemars(schema_with = "pieces::schema::<Quantity>")]
    pub quota: Quantity,
}

/// Directories of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostPath {
    /// The directories.
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
    /// How much each of them can hold.
    #[schemars(schema_with = "quotas")]
    pub quotas: Vec<Quantity>,
    /// The type of the volumes: DirectoryOrCreate where it is left out.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A Secret in the namespace of the runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecretReference {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Kubernetes takes an absent name for an empty one here.
fn references(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}})
}

fn clean_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "default": "OnRuntimeDeleted", "enum": ["OnRuntimeDeleted", "OnDemand"]})
}

fn quotas(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = pieces::schema::<Vec<Quantity>>(generator);
    schema.insert("minItems".to_owned(), 1.into());
    schema
}
