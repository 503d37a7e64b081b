//! The name of a runtime.

use serde::{Deserialize, Serialize};

/// The runtime whose fuse pod mounts the volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuntimeRef {
    /// The namespace of the runtime.
    pub namespace: String,
    /// The name of the runtime, which is also its Dataset's.
    pub name: String,
}

impl std::fmt::Display for RuntimeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
