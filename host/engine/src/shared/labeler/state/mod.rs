//! What is known of nodes and wishes, and which nodes have to be looked at.
//!
//! Wishes are found by node and by label, and nodes by label. So what a change costs depends on the
//! nodes that it concerns, not on the number of datasets.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::wishes::{Mark, WantedLabels, changes, mark};
use crate::shared::wake::Wake;

/// The pause after the first failure to patch a node; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long labels of a runtime that has left are removed again: another operator, which does not
/// know yet that it has lost its lease, may put them back.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many nodes are looked at in one go.
const AT_ONCE: usize = 64;

/// The labels of a node as a watch or the answer to a patch has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its resource version; `None` if it is not a number.
    pub version: Option<u64>,
    /// Whether it gets no labels.
    pub excluded: bool,
}

/// A node that is being patched.
#[derive(Debug)]
struct Patching {
    /// Whether it has to be looked at again afterwards.
    again: bool,
    /// The labels that are written.
    sets: BTreeSet<Mark>,
}

/// A node whose patch has failed.
#[derive(Debug)]
struct Failed {
    times: u32,
    retry: Instant,
    error: String,
}

/// See the module.
#[derive(Default)]
pub struct State {
    /// By the UID of the runtime.
    wishes: BTreeMap<String, WantedLabels>,
    /// Who is woken when the labels of a runtime are gone.
    waiting: HashMap<String, Wake>,
    leaving: BTreeSet<String>,
    /// Runtimes that have left, and when.
    left: HashMap<String, Instant>,
    wishes_of_node: HashMap<String, BTreeSet<String>>,
    wishes_of_mark: HashMap<Mark, BTreeSet<String>>,
    nodes: HashMap<String, Node>,
    nodes_of_mark: HashMap<Mark, BTreeSet<String>>,
    /// Nodes to be looked at.
    dirty: BTreeSet<String>,
    patching: HashMap<String, Patching>,
    failed: HashMap<String, Failed>,
}

impl State {
    /// Sets the wish of a runtime. Returns whether that is news.
    pub fn want(&mut self, uid: &str, want: WantedLabels) -> bool {
        if self.wishes.get(uid) == Some(&want) {
            return false;
        }
        self.forget(uid);
        self.mark_nodes_of(&want);
        for node in want.nodes.iter().chain(&want.fuse_nodes) {
            self.wishes_of_node
                .entry(node.clone())
                .or_default()
                .insert(uid.to_owned());
        }
        for mark in want.marks() {
            self.wishes_of_mark.entry(mark).or_default().insert(uid.to_owned());
        }
        if want.leaving {
            self.leaving.insert(uid.to_owned());
        }
        self.wishes.insert(uid.to_owned(), want);
        true
    }

    /// Sets the wish of a runtime that goes away. Returns whether no node has anything of it any
    /// more; otherwise `wake` is called later.
    pub fn leave(&mut self, uid: &str, want: WantedLabels, wake: Wake) -> bool {
        self.want(uid, want.leaving());
        let is_gone = !self.is_pending(uid);
        if is_gone {
            self.has_left(uid);
        } else {
            self.left.remove(uid);
            self.leaving.insert(uid.to_owned());
            self.waiting.insert(uid.to_owned(), wake);
        }
        is_gone
    }

    /// Turns the wish of a runtime that is gone into one that nothing of it is left.
    pub fn abandon(&mut self, uid: &str) -> bool {
        self.waiting.remove(uid);
        match self.wishes.get(uid).cloned() {
            Some(want) => self.want(uid, want.leaving()),
            None => false,
        }
    }

    /// Ends the wishes of runtimes of which nothing is left. Returns who waits for that.
    pub fn fulfilled(&mut self) -> Vec<Wake> {
        let gone = self.leaving.iter().filter(|uid| !self.is_pending(uid)).cloned();
        let gone: Vec<String> = gone.collect();
        let mut wakes = Vec::new();
        for uid in gone {
            match self.waiting.remove(&uid) {
                // Its reconcile looks again, and ends the wish.
                Some(wake) => wakes.push(wake),
                None => self.has_left(&uid),
            }
        }
        wakes
    }

    /// Returns whether a node is being patched, after which more may be fulfilled.
    pub fn is_patching(&self) -> bool {
        !self.patching.is_empty()
    }

    /// Returns whether some runtime waits for its labels to go.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn has_left(&mut self, uid: &str) {
        self.leaving.remove(uid);
        self.left.insert(uid.to_owned(), Instant::now());
    }

    fn forget_left(&mut self, now: Instant) {
        let over = self.left.iter().filter(|(_, left)| **left + REMEMBERED <= now);
        let over: Vec<String> = over.map(|(uid, _)| uid.clone()).collect();
        over.iter().for_each(|uid| self.forget(uid));
    }

    fn forget(&mut self, uid: &str) {
        self.left.remove(uid);
        let Some(want) = self.wishes.remove(uid) else { return };
        self.mark_nodes_of(&want);
        for node in want.nodes.iter().chain(&want.fuse_nodes) {
            remove(&mut self.wishes_of_node, node, uid);
        }
        for mark in want.marks() {
            remove(&mut self.wishes_of_mark, &mark, uid);
        }
        self.leaving.remove(uid);
    }

    /// A wish has come or gone: the nodes that it is about are looked at.
    fn mark_nodes_of(&mut self, want: &WantedLabels) {
        let marked = want.marks().filter_map(|mark| self.nodes_of_mark.get(&mark));
        let mut nodes: BTreeSet<String> = marked.flatten().cloned().collect();
        nodes.extend(want.nodes.iter().chain(&want.fuse_nodes).cloned());
        nodes.into_iter().for_each(|node| self.look_at(node));
    }

    fn look_at(&mut self, node: String) {
        if let Some(patching) = self.patching.get_mut(&node) {
            patching.again = true;
        } else if !self.failed.contains_key(&node) {
            self.dirty.insert(node);
        }
    }

    /// Takes a node as it is now; `None` if it is gone. A version older than the one that is known
    /// is left out: a watch may be behind the answer to a patch.
    pub fn node(&mut self, name: &str, node: Option<Node>) {
        let Some(node) = node else {
            self.replace(name, None);
            self.failed.remove(name);
            self.dirty.remove(name);
            return;
        };
        let known = self.nodes.get(name);
        let is_old = known.is_some_and(|known| node.version.is_some() && node.version < known.version);
        if is_old || known.is_some_and(|known| known.labels == node.labels && known.excluded == node.excluded) {
            return;
        }
        self.replace(name, Some(node));
        self.look_at(name.to_owned());
    }

    /// Takes the nodes of a whole list: others are gone, and versions may have begun again.
    pub fn nodes(&mut self, all: impl IntoIterator<Item = (String, Node)>) {
        let mut gone: BTreeSet<String> = self.nodes.keys().cloned().collect();
        for (name, node) in all {
            gone.remove(&name);
            if let Some(known) = self.nodes.get_mut(&name) {
                known.version = None;
            }
            self.node(&name, Some(node));
        }
        gone.iter().for_each(|name| self.node(name, None));
    }

    fn replace(&mut self, name: &str, node: Option<Node>) {
        let marks = |node: &Node| -> Vec<Mark> { node.labels.iter().map(|(key, value)| mark(key, value)).collect() };
        for mark in self.nodes.remove(name).iter().flat_map(marks) {
            remove(&mut self.nodes_of_mark, &mark, name);
        }
        if let Some(node) = node {
            for mark in marks(&node) {
                self.nodes_of_mark.entry(mark).or_default().insert(name.to_owned());
            }
            self.nodes.insert(name.to_owned(), node);
        }
    }

    /// Looks at some of the nodes that have changed or whose patch has failed a while ago. Returns
    /// what has to change, which the caller reports with [`State::patched`] or [`State::failed`].
    pub fn take(&mut self, now: Instant) -> Vec<(String, BTreeMap<String, Value>)> {
        self.forget_left(now);
        let retried = self.failed.iter().filter(|(_, failed)| failed.retry <= now);
        let retried: Vec<String> = retried
            .map(|(node, _)| node.clone())
            .filter(|node| !self.patching.contains_key(node))
            .collect();
        self.dirty.extend(retried);
        let mut found = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(node) = self.dirty.pop_first() else { break };
            let changes = self.changes(&node);
            if changes.is_empty() {
                self.failed.remove(&node);
            } else {
                let set = changes
                    .iter()
                    .filter_map(|(key, value)| Some(mark(key, value.as_str()?)));
                let sets = set.collect();
                self.patching.insert(node.clone(), Patching { again: false, sets });
                found.push((node, changes));
            }
        }
        found
    }

    /// Returns when nodes have to be looked at if nothing changes; `None` if there are none.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        if !self.dirty.is_empty() {
            return Some(now);
        }
        let waiting = self
            .failed
            .iter()
            .filter(|(node, _)| !self.patching.contains_key(*node));
        waiting.map(|(_, failed)| failed.retry).min()
    }

    /// A node was patched; `None` if it is gone.
    pub fn patched(&mut self, name: &str, node: Option<Node>) {
        self.failed.remove(name);
        let again = self.patching.remove(name).is_some_and(|patching| patching.again);
        self.node(name, node);
        if again {
            self.look_at(name.to_owned());
        }
    }

    /// Patching a node has failed. Returns the pause until the next attempt.
    pub fn failed(&mut self, name: &str, error: String, now: Instant) -> Duration {
        self.patching.remove(name);
        let failed = self.failed.entry(name.to_owned()).or_insert_with(|| Failed {
            times: 0,
            retry: now,
            error: String::new(),
        });
        failed.error = error;
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(failed.times))
            .min(LONGEST_PAUSE);
        failed.times = failed.times.saturating_add(1);
        failed.retry = now + pause;
        pause
    }

    /// Returns the labels of a node that have to change.
    fn changes(&self, name: &str) -> BTreeMap<String, Value> {
        let Some(node) = self.nodes.get(name) else {
            return BTreeMap::new();
        };
        let here = node.labels.iter().map(|(key, value)| mark(key, value));
        let of_labels = here.filter_map(|mark| self.wishes_of_mark.get(&mark));
        let concerned: BTreeSet<&String> = of_labels.chain(self.wishes_of_node.get(name)).flatten().collect();
        let wishes: Vec<&WantedLabels> = concerned.into_iter().filter_map(|uid| self.wishes.get(uid)).collect();
        changes(name, &node.labels, &wishes, node.excluded)
    }

    /// Returns whether some node still has a label of a runtime that nobody else wants there.
    fn is_pending(&self, uid: &str) -> bool {
        let Some(want) = self.wishes.get(uid) else { return false };
        let is_written = |patching: &Patching| want.marks().any(|mark| patching.sets.contains(&mark));
        self.patching.values().any(is_written) || self.nodes_with(want).next().is_some()
    }

    /// Returns the nodes that still have a label of a runtime which nobody else wants there, and whose
    /// patch has failed, each with the answer.
    pub fn failures_of(&self, uid: &str) -> Vec<(String, String)> {
        let nodes = self.wishes.get(uid).into_iter().flat_map(|want| self.nodes_with(want));
        let failures = nodes.filter_map(|node| Some((node.clone(), self.failed.get(node)?.error.clone())));
        failures.collect()
    }

    fn nodes_with<'a>(&'a self, want: &'a WantedLabels) -> impl Iterator<Item = &'a String> {
        let marked = want.marks().filter_map(|mark| self.nodes_of_mark.get(&mark));
        let nodes: BTreeSet<&String> = marked.flatten().collect();
        nodes.into_iter().filter(|node| {
            let changes = self.changes(node);
            changes.iter().any(|(key, value)| value.is_null() && want.has_key(key))
        })
    }
}

/// Removes an entry of an index.
fn remove(index: &mut HashMap<String, BTreeSet<String>>, key: &str, entry: &str) {
    if let Some(entries) = index.get_mut(key) {
        entries.remove(entry);
        if entries.is_empty() {
            index.remove(key);
        }
    }
}
