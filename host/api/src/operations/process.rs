//! Runs a program of the user on the data of a Dataset.
#![allow(
    clippy::duplicated_attributes,
    reason = "each column of the CRD has a type and a path of its own, which the lint takes for repetition"
)]

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Policy, RunAfter};
use crate::shared::PodMetadata;

/// What a DataProcess runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    kube(
        group = "data.fluid.io",
        version = "v1alpha1",
        kind = "DataProcess",
        plural = "dataprocesses",
        singular = "dataprocess",
        namespaced,
        status = "super::OperationStatus",
        derive = "Default",
        derive = "PartialEq",
        // The API does not require a spec.
        attr = "cfg_attr(all(), serde(default))",
        doc = "Runs a program on the data of a Dataset.",
        printcolumn(name = "Dataset", type_ = "string", json_path = ".spec.dataset.name"),
        printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
        printcolumn(name = "Progress", type_ = "string", json_path = ".status.infos.progress"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
        printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    )
)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["dataset", "processor"])))]
#[serde(rename_all = "camelCase", default)]
pub struct DataProcessSpec {
    /// The Dataset, and where the program finds it.
    pub dataset: ProcessedDataset,
    /// The program.
    pub processor: Processor,
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
}

/// A Dataset, and where the program finds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name", "mountPath"])))]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessedDataset {
    /// Name of the Dataset.
    pub name: String,
    /// Namespace of the Dataset: that of the operation, which is also meant if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Where the program finds the data. If empty, nothing is mounted.
    pub mount_path: String,
    /// The directory of the Dataset that is mounted; all of it if this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
}

/// The program: a script, or a whole pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Processor {
    /// The account that the pod runs with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Labels and annotations of the pod.
    pub pod_metadata: PodMetadata,
    /// A whole pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobProcessor>,
    /// A script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<ScriptProcessor>,
}

/// A whole pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct JobProcessor {
    /// The pod, as Kubernetes has it.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<k8s_openapi::api::core::v1::PodSpec>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_spec: Option<Value>,
}

/// A script.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["source"])))]
#[serde(rename_all = "camelCase", default)]
pub struct ScriptProcessor {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Whether the pod starts the script again when it fails: Never or OnFailure.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "Never", "enum" = ["Never", "OnFailure"])))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
    /// The program that runs the script: `["bash"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The script itself.
    pub source: String,
    /// Environment of the container.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<Vec<k8s_openapi::api::core::v1::EnvVar>>")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Value>,
    /// Volumes of the pod.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<Vec<k8s_openapi::api::core::v1::Volume>>")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Value>,
    /// Where the container has those volumes.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<Vec<k8s_openapi::api::core::v1::VolumeMount>>")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<Value>,
    /// Resources of the container.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<k8s_openapi::api::core::v1::ResourceRequirements>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
}
