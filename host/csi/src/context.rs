//! The state that all parts of a running node plugin share.

use std::sync::Arc;

use crate::anchors::Anchors;
use crate::anchors::peers::PeerGroups;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::paths::Root;
use crate::mount::probe::Prober;
use crate::mount::staleness::Staleness;
use crate::mount::watch::MountWatch;
use crate::mount::{self, Workbench};
use crate::volume::leaving::Leaving;
use crate::volume::locks::Locks;
use crate::volume::published::Records;
use crate::volume::staged::Staged;
use crate::volume::unfinished::Unfinished;

/// The state that all parts of a running node plugin share.
#[derive(Debug)]
pub struct Context {
    /// The settings.
    pub config: Config,
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// The kubelet's root directory, which contains all targets.
    pub kubelet: Root,
    /// The mount root, which contains all sources.
    pub mount_root: Root,
    /// The place where mounts are prepared.
    pub workbench: Workbench,
    /// Reports when mounts change.
    pub watch: MountWatch,
    /// The volumes and targets that are being worked on.
    pub locks: Locks,
    /// The published targets.
    pub records: Records,
    /// The mounts that were taken off, and whose successors are not there yet.
    pub unfinished: Unfinished,
    /// The staged volumes.
    pub staged: Staged,
    /// The clients that leave.
    pub leaving: Leaving,
    /// The way of new mounts into running containers.
    pub anchors: Anchors,
    /// Finds the anchors that are still needed; `None` if the node's processes cannot be seen.
    pub peers: Option<PeerGroups>,
    /// Asks file systems whether they answer.
    pub prober: Prober,
    /// How long mounts have been stale.
    pub staleness: Staleness,
}

impl Context {
    /// Prepares directories, workbench, watch and records. Must be called in a tokio runtime.
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
            unfinished: Unfinished::load(kept.join("unfinished"))?,
            staged: Staged::load(kept.join("staged"))?,
            leaving: Leaving::load(kept.join("leaving"))?,
            prober: Prober::new(mount_root.clone(), config.probe_timeout),
            staleness: Staleness::default(),
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
    /// Returns the errors of the work, and [`Error::Task`] if it panicked.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let context = self.clone();
        tokio::task::spawn_blocking(move || work(&context)).await?
    }
}
