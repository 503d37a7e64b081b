//! Questions to the API server, behind a trait so that tests need none.
//!
//! The node plugin asks for single objects and keeps none of them: it has no watches and no caches,
//! whose cost would grow with the number of nodes. Nothing that was asked is needed to keep mounts
//! alive, so pods keep their data while the API server is away.

pub mod api_server;

use std::collections::HashMap;

use async_trait::async_trait;
use wasser_api::ObjectKey;
use wasser_api::shared::FuseCleanPolicy;

/// A request to the API server failed or was refused.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {message}")]
pub struct ClusterError {
    /// The attempted action.
    pub action: String,
    /// The answer.
    pub message: String,
    /// Whether it is certain that nothing was changed.
    pub is_refused: bool,
}

/// A PersistentVolume of the driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// The handle of the volume.
    pub handle: String,
    /// The attributes that the control plane wrote.
    pub attributes: HashMap<String, String>,
    /// Whether all its access modes are for reading.
    pub read_only: bool,
    /// Namespace and name of the claim it belongs to.
    pub claim: Option<(String, String)>,
}

/// The outcome of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// The new mount is in place.
    Succeeded,
    /// It is not in place, for this reason.
    Failed(String),
}

/// The requests to the API server.
#[async_trait]
pub trait Cluster: Send + Sync + std::fmt::Debug {
    /// Returns a PersistentVolume of this driver; `None` if it does not exist.
    async fn volume(&self, name: &str) -> Result<Option<Volume>, ClusterError>;

    /// Returns the node label that brings a runtime's fuse pod.
    async fn fuse_label(&self, runtime: &ObjectKey) -> Result<String, ClusterError>;

    /// Sets a label of this node to `true`, or removes it.
    async fn label_node(&self, key: &str, present: bool) -> Result<(), ClusterError>;

    /// Returns the policy by which a runtime's fuse pod leaves a node; `None` if the runtime or its
    /// Dataset is gone.
    async fn clean_policy(&self, runtime: &ObjectKey) -> Result<Option<FuseCleanPolicy>, ClusterError>;

    /// Returns the generation of fuse pods in the label of the claim of a runtime's own Dataset; `None`
    /// without the label or the claim.
    async fn fuse_generation(&self, runtime: &ObjectKey) -> Result<Option<String>, ClusterError>;

    /// Publishes an event on a runtime's Dataset, if that still exists.
    async fn recovered(&self, runtime: &ObjectKey, target: &str, how: &Recovered) -> Result<(), ClusterError>;
}
