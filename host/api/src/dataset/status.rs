//! What is observed of a Dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Mount;
use crate::k8s::Time;

/// The only category of runtimes.
pub const CATEGORY_ACCELERATE: &str = "Accelerate";

open_enum! {
    /// Where a Dataset stands.
    DatasetPhase, any {
        /// Not looked at yet.
        #[default]
        Unset = "",
        /// Never set; kept because the API declares it.
        Pending = "Pending",
        /// The cache is up and the volume can be mounted.
        Bound = "Bound",
        /// No runtime serves the Dataset yet.
        NotBound = "NotBound",
        /// The cache was up and is broken.
        Failed = "Failed",
        /// The mounts are being changed.
        Updating = "Updating",
        /// A DataMigrate runs.
        DataMigrating = "DataMigrating",
    }
}

/// What is observed of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["conditions"])))]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetStatus {
    /// What is mounted now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Size of the data, for people: `1.50GiB`; `[Calculating]` until it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ufs_total: Option<String>,
    /// Where the Dataset stands: NotBound, Bound, Failed, Updating, DataMigrating.
    #[serde(skip_serializing_if = "DatasetPhase::is_unset")]
    pub phase: DatasetPhase,
    /// The runtime that serves the Dataset.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runtimes: Vec<DatasetRuntime>,
    /// What happened, by type. Required: an empty list is written too.
    pub conditions: Vec<DatasetCondition>,
    /// Figures of the cache, by name: cached, cacheCapacity, cachedPercentage, cacheHitRatio and
    /// others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cache_states: BTreeMap<String, String>,
    /// Endpoint for clients of the Hadoop file system API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hcfs: Option<HcfsStatus>,
    /// Number of files; `[Calculating]` until it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_num: Option<String>,
    /// Deprecated and never set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_load_ref: Option<String>,
    /// Deprecated and never set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_backup_ref: Option<String>,
    /// Names of the operations that run, joined by commas, by kind of operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub operation_ref: BTreeMap<String, String>,
    /// Datasets that mount this one, as `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dataset_ref: Vec<String>,
}

/// A runtime that serves a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetRuntime {
    /// Name of the runtime.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace of the runtime.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// What the runtime does for the Dataset: Accelerate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// Type of the runtime: juicefs, alluxio and so on.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub runtime_type: String,
    /// Number of masters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_replicas: Option<i32>,
}

/// One thing that happened to a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["type", "status"])))]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetCondition {
    /// What it is about.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// True, False or Unknown.
    pub status: String,
    /// Why, as one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the condition last changed in any way.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When the status last changed.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

/// Endpoint for clients of the Hadoop file system API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct HcfsStatus {
    /// URI of the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Version of the file system below the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub underlayer_file_system_version: Option<String>,
}
