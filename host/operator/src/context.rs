//! What all controllers share: the seam between the process and the controllers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::ApiResource;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasser_chart::{Recording, Renderer};
use wasser_engine::{Rollouts, TenantRules};
use wasser_plugin::{Registry, Threads};

use crate::health::Health;
use crate::left::Left;
use crate::metrics::Metrics;
use crate::unlisted::Unlisted;

/// How this installation is configured, as far as controllers are concerned.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The operator's own namespace, where plugins are registered.
    pub namespace: String,
    /// Reconciles of one kind at the same time.
    pub workers: u16,
    /// How long a reconcile of a runtime may take by itself.
    pub deadline: Duration,
    /// How often the cache states of a bound dataset are read.
    pub sync_period: Duration,
    /// How often running operations are asked how far they are.
    pub progress_period: Duration,
    /// How long a deletion may wait for something before its user learns of it.
    pub patience: Duration,
    /// How long Datasets wait for the first lists of all kinds after a start.
    pub first_lists: Duration,
    /// Directory of nodes below which file systems are mounted.
    pub mount_root: String,
    /// Nodes with all of these labels are left alone.
    pub excluded_nodes: BTreeMap<String, String>,
    /// What Datasets may do with what belongs to others.
    pub tenant_rules: TenantRules,
    /// Whether the Secrets that Datasets name are looked for.
    pub look_up_secrets: bool,
}

/// A kind of runtime that can be served: a plugin is registered for it, and its CRD exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedKind {
    /// How the API server serves the kind.
    pub resource: ApiResource,
    /// Digest of the plugin that serves it; another one may want other chart values.
    pub digest: String,
}

/// What all controllers share.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The plugin that serves each kind.
    pub registry: Arc<Registry>,
    /// The threads for what calls plugins.
    pub threads: Threads,
    /// Helm's engine.
    pub renderer: Arc<Renderer>,
    /// How records of releases are written.
    pub recording: Recording,
    /// How far other builds of plugins are.
    pub rollouts: Arc<Rollouts>,
    /// The runtimes of kinds that are no longer served.
    pub left: Arc<Left>,
    /// The kinds that cannot be listed.
    pub unlisted: Arc<Unlisted>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the probes report.
    pub health: Arc<Health>,
    /// The configuration.
    pub settings: Settings,
    /// The kinds that can be served now.
    pub kinds: watch::Receiver<Vec<ServedKind>>,
    /// Whether this process may write.
    pub leader: watch::Receiver<bool>,
}

impl Context {
    /// Waits until this process may write. False if it is stopped before.
    pub async fn wait_until_leading(&self, stop: &CancellationToken) -> bool {
        let mut leader = self.leader.clone();
        tokio::select! {
            () = stop.cancelled() => false,
            leading = leader.wait_for(|leading| *leading) => leading.is_ok(),
        }
    }
}
