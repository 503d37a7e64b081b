//! Plugins come and go as ConfigMaps, and serve while the CRD of their kind is there: watches both,
//! has [`wasser_plugin::Registrar`] judge every change, and writes the verdicts back.
//!
//! `definitions` has the CRDs, `state` the ConfigMaps, `writing` the annotations and events;
//! `orphans` tells runtimes that nobody serves their kind any more. What registrations name in
//! registries is pulled by `pulls` from `artifacts`, and holds up nothing else; nor does what is being
//! compiled, once all registrations of the start are loaded.

mod artifacts;
mod definitions;
mod orphans;
mod pulls;
mod served;
mod state;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasser_engine::{Backoff, Events};
use wasser_plugin::{Artifact, Loading, Outcome, PLUGIN_LABEL, Pulled, Registrar, Registry};

use crate::client::watch_config;
use crate::context::ServedKind;
use crate::health::Health;
use crate::left::Left;
use crate::metrics::Metrics;
use crate::unlisted::Reasons;
pub use artifacts::{Artifacts, Wanted};
use definitions::Seen;
pub use pulls::PAUSES;
use pulls::{Failure, Pulls};
use state::{Change, State};

/// ConfigMaps with components are large; a page holds few of them.
const PAGE: u32 = 10;
/// The usual least time between two notes of how far another build of a plugin is: each of them is a
/// version of a ConfigMap which may be large.
pub const TELLING: Duration = Duration::from_secs(30);

/// What the controller works with.
pub struct Registrations {
    /// The API server.
    pub client: Client,
    /// The operator's namespace.
    pub namespace: String,
    /// Judges registrations.
    pub registrar: Arc<Registrar>,
    /// Where the artifacts of registrations come from.
    pub artifacts: Artifacts,
    /// How often it is tried again to pull them.
    pub pauses: Backoff,
    /// What the registrar fills.
    pub registry: Arc<Registry>,
    /// Told when the registrations of the start are processed.
    pub health: Arc<Health>,
    /// Counts the verdicts.
    pub metrics: Arc<Metrics>,
    /// How far other builds of plugins are, by registration.
    pub rollouts: watch::Receiver<BTreeMap<String, String>>,
    /// The least time between two notes of that.
    pub telling: Duration,
    /// The runtimes of kinds that are no longer served.
    pub left: Arc<Left>,
    /// The kinds that cannot be listed.
    pub unlisted: watch::Receiver<Reasons>,
    /// The kinds that were listed since they are served.
    pub listed: watch::Receiver<BTreeSet<String>>,
    /// Whether this process may write.
    pub leader: watch::Receiver<bool>,
    /// What the CRDs of the cluster serve, for templates.
    pub api_versions: watch::Sender<Vec<String>>,
    /// The kinds that are served, after every change of the registry.
    pub kinds: watch::Sender<Vec<ServedKind>>,
}

impl Registrations {
    /// Follows ConfigMaps and CRDs until stopped. Verdicts are written only while this process
    /// leads; all that it missed until then are written when it begins to.
    pub async fn run(self, stop: CancellationToken) {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        let config = watch_config().labels(&format!("{PLUGIN_LABEL}=true")).page_size(PAGE);
        let mut maps = std::pin::pin!(watcher(api, config).default_backoff());
        let mut crds = std::pin::pin!(definitions::watch(self.client.clone()));
        let events = Events::new(self.client.clone());
        let (mut leader, mut unlisted, mut listed) = (self.leader.clone(), self.unlisted.clone(), self.listed.clone());
        let (mut state, mut seen) = (State::default(), Seen::default());
        let (mut pulls, mut loads) = (Pulls::new(self.artifacts.clone(), self.pauses), JoinSet::new());
        let (mut rollouts, mut is_further, mut next_told) = (self.rollouts.clone(), false, Instant::now());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = rollouts.changed(), if !is_further => {
                    is_further = true;
                    continue;
                }
                () = tokio::time::sleep_until(next_told), if is_further => {
                    state.rollouts(rollouts.borrow_and_update().clone());
                    (is_further, next_told) = (false, Instant::now() + self.telling);
                }
                Ok(()) = unlisted.changed() => state.unlisted(unlisted.borrow_and_update().clone()),
                Ok(()) = listed.changed() => state.listed(listed.borrow_and_update().clone()),
                () = until(state.held()) => {}
                changed = leader.changed() => {
                    // The sender lives as long as the process; without it there is nobody to become
                    // leader.
                    if changed.is_err() { return }
                }
                event = crds.next() => match event {
                    None => return,
                    Some(Err(error)) => tracing::warn!(%error, "the watch of CRDs was interrupted; it starts again"),
                    Some(Ok(event)) => {
                        let definitions = seen.take(event).cloned();
                        if seen.is_complete {
                            self.api_versions.send_replace(seen.api_versions());
                        }
                        if let Some(definitions) = definitions {
                            let outcome = self.registrar.define(definitions).await;
                            self.follow(&mut state, outcome);
                        }
                    }
                },
                // No plugin is judged before it is known which CRDs there are.
                event = maps.next(), if seen.is_complete => match event {
                    None => return,
                    Some(Err(error)) => {
                        tracing::warn!(namespace = self.namespace, %error, "the watch of registrations was \
                            interrupted; it starts again");
                    }
                    Some(Ok(event)) => self.take(&mut state, &mut pulls, &mut loads, event).await,
                },
                // What was pulled is in memory until it is loaded.
                (map, pulled) = pulls.next(), if loads.is_empty() => {
                    let (outcome, loading) = self.registrar.begin(&map, supplied(pulled)).await;
                    self.follow(&mut state, outcome);
                    self.load(&mut loads, loading);
                }
                Some(loaded) = loads.join_next() => match loaded {
                    Ok(outcome) => self.follow(&mut state, outcome),
                    // As if it had been loaded here: without this task the process ends.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
            }
            // What could not be written is written later.
            is_further |= !self.publish(&mut state, &events).await;
        }
    }

    /// Has the changes that an event tells of judged.
    async fn take(&self, state: &mut State, pulls: &mut Pulls, loads: &mut JoinSet<Outcome>, event: Event<ConfigMap>) {
        let is_listed = matches!(event, Event::InitDone);
        let is_first = is_listed && !state.has_listed();
        for change in state.take(event) {
            let (outcome, loading) = match change {
                Change::Apply(map) => {
                    let name = name(&map);
                    let judged = self.judge(pulls, *map).await;
                    if judged.1.is_some() {
                        state.is_loaded(&name);
                    }
                    judged
                }
                Change::Remove(name) => {
                    pulls.stop(&name);
                    self.metrics.registration(&name, None);
                    (self.registrar.remove(&name).await, None)
                }
            };
            self.follow(state, outcome);
            match loading {
                // The oldest of a kind serves it, so none of the others may be loaded before it.
                Some(loading) if is_first => {
                    let outcome = self.registrar.finish(loading).await;
                    self.follow(state, outcome);
                }
                loading => self.load(loads, loading),
            }
        }
        if is_listed {
            self.health.registrations_processed();
        }
    }

    /// Loads what a ConfigMap offers, if that is to be done, while others are judged.
    fn load(&self, loads: &mut JoinSet<Outcome>, loading: Option<Loading>) {
        if let Some(loading) = loading {
            let registrar = self.registrar.clone();
            loads.spawn(async move { registrar.finish(loading).await });
        }
    }

    /// Has a ConfigMap judged, with its artifact if it names one that was pulled before. Otherwise
    /// the artifact is pulled meanwhile. Returns what is to be loaded, if anything.
    async fn judge(&self, pulls: &mut Pulls, map: ConfigMap) -> (Outcome, Option<Loading>) {
        if self.registrar.knows(&map).await {
            return (Outcome::default(), None);
        }
        let name = name(&map);
        pulls.stop(&name);
        let Some(wanted) = Wanted::of(&map) else {
            return self.registrar.begin(&map, Artifact::Coming).await;
        };
        if let Some(artifact) = self.artifacts.cached(&wanted).await {
            return self.registrar.begin(&map, supplied(Ok(artifact))).await;
        }
        let judged = self.registrar.begin(&map, Artifact::Coming).await;
        pulls.start(&name, map, wanted);
        judged
    }

    /// Keeps what a change has led to.
    fn follow(&self, state: &mut State, outcome: Outcome) {
        for (name, verdict) in outcome.verdicts {
            tracing::info!(
                registration = name,
                verdict = verdict.state.word(),
                "{}",
                verdict.message
            );
            self.metrics.registration(&name, Some(verdict.state.word()));
            state.judged(&name, verdict);
        }
        for kind in &outcome.removed {
            state.orphaned(kind);
        }
        for kind in &outcome.changed {
            state.adopted(kind);
        }
        if !(outcome.changed.is_empty() && outcome.removed.is_empty()) {
            self.kinds.send_replace(served::served(&self.registry));
        }
    }

    /// Writes what has to be reported, if this process may. Returns whether nothing is left to write.
    async fn publish(&self, state: &mut State, events: &Events) -> bool {
        if !*self.leader.borrow() {
            return true;
        }
        let mut is_written = true;
        for unwritten in state.unwritten(Instant::now()) {
            if let (Some(name), Some(verdict)) = (&unwritten.about.name, &unwritten.news) {
                self.metrics.registration(name, Some(verdict.state.word()));
            }
            if let Err(error) = writing::write(&self.client, events, &unwritten).await {
                let reference = &unwritten.about;
                tracing::warn!(registration = reference.name, %error, "the verdict could not be written to the \
                    ConfigMap");
                state.forget_writing(reference.name.as_deref().unwrap_or_default());
                is_written = false;
            }
        }
        for (kind, reason) in state.orphans() {
            orphans::tell(&self.client, &self.left, events, &kind, reason.as_deref()).await;
        }
        is_written
    }
}

/// Waits until then, or for ever.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// Returns what the registrar needs of an artifact.
fn supplied(pulled: Result<wasser_pack::oci::artifact::Artifact, Failure>) -> Artifact {
    match pulled {
        Ok(artifact) => Artifact::Here(self::pulled(artifact)),
        Err(failure) if failure.needs_change => Artifact::Withheld(failure.reason),
        Err(failure) => Artifact::Failed(failure.reason),
    }
}

/// Returns the parts of an artifact.
pub fn pulled(artifact: wasser_pack::oci::artifact::Artifact) -> Pulled {
    let (component, chart) = artifact.into_component_and_chart();
    Pulled {
        component: component.into(),
        chart: chart.into(),
    }
}

/// Name of a ConfigMap.
fn name(map: &ConfigMap) -> String {
    map.name_any()
}
