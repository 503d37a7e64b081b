//! Brings data into the cache before it is used.
#![allow(
    clippy::duplicated_attributes,
    reason = "each column of the CRD has a type and a path of its own, which the lint takes for repetition"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Policy, RunAfter};
use crate::shared::PodMetadata;

/// What a DataLoad brings into the cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    kube(
        group = "data.fluid.io",
        version = "v1alpha1",
        kind = "DataLoad",
        plural = "dataloads",
        singular = "dataload",
        shortname = "load",
        category = "fluid",
        namespaced,
        status = "super::OperationStatus",
        derive = "Default",
        derive = "PartialEq",
        // The API does not require a spec.
        attr = "cfg_attr(all(), serde(default))",
        doc = "Brings data of a Dataset into its cache before it is used.",
        printcolumn(name = "Dataset", type_ = "string", json_path = ".spec.dataset.name"),
        printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
        printcolumn(name = "Progress", type_ = "string", json_path = ".status.infos.progress"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
        printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    )
)]
#[serde(rename_all = "camelCase", default)]
pub struct DataLoadSpec {
    /// The Dataset.
    pub dataset: TargetDataset,
    /// Whether metadata is read again before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub load_metadata: bool,
    /// What to load; everything if it is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<TargetPath>,
    /// Options of the runtime for this operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels and annotations of the pods.
    pub pod_metadata: PodMetadata,
    /// Where the pod may run, as Kubernetes has it.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<k8s_openapi::api::core::v1::Affinity>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Value>,
    /// Taints of nodes that the pod tolerates.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<Vec<k8s_openapi::api::core::v1::Toleration>>")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Value>,
    /// Labels that the node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// The scheduler that places the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,
    /// When the operation runs: Once, by a schedule (Cron), or OnEvent.
    pub policy: Policy,
    /// The schedule, in the form of cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The operation to wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_after: Option<RunAfter>,
    /// How long the operation is kept after it has finished, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
    /// Resources of the container.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<k8s_openapi::api::core::v1::ResourceRequirements>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
}

/// A Dataset by its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct TargetDataset {
    /// Name of the Dataset.
    pub name: String,
    /// Namespace of the Dataset: that of the operation, which is also meant if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A file or directory to load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["path"])))]
#[serde(rename_all = "camelCase", default)]
pub struct TargetPath {
    /// Path in the Dataset, from its root.
    pub path: String,
    /// How many copies the cache is to have; 1 if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}
