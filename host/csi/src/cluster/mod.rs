//! What the node plugin asks of the API server: five questions and answers, so that tests can do without one.

pub mod api_server;
mod runtime_ref;

use std::collections::HashMap;

use async_trait::async_trait;
use wasser_api::shared::FuseCleanPolicy;

pub use runtime_ref::RuntimeRef;

/// The API server could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {message}")]
pub struct ClusterError {
    /// What was attempted.
    pub action: String,
    /// What came back.
    pub message: String,
}

/// What a PersistentVolume says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// The volume's handle.
    pub handle: String,
    /// Its attributes.
    pub attributes: HashMap<String, String>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Namespace and name of the claim it belongs to.
    pub claim: Option<(String, String)>,
}

/// How a recovery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// The new mount is in place.
    Succeeded,
    /// It is not; why.
    Failed(String),
}

/// The API server, as far as the node plugin needs it.
#[async_trait]
pub trait Cluster: Send + Sync + std::fmt::Debug {
    /// A PersistentVolume of this node plugin's driver; none if it does not exist.
    async fn volume(&self, name: &str) -> Result<Option<Volume>, ClusterError>;

    /// The node label that brings a runtime's fuse pod.
    async fn fuse_label(&self, runtime: &RuntimeRef) -> Result<String, ClusterError>;

    /// Sets a label of this node to `true`, or removes it.
    async fn label_node(&self, key: &str, present: bool) -> Result<(), ClusterError>;

    /// When the fuse pod of a runtime leaves a node; none if the runtime or its Dataset is gone.
    async fn clean_policy(&self, runtime: &RuntimeRef) -> Result<Option<FuseCleanPolicy>, ClusterError>;

    /// The generation of the fuse pods that a claim is labelled with; none without the label or the claim.
    async fn fuse_generation(&self, namespace: &str, claim: &str) -> Result<Option<String>, ClusterError>;

    /// Writes an event on a runtime's Dataset. A Dataset that is gone gets none.
    async fn recovered(&self, runtime: &RuntimeRef, target: &str, how: &Recovered) -> Result<(), ClusterError>;
}
