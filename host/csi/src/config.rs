//! What the node plugin is told when it starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the driver, in volumes and in the kubelet.
pub const DRIVER: &str = "fuse.csi.fluid.io";

/// What the node plugin is told when it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the node, as the API server knows it.
    pub node_id: String,
    /// The CSI driver's name.
    pub driver: String,
    /// The kubelet's root directory. Must be mounted here under the same path as on the node, shared in both directions.
    pub kubelet_root: PathBuf,
    /// The directory below which fuse pods mount; under the same path as on the node.
    pub mount_root: PathBuf,
    /// The CSI socket; below the kubelet's root directory, since the kubelet is told this path.
    pub endpoint: PathBuf,
    /// A directory of the node plugin's own, outside the kubelet's: mounts are prepared there.
    pub work_dir: PathBuf,
    /// A procfs that shows the node's processes, if there is one; see [`crate::anchors::peers`].
    pub host_proc: Option<PathBuf>,
    /// Publish volumes by symbolic link instead of a bind mount, whatever they say themselves.
    pub symlink: bool,
    /// Whether mounts whose fuse pod has been replaced are mounted anew.
    pub recovery: bool,
    /// How long publish waits for the fuse pod's mount.
    pub publish_timeout: Duration,
    /// How long a mounted file system may take to answer before it counts as hanging.
    pub probe_timeout: Duration,
}

impl Config {
    /// A configuration with the usual paths below the kubelet's root directory, and the usual times.
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
            probe_timeout: Duration::from_secs(5),
        }
    }

    /// Where the socket is unless said otherwise: `<kubelet root>/csi-plugins/<driver>/csi.sock`.
    pub fn default_endpoint(kubelet_root: &Path, driver: &str) -> PathBuf {
        driver_dir(kubelet_root, driver).join("csi.sock")
    }

    /// Where the node plugin keeps what must outlive it: records of what was published, and anchors.
    pub fn driver_dir(&self) -> PathBuf {
        driver_dir(&self.kubelet_root, &self.driver)
    }

    /// The socket in which the kubelet finds the node plugin.
    pub fn registration_socket(&self) -> PathBuf {
        self.kubelet_root.join("plugins_registry").join(format!("{}-reg.sock", self.driver))
    }
}

fn driver_dir(kubelet_root: &Path, driver: &str) -> PathBuf {
    kubelet_root.join("csi-plugins").join(driver)
}
