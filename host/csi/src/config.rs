//! The settings of the node plugin.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use wasser_api::names::CSI_DRIVER as DRIVER;

/// The settings of the node plugin.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the node in the API server.
    pub node_id: String,
    /// The CSI driver's name.
    pub driver: String,
    /// The kubelet's root directory. It must be mounted here under the same path as on the node,
    /// shared in both directions.
    pub kubelet_root: PathBuf,
    /// The directory below which fuse pods mount. It must have the same path as on the node.
    pub mount_root: PathBuf,
    /// The CSI socket. It must be below the kubelet's root directory, because the kubelet connects
    /// to this path.
    pub endpoint: PathBuf,
    /// The directory in which mounts are prepared. It must be outside the kubelet's root directory.
    pub work_dir: PathBuf,
    /// A procfs that shows the node's processes, if there is one; see `anchors::peers`.
    pub host_proc: Option<PathBuf>,
    /// Whether all volumes are published by a symbolic link instead of a bind mount, whatever their
    /// attributes say.
    pub symlink: bool,
    /// Whether mounts are replaced after their fuse pod was replaced.
    pub recovery: bool,
    /// The longest time that publish waits for the fuse pod's mount.
    pub publish_timeout: Duration,
    /// The longest time that stage waits for the session manager of the node.
    pub session_timeout: Duration,
    /// The longest time that a client takes to end after its label is removed: its grace period, and
    /// what passes until it is deleted.
    pub leave_timeout: Duration,
    /// The longest time that a mounted file system may take to answer before it counts as hanging.
    pub probe_timeout: Duration,
    /// The pause between two looks at the mounts of the clients of published volumes.
    pub probe_interval: Duration,
}

impl Config {
    /// Returns a configuration with the default paths below the kubelet's root directory, and the
    /// default times.
    pub fn new(node_id: impl Into<String>, kubelet_root: impl Into<PathBuf>, mount_root: impl Into<PathBuf>) -> Self {
        let kubelet_root = kubelet_root.into();
        Self {
            node_id: node_id.into(),
            driver: DRIVER.to_owned(),
            endpoint: Self::default_endpoint(&kubelet_root, DRIVER),
            kubelet_root,
            mount_root: mount_root.into(),
            work_dir: PathBuf::from("/run/wasser-csi"),
            host_proc: None,
            symlink: false,
            recovery: true,
            publish_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(30),
            leave_timeout: Duration::from_secs(660),
            probe_timeout: Duration::from_secs(5),
            probe_interval: Duration::from_secs(10),
        }
    }

    /// Returns the default path of the CSI socket: `<kubelet root>/csi-plugins/<driver>/csi.sock`.
    pub fn default_endpoint(kubelet_root: &Path, driver: &str) -> PathBuf {
        driver_dir(kubelet_root, driver).join("csi.sock")
    }

    /// Returns the directory of what must outlive the process: records, notes and anchors.
    pub fn driver_dir(&self) -> PathBuf {
        driver_dir(&self.kubelet_root, &self.driver)
    }

    /// Returns the path at which the kubelet looks for the announcement of the driver.
    pub fn registration_socket(&self) -> PathBuf {
        self.kubelet_root
            .join("plugins_registry")
            .join(format!("{}-reg.sock", self.driver))
    }
}

fn driver_dir(kubelet_root: &Path, driver: &str) -> PathBuf {
    kubelet_root.join("csi-plugins").join(driver)
}
