//! What all reconciles of all runtimes share.
//!
//! Everything here is in memory and can be lost at any time: after a restart it is read again or
//! found out again from the cluster. What is kept for a runtime has the runtime's UID as its key,
//! and [`Shared::forget`] removes all of it.

mod accepted;
pub mod backoff;
pub mod claim_users;
pub mod events;
pub mod labeler;
mod mounts_shown;
pub mod own_time;
pub mod own_writes;
pub mod ports;
pub mod references;
mod refusals;
mod rollout;
mod rollout_member;
pub mod rollouts;
mod rush;
pub mod seen_objects;
mod since;
pub mod sizes_read;
pub mod spread;
pub mod state_copies;
pub mod states_read;
pub mod status_throttle;
pub mod tasks;
mod two_speed_limit;
pub mod unclean;
pub mod unready;
pub mod upgrades;
mod vain_patches;
pub mod wake;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use parking_lot::Mutex;
use wasser_chart::{Chart, Recording, Releases, Renderer};
use wasser_plugin::{Plugin, Threads};

use crate::error::EngineError;
use crate::release::Installed;
use crate::shared::accepted::Accepted;
use crate::shared::claim_users::ClaimUsers;
use crate::shared::events::Events;
use crate::shared::labeler::Labeler;
use crate::shared::mounts_shown::MountsShown;
use crate::shared::own_writes::OwnWrites;
use crate::shared::ports::Ports;
use crate::shared::references::References;
use crate::shared::refusals::Refusals;
use crate::shared::rollouts::Rollouts;
use crate::shared::rush::Rush;
use crate::shared::seen_objects::SeenObjects;
use crate::shared::since::Since;
use crate::shared::sizes_read::SizesRead;
use crate::shared::state_copies::StateCopies;
use crate::shared::states_read::StatesRead;
use crate::shared::status_throttle::StatusThrottle;
use crate::shared::tasks::Tasks;
use crate::shared::unclean::Unclean;
use crate::shared::unready::Unready;
use crate::shared::upgrades::Upgrades;
use crate::shared::vain_patches::VainPatches;
use crate::tenant_rules::TenantRules;
use crate::watched::Caches;

/// How many unpacked charts are kept: those of former plugins are of no use any more.
const MOST_CHARTS: usize = 32;

/// How this installation is configured.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Directory of nodes below which file systems are mounted: `/runtime-mnt`.
    pub mount_root: String,
    /// How often the cache states of a bound dataset are read.
    pub sync_period: Duration,
    /// How long a deletion may wait for something before its user learns of it.
    pub patience: Duration,
    /// What Datasets may do with what belongs to others.
    pub tenant_rules: TenantRules,
    /// Whether the Secrets that Datasets name are looked for before pods are made that need them.
    pub look_up_secrets: bool,
}

/// Shared state; one for the process.
pub struct Shared {
    /// The API server.
    pub client: Client,
    /// What is watched.
    pub caches: Arc<Caches>,
    /// Node labels.
    pub labeler: Arc<Labeler>,
    /// Host ports.
    pub ports: Arc<Ports>,
    /// Helm's engine.
    pub renderer: Arc<Renderer>,
    /// Helm's records.
    pub releases: Releases,
    /// Events for users.
    pub events: Events,
    /// Metadata syncs.
    pub metadata: Tasks<SizesRead>,
    /// Reads of cache states.
    pub cache_states: Tasks<StatesRead>,
    /// Attempts to empty a cache.
    pub cleanups: Tasks<Result<(), Unclean>>,
    /// What was written last to Datasets and runtimes.
    pub own_writes: Arc<OwnWrites>,
    /// How often the progress of runtimes is shown.
    pub status_throttle: StatusThrottle,
    /// The upgrades of releases, of which too many are stopped.
    pub upgrades: Upgrades,
    since: Since,
    /// Whether many systems are set up at once.
    pub rush: Arc<Rush>,
    /// How far other builds of plugins are.
    pub rollouts: Arc<Rollouts>,
    /// What the objects of releases were last known to be like.
    pub seen_objects: SeenObjects,
    /// What plugins keep for runtimes.
    pub(crate) state_copies: Arc<StateCopies>,
    /// Specs that plugins have accepted.
    pub(crate) accepted: Accepted,
    /// Values that the API server has refused.
    pub refusals: Refusals,
    /// Status patches that have changed nothing.
    pub vain_patches: VainPatches,
    /// Which mounts the statuses of Datasets were given.
    pub mounts_shown: MountsShown,
    /// Since when pods are not ready.
    pub unready: Unready,
    /// The configuration.
    pub settings: EngineSettings,
    /// Who uses which claim.
    pub claim_users: ClaimUsers,
    /// Which Datasets refer to which.
    pub references: References,
    began: Mutex<Instant>,
    installed: Mutex<HashMap<String, Option<Arc<Installed>>>>,
    gone: Mutex<HashMap<String, HashSet<&'static str>>>,
    charts: Mutex<HashMap<String, Arc<Chart>>>,
}

impl Shared {
    /// Shared state over watches that the caller runs.
    pub fn new(
        client: Client,
        caches: Arc<Caches>,
        labeler: Arc<Labeler>,
        renderer: Arc<Renderer>,
        recording: Recording,
        threads: Threads,
        settings: EngineSettings,
    ) -> Self {
        Self {
            releases: Releases::new(client.clone(), recording),
            events: Events::new(client.clone()),
            client,
            caches,
            labeler,
            ports: Arc::default(),
            renderer,
            metadata: Tasks::on(threads.clone()),
            cache_states: Tasks::on(threads.clone()),
            cleanups: Tasks::on(threads),
            own_writes: Arc::default(),
            status_throttle: StatusThrottle::default(),
            upgrades: Upgrades::default(),
            since: Since::default(),
            rush: Arc::default(),
            rollouts: Arc::default(),
            seen_objects: SeenObjects::default(),
            state_copies: Arc::default(),
            accepted: Accepted::default(),
            refusals: Refusals::default(),
            vain_patches: VainPatches::default(),
            mounts_shown: MountsShown::default(),
            unready: Unready::default(),
            settings,
            claim_users: ClaimUsers::default(),
            references: References::default(),
            began: Mutex::new(Instant::now()),
            installed: Mutex::default(),
            gone: Mutex::default(),
            charts: Mutex::default(),
        }
    }

    /// The same, with rollouts of which others are told.
    #[must_use]
    pub fn with_rollouts(mut self, rollouts: Arc<Rollouts>) -> Self {
        self.rollouts = rollouts;
        self
    }

    /// The chart of a plugin, unpacked once per digest.
    pub fn chart(&self, plugin: &Plugin) -> Result<Arc<Chart>, EngineError> {
        let digest = plugin.chart_digest.to_string();
        let mut charts = self.charts.lock();
        if let Some(chart) = charts.get(&digest) {
            return Ok(chart.clone());
        }
        let chart = Chart::from_tgz(plugin.chart.clone()).map_err(|source| EngineError::Chart {
            kind: plugin.description.kind.clone(),
            source: Box::new(source),
        })?;
        if charts.len() >= MOST_CHARTS {
            charts.clear();
        }
        charts.insert(digest, chart.clone());
        Ok(chart)
    }

    /// What is known of a runtime's release: `None` if it was not looked up yet, `Some(None)` if
    /// there is none.
    pub fn known_release(&self, uid: &str) -> Option<Option<Arc<Installed>>> {
        self.installed.lock().get(uid).cloned()
    }

    /// Remembers what a runtime's release is.
    pub fn remember_release(&self, uid: &str, release: Option<Arc<Installed>>) {
        self.installed.lock().insert(uid.to_owned(), release);
    }

    /// Looks a runtime's release up again when it is next needed.
    pub fn forget_release(&self, uid: &str) {
        self.installed.lock().remove(uid);
    }

    /// This process begins to serve: until now it may have waited.
    pub fn begin(&self) {
        *self.began.lock() = Instant::now();
    }

    /// How long a runtime still waits with what a new process asks all of them again. None if it need
    /// not.
    pub(crate) fn rest_of_start(&self, uid: &str) -> Option<Duration> {
        spread::rest(uid, self.caches.datasets.len(), *self.began.lock(), Instant::now())
    }

    /// Whether the object of this kind of a runtime that is being deleted has been seen to be gone.
    pub fn is_gone(&self, uid: &str, kind: &str) -> bool {
        let gone = self.gone.lock();
        gone.get(uid).is_some_and(|kinds| kinds.contains(kind))
    }

    /// Remembers that it is.
    pub fn remember_gone(&self, uid: &str, kind: &'static str) {
        let mut gone = self.gone.lock();
        gone.entry(uid.to_owned()).or_default().insert(kind);
    }

    /// Forgets what was seen to be gone of a runtime, which is to be made again.
    pub(crate) fn forget_gone(&self, uid: &str) {
        self.gone.lock().remove(uid);
    }

    /// How long something of an object has been waited for, by this process. The first time, the wait
    /// begins.
    pub fn waited(&self, uid: &str, what: &'static str) -> Duration {
        self.since.age(uid, what, Instant::now())
    }

    /// Ends such a wait.
    pub fn wait_is_over(&self, uid: &str, what: &'static str) {
        self.since.over(uid, what);
    }

    /// Forgets everything that was kept for a runtime.
    pub fn forget(&self, uid: &str) {
        self.gone.lock().remove(uid);
        self.forget_release(uid);
        self.metadata.forget(uid);
        self.cache_states.forget(uid);
        self.cleanups.forget(uid);
        self.ports.release(uid);
        self.status_throttle.forget(uid);
        self.upgrades.forget(uid);
        self.since.forget(uid);
        self.unready.forget(uid);
        self.state_copies.forget(uid);
        self.accepted.forget(uid);
        self.refusals.forget(uid);
        self.rollouts.forget(uid);
        self.seen_objects.forget(uid);
        self.vain_patches.forget(uid);
        self.mounts_shown.forget(uid);
        self.events.forget(uid);
    }
}
