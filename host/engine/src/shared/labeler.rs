//! Node labels: which nodes hold the cache of which dataset, for the scheduler.
//!
//! Every reconcile says what labels a runtime wants on which nodes; one task turns all those wishes
//! into at most one patch per node. A node's labels so have a single writer, and many datasets that
//! come up together cost a few requests instead of one each.
//!
//! Keys are made from names and can be equal for two runtimes. A key stays on a node for as long as
//! any of them wants it there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::api::Patch;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use wasser_api::labels;

/// How long wishes are gathered before the nodes are patched.
const GATHER: Duration = Duration::from_millis(100);
/// The least time between two rounds while datasets come up. Everybody who watches nodes gets a
/// patch of one who watches nodes, so many datasets that come up together should cost few of them.
const PERIOD: Duration = Duration::from_secs(2);
/// The same while a runtime waits for its labels to go.
const LEAVING_PERIOD: Duration = Duration::from_millis(300);
/// How long to wait after a node could not be patched.
const RETRY: Duration = Duration::from_secs(1);

/// What a runtime wants its nodes to be labelled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedLabels {
    /// Labels of a node that runs a worker.
    pub labels: BTreeMap<String, String>,
    /// Nodes that run a worker.
    pub nodes: BTreeSet<String>,
    /// Labels that only disappear with the runtime: the fuse label, which the node plugin sets.
    pub removed_at_last: BTreeSet<String>,
    /// A label of nodes that ran a worker or a client, which they keep until the runtime goes. None
    /// if nothing of it stays on them.
    pub cache_label: Option<String>,
    /// Nodes that get the labels which only disappear with the runtime, to bring clients there.
    pub fuse_nodes: BTreeSet<String>,
    /// Whether the runtime goes away, and everything of it has to leave the nodes.
    pub leaving: bool,
    /// Whether nobody waits for the labels to be gone: the wish itself goes once they are.
    pub abandoned: bool,
}

/// Gathers wishes and patches nodes.
pub struct Labeler {
    client: Client,
    nodes: Store<PartialObjectMeta<Node>>,
    excluded: BTreeMap<String, String>,
    /// By the UID of the runtime, in an order that is the same in every round.
    wanted: Mutex<BTreeMap<String, WantedLabels>>,
    changed: Notify,
    rounds: watch::Sender<u64>,
}

impl Labeler {
    /// A labeler over the nodes that a watch keeps. Nodes with all of the `excluded` labels get no
    /// labels.
    pub fn new(client: Client, nodes: Store<PartialObjectMeta<Node>>, excluded: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self {
            client,
            nodes,
            excluded,
            wanted: Mutex::default(),
            changed: Notify::new(),
            rounds: watch::channel(0).0,
        })
    }

    /// Sets the wish of a runtime, by its UID.
    pub fn want(&self, uid: &str, want: WantedLabels) {
        let mut wanted = self.wanted.lock();
        if wanted.get(uid) != Some(&want) {
            wanted.insert(uid.to_owned(), want);
            self.changed.notify_one();
        }
    }

    /// Says that nodes changed, so that their labels are looked at again.
    pub fn nodes_changed(&self) {
        self.changed.notify_one();
    }

    /// Removes all labels of a runtime from all nodes. Returns once that is so, as far as the watch
    /// of the nodes tells.
    pub async fn clear(&self, uid: &str, mut want: WantedLabels) {
        want.leaving = true;
        want.nodes.clear();
        want.fuse_nodes.clear();
        let mut rounds = self.rounds.subscribe();
        self.want(uid, want);
        while self.is_pending(uid) {
            self.changed.notify_one();
            if rounds.changed().await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.wanted.lock().remove(uid);
    }

    /// Removes all labels of a runtime that is gone without having been cleaned up, and does not
    /// wait.
    pub fn abandon(&self, uid: &str) {
        let mut wanted = self.wanted.lock();
        if let Some(want) = wanted.get_mut(uid) {
            want.nodes.clear();
            want.fuse_nodes.clear();
            want.leaving = true;
            want.abandoned = true;
            self.changed.notify_one();
        }
    }

    /// Whether some node still has a label of a runtime that nobody else wants there.
    fn is_pending(&self, uid: &str) -> bool {
        let wanted = self.wanted.lock();
        let Some(want) = wanted.get(uid) else { return false };
        self.nodes.state().iter().any(|node| {
            want.is_on(node.labels())
                && changes(
                    &node.name_any(),
                    node.labels(),
                    &wanted,
                    self.is_excluded(node.labels()),
                )
                .iter()
                .any(|(key, value)| value.is_null() && want.has_key(key))
        })
    }

    fn is_excluded(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.excluded.is_empty() && self.excluded.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Patches nodes until stopped.
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
        let wanted = self.wanted.lock();
        if wanted.values().any(|want| want.leaving) {
            LEAVING_PERIOD
        } else {
            PERIOD
        }
    }

    /// One look at all nodes. False if a patch failed.
    async fn round(&self) -> bool {
        let wanted = self.wanted.lock().clone();
        let mut complete = true;
        for node in self.nodes.state() {
            let changes = changes(
                &node.name_any(),
                node.labels(),
                &wanted,
                self.is_excluded(node.labels()),
            );
            if changes.is_empty() {
                continue;
            }
            let patch = json!({"metadata": {"labels": changes}});
            let api = Api::<Node>::all(self.client.clone());
            let params = crate::patch_params();
            match api
                .patch_metadata(&node.name_any(), &params, &Patch::Merge(&patch))
                .await
            {
                Ok(_) => {}
                Err(error) if wasser_chart::is_not_found(&error) => {}
                Err(error) => {
                    tracing::warn!(node = node.name_any(), %error, "labelling the node failed; trying again");
                    complete = false;
                }
            }
        }
        self.forget_abandoned();
        complete
    }

    /// Forgets the wishes that nobody waits for and that are fulfilled.
    fn forget_abandoned(&self) {
        let abandoned = |wanted: &BTreeMap<String, WantedLabels>| -> Vec<String> {
            let chosen = wanted.iter().filter(|(_, want)| want.abandoned);
            chosen.map(|(uid, _)| uid.clone()).collect()
        };
        let candidates = abandoned(&self.wanted.lock());
        for uid in candidates {
            if !self.is_pending(&uid) {
                self.wanted.lock().remove(&uid);
            }
        }
    }
}

impl WantedLabels {
    /// Whether a node with these labels has one of this runtime's. `fluid_exclusive` is its own
    /// only with its value.
    fn is_on(&self, present: &BTreeMap<String, String>) -> bool {
        let own = |(key, value): (&String, &String)| {
            present
                .get(key)
                .is_some_and(|there| key != labels::EXCLUSIVE || there == value)
        };
        self.labels.iter().any(own) || self.lasting().any(|key| present.contains_key(key))
    }

    fn has_key(&self, key: &str) -> bool {
        self.labels.contains_key(key) || self.lasting().any(|lasting| lasting == key)
    }

    /// The keys that nodes keep until the runtime goes.
    fn lasting(&self) -> impl Iterator<Item = &String> {
        self.removed_at_last.iter().chain(&self.cache_label)
    }

    /// Adds what a node keeps until the runtime goes.
    fn add_lasting(&self, node: &str, wanted: &mut BTreeMap<String, String>) {
        if self.fuse_nodes.contains(node) {
            wanted.extend(
                self.removed_at_last
                    .iter()
                    .map(|key| (key.clone(), labels::TRUE.to_owned())),
            );
        }
        let is_used = self.nodes.contains(node) || self.removed_at_last.iter().any(|key| wanted.contains_key(key));
        if let Some(key) = self.cache_label.as_ref().filter(|_| is_used) {
            wanted.insert(key.clone(), labels::TRUE.to_owned());
        }
    }
}

/// The labels of a node that have to change: a string to set, null to remove. From a node that is
/// excluded, only the labels of runtimes that go away are removed.
fn changes(
    node: &str,
    present: &BTreeMap<String, String>,
    runtimes: &BTreeMap<String, WantedLabels>,
    excluded: bool,
) -> BTreeMap<String, Value> {
    let mut wanted = present.clone();
    let all = || runtimes.values().filter(|want| !excluded || want.leaving);
    for want in all() {
        for (key, value) in &want.labels {
            // `fluid_exclusive` is one key for all datasets: it is a runtime's only with the
            // runtime's value.
            if !want.nodes.contains(node) && (key != labels::EXCLUSIVE || present.get(key) == Some(value)) {
                wanted.remove(key);
            }
        }
        if want.leaving {
            let shared = |key: &String| {
                runtimes
                    .values()
                    .any(|other| !other.leaving && other.lasting().any(|lasting| lasting == key))
            };
            want.lasting()
                .filter(|key| !shared(key))
                .for_each(|key| drop(wanted.remove(key)));
        }
    }
    // What somebody wants here comes last, so that a key of two runtimes stays until both have
    // gone.
    for want in all().filter(|want| want.nodes.contains(node)) {
        wanted.extend(want.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    all()
        .filter(|want| !want.leaving)
        .for_each(|want| want.add_lasting(node, &mut wanted));
    // Whoever has `fluid_exclusive` keeps it for as long as it is on the node.
    let holds =
        |want: &WantedLabels, value| want.nodes.contains(node) && want.labels.get(labels::EXCLUSIVE) == Some(value);
    if let Some(value) = present.get(labels::EXCLUSIVE)
        && all().any(|want| holds(want, value))
    {
        wanted.insert(labels::EXCLUSIVE.to_owned(), value.clone());
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

    fn want(name: &str, nodes: &[&str]) -> WantedLabels {
        let labels = [
            (labels::common_label("ns", name, "uid"), "true"),
            (
                labels::storage_label("juicefs", labels::Storage::Total, "ns", name, "uid"),
                "1.00GiB",
            ),
            (labels::EXCLUSIVE.to_owned(), name),
        ];
        WantedLabels {
            labels: labels.into_iter().map(|(key, value)| (key, value.to_owned())).collect(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            removed_at_last: BTreeSet::from([labels::fuse_label("ns", name, "uid")]),
            ..WantedLabels::default()
        }
    }

    fn changes<const N: usize>(
        node: &str,
        present: &BTreeMap<String, String>,
        wanted: &[WantedLabels; N],
    ) -> BTreeMap<String, Value> {
        let numbered = wanted
            .iter()
            .enumerate()
            .map(|(number, want)| (number.to_string(), want.clone()));
        super::changes(node, present, &numbered.collect(), false)
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
        let labelled = apply(&bare, &changes("node1", &bare, &[want("a", &["node1"])]));
        assert_eq!(labelled.get("fluid.io/s-ns-a").map(String::as_str), Some("true"));
        assert_eq!(labelled.get(labels::DATASET_NUM).map(String::as_str), Some("1"));
        assert!(changes("node1", &labelled, &[want("a", &["node1"])]).is_empty());
        assert_eq!(apply(&labelled, &changes("node1", &labelled, &[want("a", &[])])), bare);
    }

    #[test]
    fn another_datasets_exclusive_label_is_not_taken_away() {
        let bare = BTreeMap::new();
        let labelled = apply(
            &bare,
            &changes("node1", &bare, &[want("a", &[]), want("b", &["node1"])]),
        );
        assert_eq!(labelled.get(labels::EXCLUSIVE).map(String::as_str), Some("b"));
        assert!(changes("node1", &labelled, &[want("b", &["node1"]), want("a", &[])]).is_empty());
    }

    #[test]
    fn another_datasets_exclusive_label_is_not_waited_for() {
        let bare = BTreeMap::new();
        let labelled = apply(&bare, &changes("node1", &bare, &[want("b", &["node1"])]));
        assert!(want("b", &[]).is_on(&labelled));
        assert!(!want("a", &[]).is_on(&labelled));
    }

    #[test]
    fn the_fuse_label_leaves_with_the_runtime_only() {
        let present = BTreeMap::from([(labels::fuse_label("ns", "a", "uid"), "true".to_owned())]);
        assert!(changes("node1", &present, &[want("a", &[])]).is_empty());
        assert!(apply(&present, &changes("node1", &present, &[leaving(want("a", &[]))])).is_empty());
    }

    #[test]
    fn the_number_of_datasets_counts_those_that_others_put_there() {
        let present = BTreeMap::from([(
            labels::storage_label("alluxio", labels::Storage::Total, "other", "x", "u"),
            "1GiB".to_owned(),
        )]);
        let labelled = apply(&present, &changes("node1", &present, &[want("a", &["node1"])]));
        assert_eq!(labelled.get(labels::DATASET_NUM).map(String::as_str), Some("2"));
    }

    fn leaving(want: WantedLabels) -> WantedLabels {
        WantedLabels { leaving: true, ..want }
    }

    #[test]
    fn a_key_of_two_runtimes_stays_until_both_are_gone() {
        let bare = BTreeMap::from([(labels::fuse_label("ns", "a", "uid"), "true".to_owned())]);
        let labelled = apply(&bare, &changes("node1", &bare, &[want("a", &["node1"])]));
        for order in [
            [leaving(want("a", &[])), want("a", &["node1"])],
            [want("a", &["node1"]), leaving(want("a", &[]))],
        ] {
            assert!(changes("node1", &labelled, &order).is_empty());
        }
        let gone = apply(
            &labelled,
            &changes("node1", &labelled, &[leaving(want("a", &[])), leaving(want("a", &[]))]),
        );
        assert!(gone.is_empty(), "{gone:?}");
    }

    #[test]
    fn excluded_nodes_get_no_labels_and_lose_those_of_runtimes_that_go() {
        let present = BTreeMap::from([(labels::fuse_label("ns", "a", "uid"), "true".to_owned())]);
        let excluded =
            |want: WantedLabels| super::changes("node1", &present, &BTreeMap::from([("a".to_owned(), want)]), true);
        assert!(excluded(want("a", &["node1"])).is_empty());
        assert!(apply(&present, &excluded(leaving(want("a", &[])))).is_empty());
    }

    #[test]
    fn a_node_that_had_a_worker_or_a_client_keeps_the_label_of_its_cache_until_the_runtime_goes() {
        let cache = "wasser.fluid.io/c-ns-a";
        let cached = |nodes: &[&str]| WantedLabels {
            cache_label: Some(cache.to_owned()),
            ..want("a", nodes)
        };
        let bare = BTreeMap::new();
        let labelled = apply(&bare, &changes("node1", &bare, &[cached(&["node1"])]));
        let left = apply(&labelled, &changes("node1", &labelled, &[cached(&[])]));
        assert_eq!(left.keys().map(String::as_str).collect::<Vec<_>>(), [cache]);

        let client = BTreeMap::from([(labels::fuse_label("ns", "a", "uid"), "true".to_owned())]);
        assert!(apply(&client, &changes("node1", &client, &[cached(&[])])).contains_key(cache));

        let back = WantedLabels {
            fuse_nodes: BTreeSet::from(["node1".to_owned()]),
            ..cached(&[])
        };
        let reached = apply(&left, &changes("node1", &left, &[back]));
        assert_eq!(reached.len(), 2, "{reached:?}");
        assert!(apply(&reached, &changes("node1", &reached, &[leaving(cached(&[]))])).is_empty());
    }
}
