//! The status that runtimes of every kind have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dataset::Mount;
use crate::k8s::{NodeAffinity, Time};

open_enum! {
    /// Where a part of a runtime stands.
    RuntimePhase, any {
        /// Not set up yet, or the runtime has no such part.
        #[default]
        Unset = "",
        /// No pod is ready.
        NotReady = "NotReady",
        /// Some pods are ready, which is enough to serve.
        PartialReady = "PartialReady",
        /// Every pod is ready.
        Ready = "Ready",
    }
}

impl RuntimePhase {
    /// The phase of a workload: ready where nothing is wanted or everything is ready, partly ready
    /// from the first ready pod on.
    pub fn of_workload(desired: i32, ready: i32) -> Self {
        match ready {
            _ if ready >= desired => Self::Ready,
            1.. => Self::PartialReady,
            _ => Self::NotReady,
        }
    }

    /// Whether the part serves: partly ready is enough.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Ready | Self::PartialReady)
    }
}

/// What is observed of a runtime.
///
/// The fields without `Option` are required by the CRD, so they are written even when they say
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(extend("required" = [
        "valueFile", "masterPhase", "workerPhase", "desiredWorkerNumberScheduled",
        "currentWorkerNumberScheduled", "workerNumberReady", "desiredMasterNumberScheduled",
        "currentMasterNumberScheduled", "masterNumberReady", "fusePhase",
        "currentFuseNumberScheduled", "desiredFuseNumberScheduled", "fuseNumberReady",
    ]))
)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeStatus {
    /// Name of the ConfigMap with the installed chart values; tells which engine installed them.
    pub value_file: String,
    /// Where the masters stand: NotReady, PartialReady, Ready.
    pub master_phase: RuntimePhase,
    /// Why the masters stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_reason: Option<String>,
    /// Where the workers stand: NotReady, PartialReady, Ready.
    pub worker_phase: RuntimePhase,
    /// Why the workers stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_reason: Option<String>,
    /// Number of workers wanted.
    pub desired_worker_number_scheduled: i32,
    /// Number of workers that exist.
    pub current_worker_number_scheduled: i32,
    /// Number of workers that are ready.
    pub worker_number_ready: i32,
    /// Number of workers that have been ready long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_number_available: Option<i32>,
    /// Number of workers that are wanted and not available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_number_unavailable: Option<i32>,
    /// Number of masters wanted.
    pub desired_master_number_scheduled: i32,
    /// Number of masters that exist.
    pub current_master_number_scheduled: i32,
    /// Number of masters that are ready.
    pub master_number_ready: i32,
    /// Where the clients stand; Ready once they can be started.
    pub fuse_phase: RuntimePhase,
    /// Why the clients stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse_reason: Option<String>,
    /// Number of nodes that run a client.
    pub current_fuse_number_scheduled: i32,
    /// Number of nodes that should run a client.
    pub desired_fuse_number_scheduled: i32,
    /// Number of clients that are ready.
    pub fuse_number_ready: i32,
    /// Number of clients that are wanted and not available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse_number_unavailable: Option<i32>,
    /// Number of clients that have been ready long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuse_number_available: Option<i32>,
    /// How long it took from creation until the runtime was ready: `2m30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_duration: Option<String>,
    /// What happened, by type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<RuntimeCondition>,
    /// Figures of the cache, by name: cached, cacheCapacity, cachedPercentage, cacheHitRatio and
    /// others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cache_states: BTreeMap<String, String>,
    /// Label selector of the workers, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The cache system's API gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway: Option<ApiGatewayStatus>,
    /// When the mounts were last made.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_time: Option<Time>,
    /// What is mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Nodes that hold or may hold the cache, for placing applications near it.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<NodeAffinity>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_affinity: Option<NodeAffinity>,
}

/// One thing that happened to a runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["type", "status"])))]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeCondition {
    /// What it is about.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// True, False or Unknown.
    pub status: String,
    /// Why, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the condition was last checked and found changed.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Time>,
    /// When the status last changed.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::schema::<Time>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

/// The cache system's API gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ApiGatewayStatus {
    /// Where it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}
