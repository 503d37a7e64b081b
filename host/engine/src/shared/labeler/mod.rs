//! Node labels: which nodes hold the cache of which dataset, for the scheduler.
//!
//! Every reconcile says what labels a runtime wants on which nodes; one task turns all those wishes
//! into at most one patch per node. A node's labels so have a single writer, and many datasets that
//! come up together cost a few requests instead of one each. Nobody waits for a node but the
//! runtimes that have labels there.
//!
//! Keys are made from names and can be equal for two runtimes. A key stays on a node for as long as
//! any of them wants it there.

mod state;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Node;
use kube::api::Patch;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::state::State;
pub use self::wishes::WantedLabels;

/// How long wishes are gathered before the nodes are patched.
const GATHER: Duration = Duration::from_millis(100);
/// The least time between two rounds while datasets come up. Everybody who watches nodes gets a
/// patch of one who watches nodes, so many datasets that come up together should cost few of them.
const PERIOD: Duration = Duration::from_secs(2);
/// The same while a runtime waits for its labels to go.
const LEAVING_PERIOD: Duration = Duration::from_millis(300);
/// How many nodes are patched at a time.
const PARALLEL: usize = 8;

/// A change of nodes that a watch reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeChange {
    /// The node of this name has changed, or is gone.
    One(String),
    /// Any may have changed.
    All,
}

/// Gathers wishes and patches nodes.
pub struct Labeler {
    client: Client,
    nodes: Store<PartialObjectMeta<Node>>,
    excluded: BTreeMap<String, String>,
    state: Mutex<State>,
    changed: Notify,
}

/// What has become of the patch of a node.
type Patched = (String, kube::Result<Option<state::Node>>);

impl Labeler {
    /// A labeler over the nodes that a watch keeps. Nodes with all of the `excluded` labels get no
    /// labels.
    pub fn new(client: Client, nodes: Store<PartialObjectMeta<Node>>, excluded: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self {
            client,
            nodes,
            excluded,
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Sets the wish of a runtime, by its UID.
    pub fn want(&self, uid: &str, want: WantedLabels) {
        if self.state.lock().want(uid, want) {
            self.changed.notify_one();
        }
    }

    /// Removes all labels of a runtime from all nodes. Returns whether none is left; otherwise
    /// `wake` is called when that is so.
    pub fn leave(&self, uid: &str, want: WantedLabels, wake: Arc<dyn Fn() + Send + Sync>) -> bool {
        let is_gone = self.state.lock().leave(uid, want, wake);
        self.changed.notify_one();
        is_gone
    }

    /// Returns the nodes that do not let the labels of a runtime be removed, each with the answer to the
    /// last attempt.
    pub fn failures_of(&self, uid: &str) -> Vec<(String, String)> {
        self.state.lock().failures_of(uid)
    }

    /// Removes all labels of a runtime that is gone without having been cleaned up.
    pub fn abandon(&self, uid: &str) {
        if self.state.lock().abandon(uid) {
            self.changed.notify_one();
        }
    }

    /// Patches nodes until stopped. All nodes are looked at first, and then those that change.
    pub async fn run(&self, mut changes: UnboundedReceiver<NodeChange>, stop: CancellationToken) {
        self.take(&NodeChange::All);
        let room = Semaphore::new(PARALLEL);
        let mut patching = FuturesUnordered::new();
        let (mut last, mut gathered) = (None, None);
        loop {
            let round = self.next_round(last, &mut gathered);
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.recv() => match change {
                    Some(change) => self.take(&change),
                    None => return,
                },
                () = self.changed.notified() => {}
                Some(patched) = patching.next() => self.patched(patched),
                () = tokio::time::sleep_until(round.unwrap_or_else(Instant::now)), if round.is_some() => {
                    let (found, is_all) = {
                        let (mut state, now) = (self.state.lock(), Instant::now());
                        let found = state.take(now);
                        (found, state.next(now).is_none_or(|next| next > now))
                    };
                    patching.extend(found.into_iter().map(|(node, changes)| self.patch(node, changes, &room)));
                    if is_all {
                        (last, gathered) = (Some(Instant::now()), None);
                    } else {
                        tokio::task::yield_now().await;
                    }
                    self.wake_fulfilled();
                }
            }
        }
    }

    /// When nodes are looked at next; `None` if there is nothing to look at. The first change after
    /// a round sets until when further ones are gathered.
    fn next_round(&self, last: Option<Instant>, gathered: &mut Option<Instant>) -> Option<Instant> {
        let (state, now) = (self.state.lock(), Instant::now());
        let next = state.next(now)?;
        let period = if state.is_leaving() { LEAVING_PERIOD } else { PERIOD };
        let gathered = *gathered.get_or_insert(now + GATHER);
        let rested = last.map_or(now, |last| last + period);
        Some(next.max(gathered).max(rested))
    }

    fn take(&self, change: &NodeChange) {
        match change {
            NodeChange::One(name) => {
                let node = self.nodes.get(&ObjectRef::new(name));
                let node = node.map(|node| self.node(&*node));
                self.state.lock().node(name, node);
            }
            NodeChange::All => {
                let all = self.nodes.state();
                let nodes = all.iter().map(|node| (node.name_any(), self.node(&**node)));
                self.state.lock().nodes(nodes);
            }
        }
    }

    fn node(&self, object: &impl ResourceExt) -> state::Node {
        let labels = object.labels();
        let is_excluded = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        state::Node {
            labels: labels.clone(),
            version: object.resource_version().and_then(|version| version.parse().ok()),
            excluded: !self.excluded.is_empty() && self.excluded.iter().all(is_excluded),
        }
    }

    async fn patch(&self, name: String, changes: BTreeMap<String, Value>, room: &Semaphore) -> Patched {
        let _place = room.acquire().await;
        let patch = json!({"metadata": {"labels": changes}});
        let api = Api::<Node>::all(self.client.clone());
        let patched = api
            .patch_metadata(&name, &crate::patch_params(), &Patch::Merge(&patch))
            .await;
        let outcome = match patched {
            Ok(node) => Ok(Some(self.node(&node))),
            Err(error) if wasser_chart::is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        };
        (name, outcome)
    }

    fn patched(&self, (name, outcome): Patched) {
        match outcome {
            Ok(node) => self.state.lock().patched(&name, node),
            Err(error) => {
                let pause = self.state.lock().failed(&name, error.to_string(), Instant::now());
                let seconds = pause.as_secs();
                tracing::warn!(node = name, %error, seconds, "labelling the node failed; it is tried again after this \
                    time");
            }
        }
        // All that leave are gone through: once for a batch of patches, and in each round.
        if !self.state.lock().is_patching() {
            self.wake_fulfilled();
        }
    }

    fn wake_fulfilled(&self) {
        let wakes = self.state.lock().fulfilled();
        wakes.iter().for_each(|wake| wake());
    }
}
