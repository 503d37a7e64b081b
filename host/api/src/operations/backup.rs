//! Saves the metadata of a cache system.
#![allow(
    clippy::duplicated_attributes,
    reason = "each column of the CRD has a type and a path of its own, which the lint takes for repetition"
)]

use serde::{Deserialize, Serialize};

use super::RunAfter;
use crate::shared::User;

/// What a DataBackup saves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    kube(
        group = "data.fluid.io",
        version = "v1alpha1",
        kind = "DataBackup",
        plural = "databackups",
        singular = "databackup",
        shortname = "backup",
        category = "fluid",
        namespaced,
        status = "super::OperationStatus",
        derive = "Default",
        derive = "PartialEq",
        // The API does not require a spec.
        attr = "cfg_attr(all(), serde(default))",
        doc = "Saves the metadata of a cache system, for a Dataset that is created later.",
        printcolumn(name = "Dataset", type_ = "string", json_path = ".spec.dataset"),
        printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
        printcolumn(name = "Progress", type_ = "string", json_path = ".status.infos.progress"),
        printcolumn(name = "Path", type_ = "string", json_path = ".status.infos.BackupLocationPath"),
        printcolumn(name = "NodeName", type_ = "string", json_path = ".status.infos.BackupLocationNodeName"),
        printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    )
)]
#[serde(rename_all = "camelCase", default)]
pub struct DataBackupSpec {
    /// Name of the Dataset, in the namespace of the backup.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dataset: String,
    /// Where the backup goes: `pvc://claim/path` or `local:///path`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backup_path: String,
    /// The user that writes the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<User>,
    /// The operation to wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_after: Option<RunAfter>,
    /// How long the operation is kept after it has finished, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
}
