//! What the parts of a running node plugin share.

use std::sync::Arc;

use crate::anchors::Anchors;
use crate::anchors::peers::PeerGroups;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::paths::Root;
use crate::mount::probe::Prober;
use crate::mount::watch::MountWatch;
use crate::mount::{self, Workbench};
use crate::volume::locks::Locks;
use crate::volume::published::Records;
use crate::volume::staged::Staged;

/// What the parts of a running node plugin share.
#[derive(Debug)]
pub struct Context {
    /// What the node plugin was told.
    pub config: Config,
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// The kubelet's directory: targets are below.
    pub kubelet: Root,
    /// Where fuse pods mount: sources are below.
    pub mount_root: Root,
    /// Where mounts are prepared.
    pub workbench: Workbench,
    /// When mounts change.
    pub watch: MountWatch,
    /// What is being worked on.
    pub locks: Locks,
    /// What was published.
    pub records: Records,
    /// What is staged.
    pub staged: Staged,
    /// How running containers are reached.
    pub anchors: Anchors,
    /// Which of them are needed, where that can be found out.
    pub peers: Option<PeerGroups>,
    /// Asks file systems whether they answer.
    pub prober: Prober,
}

impl Context {
    /// Prepares a node plugin: directories, workbench, watch, records. To be called in a tokio runtime.
    ///
    /// # Errors
    /// A directory is missing or cannot be used.
    pub fn new(config: Config, cluster: Arc<dyn Cluster>) -> Result<Self, Error> {
        let kubelet = Root::new(&config.kubelet_root)?;
        std::fs::create_dir_all(&config.mount_root).attempt("making directory", &config.mount_root)?;
        let mount_root = Root::new(&config.mount_root)?;
        let kept = kubelet.canonical(&config.driver_dir())?;
        let table = Table::read().attempt("reading the mounts for", kubelet.real())?;
        if !mount::is_shared(&table, kubelet.real()) {
            tracing::warn!(
                path = %kubelet.real().display(),
                "mounts made here do not reach the node: the directory must be mounted with Bidirectional propagation"
            );
        }
        let anchors = Anchors::new(kubelet.clone(), kept.join("anchors"));
        let peers = config
            .host_proc
            .as_deref()
            .and_then(|proc| match PeerGroups::new(proc, anchors.directory()) {
                Ok(peers) => Some(peers),
                Err(error) => {
                    tracing::warn!(%error, "anchors of dead mounts are kept until their pods end");
                    None
                }
            });
        Ok(Self {
            cluster,
            workbench: Workbench::new(&config.work_dir)?,
            watch: MountWatch::start().attempt("watching", "/proc/self/mountinfo")?,
            locks: Locks::default(),
            records: Records::load(kept.join("published"))?,
            staged: Staged::load(kept.join("staged"))?,
            prober: Prober::new(mount_root.clone(), config.probe_timeout),
            config,
            kubelet,
            mount_root,
            anchors,
            peers,
        })
    }

    /// Runs system calls that may block, away from the threads that serve requests.
    ///
    /// # Errors
    /// Those of the work; [`Error::Task`] if it panicked.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let context = self.clone();
        tokio::task::spawn_blocking(move || work(&context)).await?
    }
}
