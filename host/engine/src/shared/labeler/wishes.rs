//! What runtimes want nodes to be labelled with, and what that means for one node.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_api::labels;

/// What a runtime wants its nodes to be labelled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedLabels {
    /// Labels of a node that runs a worker.
    pub labels: BTreeMap<String, String>,
    /// Labels of this runtime that no node is to have: those that another spec would ask for, or
    /// has asked for before.
    pub unwanted: BTreeMap<String, String>,
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
}

impl WantedLabels {
    /// The wish of the same runtime once it goes away.
    pub fn leaving(self) -> Self {
        Self {
            nodes: BTreeSet::new(),
            fuse_nodes: BTreeSet::new(),
            leaving: true,
            ..self
        }
    }

    /// Returns the labels by which a node is known to have something of this runtime.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        let own = self.labels.iter().chain(&self.unwanted);
        own.map(|(key, value)| mark(key, value))
            .chain(self.lasting().map(|key| mark(key, labels::TRUE)))
    }

    /// Returns whether a key is one of this runtime's.
    pub fn has_key(&self, key: &str) -> bool {
        self.labels.contains_key(key) || self.unwanted.contains_key(key) || self.lasting().any(|lasting| lasting == key)
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

/// A label as the index of nodes and runtimes has it.
pub type Mark = String;

/// Returns the mark of a label: its key. `fluid_exclusive` is one key for all datasets, and a
/// runtime's own only with the runtime's value.
pub fn mark(key: &str, value: &str) -> Mark {
    if key == labels::EXCLUSIVE {
        format!("{key}={value}")
    } else {
        key.to_owned()
    }
}

/// The labels of a node that have to change: a string to set, null to remove. From a node that is
/// excluded, only the labels of runtimes that go away are removed.
///
/// The runtimes are those that want something on the node or have something there, in an order that
/// is always the same.
pub fn changes(
    node: &str,
    present: &BTreeMap<String, String>,
    runtimes: &[&WantedLabels],
    excluded: bool,
) -> BTreeMap<String, Value> {
    let mut wanted = present.clone();
    let all = || runtimes.iter().filter(|want| !excluded || want.leaving);
    for want in all() {
        let here = want.labels.iter().filter(|_| !want.nodes.contains(node));
        for (key, value) in here.chain(&want.unwanted) {
            // `fluid_exclusive` is one key for all datasets: it is a runtime's only with the
            // runtime's value.
            if key != labels::EXCLUSIVE || present.get(key) == Some(value) {
                wanted.remove(key);
            }
        }
        if want.leaving {
            let shared = |key: &String| {
                runtimes
                    .iter()
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
        super::changes(node, present, &wanted.iter().collect::<Vec<_>>(), false)
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
    fn labels_that_an_earlier_spec_asked_for_go() {
        let bare = BTreeMap::new();
        let mut after = want("a", &["node1"]);
        let labelled = apply(&bare, &changes("node1", &bare, &[after.clone()]));
        let exclusive = after.labels.remove_entry(labels::EXCLUSIVE).unwrap();
        after.unwanted = [exclusive].into();
        let changed = changes("node1", &labelled, &[after.clone()]);
        assert_eq!(changed, BTreeMap::from([(labels::EXCLUSIVE.to_owned(), Value::Null)]));
        let of_another = BTreeMap::from([(labels::EXCLUSIVE.to_owned(), "b".to_owned())]);
        assert!(!changes("node1", &of_another, &[after]).contains_key(labels::EXCLUSIVE));
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
        let excluded = |want: WantedLabels| super::changes("node1", &present, &[&want], true);
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
