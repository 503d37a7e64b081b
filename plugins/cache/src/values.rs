//! The values of the chart.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// All values.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// What the objects' names begin with.
    pub fullname_override: String,
    /// The value of the label `fluid.io/dataset-id`.
    pub owner_dataset_id: String,
    /// Namespace and name of the runtime.
    pub runtime_identity: Identity,
    /// `Exclusive` or `Shared`.
    pub placement: String,
    /// What the volume's attribute `mount_type` is; the host reads it.
    pub file_system_type: String,
    /// runtime.json.
    pub config: String,
    /// Further ConfigMaps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<ConfigMap>,
    /// The masters.
    pub master: Workload,
    /// The workers.
    pub worker: Workload,
    /// The clients.
    pub client: Workload,
}

/// Namespace and name.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A ConfigMap of the class.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigMap {
    /// Its name in the class, with which the object's name ends.
    pub name: String,
    /// Its texts.
    pub data: BTreeMap<String, String>,
}

/// The pods of a component.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Whether there are any.
    pub enabled: bool,
    /// How many; of masters only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// The Service in front of them; empty if there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Labels of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Their whole spec.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub spec: Map<String, Value>,
}
