//! Copies data into a Dataset or out of it.
#![allow(
    clippy::duplicated_attributes,
    reason = "each column of the CRD has a type and a path of its own, which the lint takes for repetition"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Policy, RunAfter};
use crate::dataset::EncryptOption;
use crate::shared::PodMetadata;

/// What a DataMigrate copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    kube(
        group = "data.fluid.io",
        version = "v1alpha1",
        kind = "DataMigrate",
        plural = "datamigrates",
        singular = "datamigrate",
        shortname = "migrate",
        category = "fluid",
        namespaced,
        status = "super::OperationStatus",
        derive = "Default",
        derive = "PartialEq",
        // The API does not require a spec.
        attr = "cfg_attr(all(), serde(default))",
        doc = "Copies data into a Dataset or out of it.",
        printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
        printcolumn(name = "Progress", type_ = "string", json_path = ".status.infos.progress"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
        printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    )
)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["from", "to"])))]
#[serde(rename_all = "camelCase", default)]
pub struct DataMigrateSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Where the data is.
    pub from: MigrateEnd,
    /// Where the data goes.
    pub to: MigrateEnd,
    /// Declared by Fluid and never used.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub block: bool,
    /// The type of the runtime that does the work, which decides between two Datasets: juicefs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_type: Option<String>,
    /// Options of the runtime for this operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// When the operation runs: Once, by a schedule (Cron), or OnEvent.
    pub policy: Policy,
    /// The schedule, in the form of cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
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
    /// How many pods share the work.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub parallelism: i32,
    /// How those pods reach each other: sshSecretName, sshPort, sshReadyTimeoutSeconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parallel_options: BTreeMap<String, String>,
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

impl Default for DataMigrateSpec {
    fn default() -> Self {
        Self {
            image: None,
            image_tag: None,
            image_pull_policy: None,
            from: MigrateEnd::default(),
            to: MigrateEnd::default(),
            block: false,
            runtime_type: None,
            options: BTreeMap::new(),
            policy: Policy::Once,
            schedule: None,
            pod_metadata: PodMetadata::default(),
            affinity: None,
            tolerations: Vec::new(),
            node_selector: BTreeMap::new(),
            scheduler_name: None,
            parallelism: 1,
            parallel_options: BTreeMap::new(),
            run_after: None,
            ttl_seconds_after_finished: None,
            resources: None,
        }
    }
}

/// One end of a migration: a Dataset, or storage outside of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MigrateEnd {
    /// A Dataset.
    #[serde(rename = "dataset", skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetPath>,
    /// Storage that no Dataset stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_storage: Option<ExternalStorage>,
}

/// A directory of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name", "namespace"])))]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetPath {
    /// Name of the Dataset.
    pub name: String,
    /// Namespace of the Dataset.
    pub namespace: String,
    /// Path in the Dataset; its root if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Storage that no Dataset stands for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["uri"])))]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalStorage {
    /// Its address: `s3://bucket.endpoint/path`, `pvc://claim/path`.
    pub uri: String,
    /// Keys of the storage, in Secrets: access-key, secret-key, token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypt_options: Vec<EncryptOption>,
}
