//! The fields of a CacheRuntime and a CacheRuntimeClass that values are made of. What only passes
//! through stays JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasser_sdk::spec::{CleanPolicy, Image, PodMetadata, Resources};

/// `CacheRuntime.spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The class.
    pub runtime_class_name: String,
    /// The masters, where the class has some.
    pub master: Component,
    /// The workers, where the class has some.
    pub worker: Component,
    /// The clients, where the class has some.
    pub client: Component,
    /// Options of all components.
    pub options: BTreeMap<String, String>,
    /// Labels and annotations of all pods.
    pub pod_metadata: PodMetadata,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<Value>,
    /// Volumes for the volume mounts.
    pub volumes: Vec<Value>,
}

/// `spec.master`, `spec.worker` or `spec.client`: what differs from the class.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// Whether there are no such pods although the class has them.
    pub disabled: bool,
    /// The image.
    pub runtime_version: Image,
    /// Options, which the component finds in the configuration.
    pub options: BTreeMap<String, String>,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// Resources, instead of those of the class.
    pub resources: Resources,
    /// Environment variables, as in a container.
    pub env: Vec<Value>,
    /// Volume mounts, as in a container.
    pub volume_mounts: Vec<Value>,
    /// Arguments, instead of those of the class.
    pub args: Vec<String>,
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations, as in a pod.
    pub tolerations: Vec<Value>,
    /// How many pods there are; of masters and workers only.
    pub replicas: Option<u32>,
    /// Where the cache is; of workers and clients only.
    pub tiered_store: TieredStore,
    /// When a client leaves its node; of clients only.
    pub clean_policy: CleanPolicy,
}

/// Where a cache is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TieredStore {
    /// The levels, the fastest first.
    pub levels: Vec<Level>,
}

/// A level of a cache: one of the three media, with its size.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Level {
    /// Memory of the process.
    pub process_memory: Option<Memory>,
    /// A directory that goes with its pod.
    pub empty_dir: Option<Directory>,
    /// Directories of the node.
    pub host_path: Option<Directories>,
    /// The share of the level from which on data is evicted.
    pub high: String,
    /// The share down to which it is evicted.
    pub low: String,
}

/// Memory of the process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// How much of it.
    pub quota: Value,
}

/// A directory that goes with its pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Directory {
    /// How much it can hold.
    pub quota: Value,
    /// `Memory`, or empty for the disk.
    pub medium: String,
}

/// Directories of the node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Directories {
    /// The directories.
    pub paths: Vec<String>,
    /// How much each of them can hold.
    pub quotas: Vec<Value>,
    /// The type of the volumes; they are made if it is empty.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A CacheRuntimeClass, whose fields are at its top.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Class {
    /// What the mount's line in /proc/self/mountinfo contains.
    pub file_system_type: String,
    /// The components.
    pub topology: Topology,
    /// Objects that come with each runtime.
    pub extra_resources: ExtraResources,
    /// What data operations run.
    pub data_operation_specs: Vec<DataOperationSpec>,
}

/// The components of a class.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Topology {
    /// What holds the metadata.
    pub master: Option<Definition>,
    /// What holds the cache.
    pub worker: Option<Definition>,
    /// What mounts.
    pub client: Option<Definition>,
}

/// A component of a class.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// Options, which those of the runtime override.
    pub options: BTreeMap<String, String>,
    /// The pods, as in a workload.
    pub template: Value,
    /// The Service in front of them.
    pub service: Service,
    /// What the pods need besides.
    pub dependencies: Dependencies,
    /// Commands in a running pod.
    pub execution_entries: ExecutionEntries,
}

/// The Service in front of a component.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Whether there is one: a headless one.
    pub headless: Option<Value>,
}

/// What the pods of a component need besides their template.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dependencies {
    /// The Secrets of the Dataset.
    pub secret_mount: SecretMount,
    /// Objects of the class that are mounted.
    pub extra_resources: MountedResources,
}

/// Whether a component gets the Secrets of the Dataset.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SecretMount {
    /// It does unless this is false.
    pub enabled: Option<bool>,
}

/// Objects of the class that a component mounts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountedResources {
    /// ConfigMaps.
    pub config_maps: Vec<MountedConfigMap>,
}

/// A ConfigMap of the class that a component mounts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountedConfigMap {
    /// Its name in the class.
    pub name: String,
    /// Where.
    pub mount_path: String,
}

/// Commands in a running pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecutionEntries {
    /// Mounts the data sources, and prints what is mounted.
    #[serde(rename = "mountUFS")]
    pub mount_ufs: Option<Entry>,
    /// Prints how full the cache is.
    pub report_summary: Option<Entry>,
}

/// A command.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How many seconds it can take.
    pub timeout: u32,
}

/// Objects that come with each runtime.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtraResources {
    /// ConfigMaps.
    pub config_maps: Vec<ExtraConfigMap>,
}

/// A ConfigMap that comes with each runtime.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ExtraConfigMap {
    /// Its name in the class.
    pub name: String,
    /// Its texts.
    pub data: BTreeMap<String, String>,
}

/// What a kind of data operations runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DataOperationSpec {
    /// The kind: `DataLoad`.
    pub name: String,
    /// The image; that of the workers if it is empty.
    pub image: String,
    /// The command of the container.
    pub command: Vec<String>,
    /// Its arguments.
    pub args: Vec<String>,
}
