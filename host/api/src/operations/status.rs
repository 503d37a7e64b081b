//! What is observed of an operation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::k8s::{NodeAffinity, Time};

open_enum! {
    /// Where an operation stands.
    OperationPhase, any {
        /// Not looked at yet.
        #[default]
        Unset = "",
        /// It waits: for its Dataset, for another operation, or for its next run.
        Pending = "Pending",
        /// It runs.
        Executing = "Executing",
        /// It has succeeded.
        Complete = "Complete",
        /// It cannot run, or has failed.
        Failed = "Failed",
    }
}

impl OperationPhase {
    /// Returns whether nothing more happens, but for the next run of a schedule.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}

/// What is observed of an operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema),
    schemars(extend("required" = ["conditions", "duration", "phase"])))]
#[serde(rename_all = "camelCase", default)]
pub struct OperationStatus {
    /// Where the operation stands: Pending, Executing, Complete, Failed.
    pub phase: OperationPhase,
    /// How long it took: `42s`; `Unfinished` while it runs, `-` before the next run of a schedule.
    pub duration: String,
    /// How it ended, or what it waits for.
    pub conditions: Vec<OperationCondition>,
    /// Figures of the operation, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub infos: BTreeMap<String, String>,
    /// When the schedule last started a run.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When a run of the schedule last succeeded.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// What the operation waits for.
    #[serde(skip_serializing_if = "WaitingStatus::is_empty")]
    pub waiting_for: WaitingStatus,
    /// Where the operation has run.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<NodeAffinity>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
}

/// What an operation waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct WaitingStatus {
    /// Whether it waits for another operation to be complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_complete: Option<bool>,
}

impl WaitingStatus {
    /// Returns whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.operation_complete.is_none()
    }
}

/// How an operation ended, or what it waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["type", "status"])))]
#[serde(rename_all = "camelCase", default)]
pub struct OperationCondition {
    /// Complete, Failed or Waiting.
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
    /// When it was last looked at.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Time>,
    /// When it last changed.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}
