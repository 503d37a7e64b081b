//! What a registration grants to the pods of a chart.
//!
//! `privileged` is everything that a pod can have on its node except the node's network and
//! directories: privileged containers, capabilities, the node's processes, profiles, sysctls.
//! `fuse` is the part of it that a client needs which mounts a file system: a privileged container
//! or `SYS_ADMIN`, `/dev/fuse`, and the runtime's own mount directory, with mounts that the node
//! sees. Both let pods have the directories that users name in their objects. Neither includes
//! `host-network`, the directories that `host-paths` lists, or `system-priority`.

use std::collections::BTreeSet;

/// What pods may have of their node. By default, nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Powers {
    /// Everything but network and directories.
    pub privileged: bool,
    /// What a client needs that mounts a file system.
    pub fuse: bool,
    /// The network, ports of the node included.
    pub host_network: bool,
    /// Directories; with `privileged` or `fuse`, each with what is below.
    pub host_paths: BTreeSet<String>,
    /// The priority of Kubernetes' own pods, before which others have to leave a node.
    pub system_priority: bool,
    /// The images of the registration, which containers with powers may run in addition to those
    /// that users name.
    pub images: BTreeSet<String>,
}

impl Powers {
    /// Whether containers may mount file systems for their node.
    pub fn mounts(&self) -> bool {
        self.fuse || self.privileged
    }
}
