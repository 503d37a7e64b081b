//! Plugins come and go as ConfigMaps: watches the operator's namespace, has [`wasser_plugin::Registrar`] judge every change, and writes
//! the verdicts back.
//!
//! `writing` has the annotations and events, `orphans` tells runtimes that their plugin is gone, `served` finds out which kinds can be
//! served, now that a plugin and a CRD must both be there.

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
use wasser_engine::events::Events;
use wasser_plugin::{Outcome, PLUGIN_LABEL, Registrar, Registry};

use crate::context::ServedKind;
use crate::health::Health;
use crate::metrics::Metrics;
use state::{Change, State};

pub use served::watch_kinds;

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
    /// Told after every change of the registry.
    pub registered: watch::Sender<Vec<ServedKind>>,
}

impl Registrations {
    /// Follows the ConfigMaps until told to stop. Verdicts are written only while this process leads; all that it missed until then are
    /// written when it begins to.
    pub async fn run(self, stop: CancellationToken) {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        let config = watcher::Config::default().labels(&format!("{PLUGIN_LABEL}=true")).page_size(PAGE);
        let mut maps = std::pin::pin!(watcher(api, config).default_backoff());
        let events = Events::new(self.client.clone());
        let mut leader = self.leader.clone();
        let mut state = State::default();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = maps.next() => event,
                changed = leader.changed() => {
                    // The sender lives as long as the process; without it there is nobody to become leader.
                    if changed.is_err() { return }
                    self.publish(&mut state, &events).await;
                    continue;
                }
            };
            match event {
                None => return,
                Some(Err(error)) => {
                    tracing::warn!(namespace = self.namespace, %error, "the watch of registrations was interrupted; it starts again")
                }
                Some(Ok(event)) => {
                    let listed = matches!(event, Event::InitDone);
                    for change in state.take(event) {
                        self.follow(&mut state, change).await;
                    }
                    if listed {
                        self.health.registrations_processed();
                    }
                    self.publish(&mut state, &events).await;
                }
            }
        }
    }

    /// Has one change judged.
    async fn follow(&self, state: &mut State, change: Change) {
        let Outcome {
            verdicts,
            changed,
            removed,
        } = match change {
            Change::Apply(map) => self.registrar.apply(&map).await,
            Change::Remove(name) => {
                self.metrics.registration(&name, None);
                self.registrar.remove(&name).await
            }
        };
        for (name, verdict) in verdicts {
            tracing::info!(registration = name, verdict = verdict.state.word(), "{}", verdict.message);
            self.metrics.registration(&name, Some(verdict.state.word()));
            state.judged(&name, verdict);
        }
        for kind in &removed {
            state.orphaned(kind);
        }
        for kind in &changed {
            state.adopted(kind);
        }
        if !(changed.is_empty() && removed.is_empty()) {
            self.registered.send_replace(served::registered(&self.registry));
        }
    }

    /// Writes what has to be told, if this process may.
    async fn publish(&self, state: &mut State, events: &Events) {
        if !*self.leader.borrow() {
            return;
        }
        for (reference, verdict) in state.unwritten() {
            if let Err(error) = writing::write(&self.client, events, &reference, &verdict).await {
                // Written again with the next change, or the next time the watch lists.
                tracing::warn!(registration = reference.name, %error, "the verdict could not be written to the ConfigMap");
                state.forget_writing(reference.name.as_deref().unwrap_or_default());
            }
        }
        for kind in state.orphans() {
            orphans::tell(&self.client, events, &kind).await;
        }
    }
}

/// Name of a ConfigMap.
fn name(map: &ConfigMap) -> String {
    map.name_any()
}
