//! The runtime that a plugin is called for.

use crate::bindings::types::{RoleStatus, Want};

/// What the host knows of the runtime that a method is called for: what the resource `context` of
/// the WIT tells, fact by fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Namespace of the runtime and of its Dataset.
    pub namespace: String,
    /// Name of the runtime and of its Dataset.
    pub name: String,
    /// The value of the label `fluid.io/dataset-id`.
    pub dataset_id: String,
    /// The runtime object as JSON.
    pub runtime: String,
    /// The Dataset as JSON; `None` after it was deleted.
    pub dataset: Option<String>,
    /// The absolute path on a node where the fuse process mounts the file system.
    pub mount_path: String,
    /// The node label that brings a fuse pod to a node.
    pub fuse_label: String,
    /// Images by role.
    pub images: Vec<(String, String)>,
    /// Settings of the installation.
    pub settings: Vec<(String, String)>,
    /// The chart values of the installed release; `None` before the first installation.
    pub installed: Option<String>,
    /// The pods of the roles, as last seen.
    pub roles: Vec<RoleStatus>,
    /// When these facts were gathered, in milliseconds since 1970.
    pub now: u64,
    /// The capabilities that hold.
    pub granted: Vec<Want>,
}
