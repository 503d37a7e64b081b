//! Node labels: which nodes hold the cache of which dataset, for the scheduler.
//!
//! Every reconcile says what labels a runtime wants on which nodes; one task turns all those wishes into at most one patch per node.
//! A node's labels so have a single writer, and many datasets that come up together cost a few requests instead of one each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::api::Patch;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use wasser_api::labels;

/// How long wishes are gathered before the nodes are patched.
const GATHER: Duration = Duration::from_millis(100);
/// The least time between two rounds while datasets come up. A patch of a node is told to everybody who watches nodes, so many datasets that
/// come up together should cost few of them.
const PERIOD: Duration = Duration::from_secs(2);
/// The same while a runtime waits for its labels to go.
const LEAVING_PERIOD: Duration = Duration::from_millis(300);
/// How long to wait after a node could not be patched.
const RETRY: Duration = Duration::from_secs(1);

/// What a runtime wants its nodes to be labelled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Labels of a node that runs a worker.
    pub labels: BTreeMap<String, String>,
    /// Nodes that run a worker.
    pub nodes: BTreeSet<String>,
    /// Labels that only disappear with the runtime: the fuse label, which the node plugin sets.
    pub removed_at_last: BTreeSet<String>,
    /// Whether the runtime goes away, and everything of it has to leave the nodes.
    pub leaving: bool,
}

/// Gathers wishes and patches nodes.
pub struct Labeler {
    client: Client,
    nodes: Store<PartialObjectMeta<Node>>,
    excluded: BTreeMap<String, String>,
    wishes: Mutex<HashMap<String, Wish>>,
    changed: Notify,
    rounds: watch::Sender<u64>,
}

impl Labeler {
    /// A labeler over the nodes that a watch keeps. Nodes with all of the `excluded` labels are left alone.
    pub fn new(client: Client, nodes: Store<PartialObjectMeta<Node>>, excluded: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self {
            client,
            nodes,
            excluded,
            wishes: Mutex::default(),
            changed: Notify::new(),
            rounds: watch::channel(0).0,
        })
    }

    /// Sets the wish of a runtime, by its UID.
    pub fn wish(&self, uid: &str, wish: Wish) {
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        if wishes.get(uid) != Some(&wish) {
            wishes.insert(uid.to_owned(), wish);
            self.changed.notify_one();
        }
    }

    /// Says that nodes changed, so that their labels are looked at again.
    pub fn nodes_changed(&self) {
        self.changed.notify_one();
    }

    /// Removes all labels of a runtime from all nodes. Returns once that is so, as far as the watch of the nodes tells.
    pub async fn clear(&self, uid: &str, mut wish: Wish) {
        wish.leaving = true;
        wish.nodes.clear();
        let mut rounds = self.rounds.subscribe();
        self.wish(uid, wish.clone());
        while self.nodes.state().iter().any(|node| wish.is_on(node.labels())) {
            self.changed.notify_one();
            if rounds.changed().await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Patches nodes until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut last: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => {}
            }
            tokio::time::sleep(GATHER).await;
            while last.is_some_and(|last| last.elapsed() < self.period()) {
                tokio::time::sleep(GATHER).await;
            }
            last = Some(Instant::now());
            if !self.round().await {
                tokio::time::sleep(RETRY).await;
                self.changed.notify_one();
            }
            self.rounds.send_modify(|round| *round += 1);
        }
    }

    fn period(&self) -> Duration {
        let wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        if wishes.values().any(|wish| wish.leaving) {
            LEAVING_PERIOD
        } else {
            PERIOD
        }
    }

    /// One look at all nodes. False if a patch failed.
    async fn round(&self) -> bool {
        let wishes: Vec<Wish> = self
            .wishes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        let mut complete = true;
        for node in self.nodes.state() {
            if !self.excluded.is_empty() && self.excluded.iter().all(|(key, value)| node.labels().get(key) == Some(value)) {
                continue;
            }
            let changes = changes(&node.name_any(), node.labels(), &wishes);
            if changes.is_empty() {
                continue;
            }
            let patch = json!({"metadata": {"labels": changes}});
            let api = Api::<Node>::all(self.client.clone());
            let params = crate::patch_params();
            match api.patch_metadata(&node.name_any(), &params, &Patch::Merge(&patch)).await {
                Ok(_) => {}
                Err(error) if crate::error::is_not_found(&error) => {}
                Err(error) => {
                    tracing::warn!(node = node.name_any(), %error, "labelling the node failed; trying again");
                    complete = false;
                }
            }
        }
        complete
    }
}

impl Wish {
    /// Whether a node with these labels has one of this runtime's. `fluid_exclusive` is its own only with its value.
    fn is_on(&self, present: &BTreeMap<String, String>) -> bool {
        let own = |(key, value): (&String, &String)| present.get(key).is_some_and(|there| key != labels::EXCLUSIVE || there == value);
        self.labels.iter().any(own) || self.removed_at_last.iter().any(|key| present.contains_key(key))
    }
}

/// The labels of a node that have to change: a string to set, null to remove.
fn changes(node: &str, present: &BTreeMap<String, String>, wishes: &[Wish]) -> BTreeMap<String, Value> {
    let mut wanted = present.clone();
    for wish in wishes {
        for (key, value) in &wish.labels {
            if wish.nodes.contains(node) {
                wanted.insert(key.clone(), value.clone());
            } else if key != labels::EXCLUSIVE || present.get(key) == Some(value) {
                wanted.remove(key);
            }
        }
        if wish.leaving {
            wish.removed_at_last.iter().for_each(|key| drop(wanted.remove(key)));
        }
    }
    // `fluid_exclusive` is one key for all datasets: whoever is on the node keeps it, however the wishes are ordered.
    for wish in wishes.iter().filter(|wish| wish.nodes.contains(node)) {
        if let Some(value) = wish.labels.get(labels::EXCLUSIVE) {
            wanted.insert(labels::EXCLUSIVE.to_owned(), value.clone());
        }
    }
    let datasets = wanted.keys().filter(|key| labels::is_total_storage_label(key)).count();
    if datasets > 0 {
        wanted.insert(labels::DATASET_NUM.to_owned(), datasets.to_string());
    } else {
        wanted.remove(labels::DATASET_NUM);
    }
    let set = wanted
        .iter()
        .filter(|(key, value)| present.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), json!(value)));
    let unset = present
        .keys()
        .filter(|key| !wanted.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    set.chain(unset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, nodes: &[&str]) -> Wish {
        let labels = [
            (labels::common_label("ns", name, "uid"), "true"),
            (
                labels::storage_label("juicefs", labels::Storage::Total, "ns", name, "uid"),
                "1.00GiB",
            ),
            (labels::EXCLUSIVE.to_owned(), name),
        ];
        Wish {
            labels: labels.into_iter().map(|(key, value)| (key, value.to_owned())).collect(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            removed_at_last: BTreeSet::from([labels::fuse_label("ns", name, "uid")]),
            leaving: false,
        }
    }

    fn apply(present: &BTreeMap<String, String>, changes: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
        let mut labels = present.clone();
        for (key, value) in changes {
            match value.as_str() {
                Some(value) => drop(labels.insert(key.clone(), value.to_owned())),
                None => drop(labels.remove(key)),
            }
        }
        labels
    }

    #[test]
    fn labels_come_with_the_worker_and_go_with_it() {
        let bare = BTreeMap::from([("kubernetes.io/hostname".to_owned(), "node1".to_owned())]);
        let labelled = apply(&bare, &changes("node1", &bare, &[wish("a", &["node1"])]));
        assert_eq!(labelled.get("fluid.io/s-ns-a").map(String::as_str), Some("true"));
        assert_eq!(labelled.get(labels::DATASET_NUM).map(String::as_str), Some("1"));
        assert!(changes("node1", &labelled, &[wish("a", &["node1"])]).is_empty());
        assert_eq!(apply(&labelled, &changes("node1", &labelled, &[wish("a", &[])])), bare);
    }

    #[test]
    fn another_datasets_exclusive_label_is_not_taken_away() {
        let bare = BTreeMap::new();
        let labelled = apply(&bare, &changes("node1", &bare, &[wish("a", &[]), wish("b", &["node1"])]));
        assert_eq!(labelled.get(labels::EXCLUSIVE).map(String::as_str), Some("b"));
        assert!(changes("node1", &labelled, &[wish("b", &["node1"]), wish("a", &[])]).is_empty());
    }

    #[test]
    fn another_datasets_exclusive_label_is_not_waited_for() {
        let bare = BTreeMap::new();
        let labelled = apply(&bare, &changes("node1", &bare, &[wish("b", &["node1"])]));
        assert!(wish("b", &[]).is_on(&labelled));
        assert!(!wish("a", &[]).is_on(&labelled));
    }

    #[test]
    fn the_fuse_label_leaves_with_the_runtime_only() {
        let present = BTreeMap::from([(labels::fuse_label("ns", "a", "uid"), "true".to_owned())]);
        assert!(changes("node1", &present, &[wish("a", &[])]).is_empty());
        let leaving = Wish {
            leaving: true,
            ..wish("a", &[])
        };
        assert!(apply(&present, &changes("node1", &present, &[leaving])).is_empty());
    }

    #[test]
    fn the_number_of_datasets_counts_those_that_others_put_there() {
        let present = BTreeMap::from([(
            labels::storage_label("alluxio", labels::Storage::Total, "other", "x", "u"),
            "1GiB".to_owned(),
        )]);
        let labelled = apply(&present, &changes("node1", &present, &[wish("a", &["node1"])]));
        assert_eq!(labelled.get(labels::DATASET_NUM).map(String::as_str), Some("2"));
    }
}
