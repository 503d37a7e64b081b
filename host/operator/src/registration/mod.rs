//! Plugins come and go as ConfigMaps, and serve while the CRD of their kind is there: watches both,
//! has [`wasser_plugin::Registrar`] judge every change, and writes the verdicts back.
//!
//! `definitions` has the CRDs, `state` the ConfigMaps, `writing` the annotations and events;
//! `orphans` tells runtimes that nobody serves their kind any more.

mod definitions;
mod orphans;
mod served;
mod state;
mod writing;

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasser_engine::Events;
use wasser_plugin::{Outcome, PLUGIN_LABEL, Registrar, Registry};

use crate::context::ServedKind;
use crate::health::Health;
use crate::metrics::Metrics;
use definitions::Seen;
use state::{Change, State};

/// ConfigMaps with components are large; a page holds few of them.
const PAGE: u32 = 10;

/// What the controller works with.
pub struct Registrations {
    /// The API server.
    pub client: Client,
    /// The operator's namespace.
    pub namespace: String,
    /// Judges registrations.
    pub registrar: Registrar,
    /// What the registrar fills.
    pub registry: Arc<Registry>,
    /// Told when the registrations of the start are processed.
    pub health: Arc<Health>,
    /// Counts the verdicts.
    pub metrics: Arc<Metrics>,
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
        let config = watcher::Config::default()
            .labels(&format!("{PLUGIN_LABEL}=true"))
            .page_size(PAGE);
        let mut maps = std::pin::pin!(watcher(api, config).default_backoff());
        let mut crds = std::pin::pin!(definitions::watch(self.client.clone()));
        let events = Events::new(self.client.clone());
        let mut leader = self.leader.clone();
        let (mut state, mut seen) = (State::default(), Seen::default());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
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
                    Some(Ok(event)) => self.take(&mut state, event).await,
                },
            }
            self.publish(&mut state, &events).await;
        }
    }

    /// Has the changes that an event tells of judged.
    async fn take(&self, state: &mut State, event: Event<ConfigMap>) {
        let is_listed = matches!(event, Event::InitDone);
        for change in state.take(event) {
            let outcome = match change {
                Change::Apply(map) => self.registrar.apply(&map).await,
                Change::Remove(name) => {
                    self.metrics.registration(&name, None);
                    self.registrar.remove(&name).await
                }
            };
            self.follow(state, outcome);
        }
        if is_listed {
            self.health.registrations_processed();
        }
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

    /// Writes what has to be reported, if this process may.
    async fn publish(&self, state: &mut State, events: &Events) {
        if !*self.leader.borrow() {
            return;
        }
        for (reference, verdict) in state.unwritten() {
            if let Err(error) = writing::write(&self.client, events, &reference, &verdict).await {
                // Written again with the next change, or the next time the watch lists.
                tracing::warn!(registration = reference.name, %error, "the verdict could not be written to the \
                    ConfigMap");
                state.forget_writing(reference.name.as_deref().unwrap_or_default());
            }
        }
        for (kind, reason) in state.orphans() {
            orphans::tell(&self.client, events, &kind, reason.as_deref()).await;
        }
    }
}

/// Name of a ConfigMap.
fn name(map: &ConfigMap) -> String {
    map.name_any()
}
