//! What is known of the ConfigMaps: which there are, what was said of each, and what of that stands
//! in its annotations. No client here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;
use wasser_plugin::State::Loaded;
use wasser_plugin::{CANNOT_LIST, ROLLOUT_ANNOTATION, VERDICT_ANNOTATION, VERDICT_REASON_ANNOTATION, Verdict};

use crate::registration::name;

/// The annotation with the kind of a verdict.
const KIND: &str = "wasser.fluid.io/kind";
/// How long it is not said that a plugin serves because its runtimes are not listed yet: longer than
/// it takes until they count as unlisted.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something to be judged.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// A ConfigMap was added or changed, possibly only in its metadata.
    Apply(Box<ConfigMap>),
    /// It is gone, or has lost its label.
    Remove(String),
}

/// A ConfigMap without its data.
struct Entry {
    reference: ObjectReference,
    /// The annotations of a verdict as they stand on the object.
    written: BTreeMap<String, String>,
    verdict: Option<Verdict>,
    /// Until when the verdict is held back, once it was to be written.
    held: Option<Instant>,
}

impl Entry {
    /// Returns whether a verdict that is to be written now has to wait, because it says that a kind
    /// is served whose first list may still be refused.
    fn holds_back(&mut self, listed: &BTreeSet<String>, now: Instant) -> bool {
        let Some(verdict) = self.verdict.as_ref().filter(|verdict| verdict.state == Loaded) else {
            return false;
        };
        let is_written = |key: &str, value: &str| self.written.get(key).is_some_and(|written| written == value);
        let is_known = |kind: &String| {
            listed.contains(kind) || is_written(VERDICT_ANNOTATION, Loaded.word()) && is_written(KIND, kind)
        };
        if verdict.facts.get("kind").is_none_or(is_known) {
            return false;
        }
        now < *self.held.get_or_insert(now + PATIENCE)
    }
}

/// What does not stand on a ConfigMap yet.
#[derive(Debug, PartialEq)]
pub struct Unwritten {
    /// The ConfigMap.
    pub about: ObjectReference,
    /// All annotations that are to stand there.
    pub annotations: BTreeMap<String, String>,
    /// The verdict that nobody has been told yet.
    pub news: Option<Verdict>,
}

/// All registrations.
#[derive(Default)]
pub struct State {
    entries: BTreeMap<String, Entry>,
    listing: Option<Vec<ConfigMap>>,
    /// Whether a list was taken in.
    has_listed: bool,
    orphans: BTreeSet<String>,
    rollouts: BTreeMap<String, String>,
    unlisted: BTreeMap<String, String>,
    listed: BTreeSet<String>,
    /// When the next verdict is held back no longer.
    held: Option<Instant>,
}

impl State {
    /// Takes in what the watch says. A list is judged as a whole, and what is missing from it was
    /// removed while nobody watched. First come the registrations that serve by what stands on
    /// them, so that nobody gets one of their names while the operator starts; then the older.
    pub fn take(&mut self, event: Event<ConfigMap>) -> Vec<Change> {
        match event {
            Event::Init => {
                self.listing = Some(Vec::new());
                Vec::new()
            }
            Event::InitApply(map) => {
                self.listing.get_or_insert_default().push(map);
                Vec::new()
            }
            Event::InitDone => {
                self.has_listed = true;
                let mut listed = self.listing.take().unwrap_or_default();
                listed.sort_by_cached_key(|map| {
                    (!has_served(map), map.creation_timestamp().map(|time| time.0), name(map))
                });
                let there: BTreeSet<String> = listed.iter().map(name).collect();
                let gone: Vec<String> = self
                    .entries
                    .keys()
                    .filter(|name| !there.contains(*name))
                    .cloned()
                    .collect();
                let removed = gone.into_iter().map(|name| self.remove(name)).collect::<Vec<_>>();
                removed
                    .into_iter()
                    .chain(listed.into_iter().map(|map| self.apply(map)))
                    .collect()
            }
            Event::Apply(map) => vec![self.apply(map)],
            Event::Delete(map) => vec![self.remove(name(&map))],
        }
    }

    /// Whether all ConfigMaps were listed once.
    pub fn has_listed(&self) -> bool {
        self.has_listed
    }

    fn apply(&mut self, map: ConfigMap) -> Change {
        let keys: BTreeSet<String> = Verdict::annotation_keys().collect();
        let written = map
            .annotations()
            .iter()
            .filter(|(key, _)| keys.contains(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let reference = map.object_ref(&());
        // One of the same name that was deleted and made again has nothing to do with the former.
        let same = |entry: &Entry| entry.reference.uid == reference.uid;
        let (verdict, held) = self
            .entries
            .remove(&name(&map))
            .filter(same)
            .map_or((None, None), |entry| (entry.verdict, entry.held));
        self.entries.insert(
            name(&map),
            Entry {
                reference,
                written,
                verdict,
                held,
            },
        );
        Change::Apply(Box::new(map))
    }

    fn remove(&mut self, name: String) -> Change {
        self.entries.remove(&name);
        Change::Remove(name)
    }

    /// What a ConfigMap offers is loaded, and what was said of it before is not repeated meanwhile.
    pub fn is_loaded(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.verdict = None;
            entry.held = None;
        }
    }

    /// A verdict was reached.
    pub fn judged(&mut self, name: &str, verdict: Verdict) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.verdict = Some(verdict);
            entry.held = None;
        }
    }

    /// How far the newest builds of plugins are that are on their way, by registration.
    pub fn rollouts(&mut self, told: BTreeMap<String, String>) {
        self.rollouts = told;
    }

    /// The kinds that cannot be listed, each with the reason.
    pub fn unlisted(&mut self, reasons: BTreeMap<String, String>) {
        self.unlisted = reasons;
    }

    /// The kinds that were listed since they are served.
    pub fn listed(&mut self, kinds: BTreeSet<String>) {
        self.listed = kinds;
    }

    /// Returns when there is something to write though nothing changes.
    pub fn held(&self) -> Option<Instant> {
        self.held
    }

    /// Nobody serves this kind any more.
    pub fn orphaned(&mut self, kind: &str) {
        self.orphans.insert(kind.to_owned());
    }

    /// Somebody serves it again.
    pub fn adopted(&mut self, kind: &str) {
        self.orphans.remove(kind);
    }

    /// The kinds whose runtimes have not got the event yet that nobody serves them, each with the
    /// reason if there still is a registration. They count as reported.
    pub fn orphans(&mut self) -> BTreeMap<String, Option<String>> {
        let orphans = std::mem::take(&mut self.orphans);
        orphans
            .into_iter()
            .map(|kind| (kind.clone(), self.obstacle(&kind)))
            .collect()
    }

    /// What is said of a registration for this kind.
    fn obstacle(&self, kind: &str) -> Option<String> {
        let verdicts = self.entries.values().filter_map(|entry| entry.verdict.as_ref());
        let of_kind = |verdict: &&Verdict| verdict.facts.get("kind").is_some_and(|claimed| claimed == kind);
        verdicts
            .into_iter()
            .find(of_kind)
            .map(|verdict| verdict.message.clone())
    }

    /// What does not stand on the ConfigMaps. It counts as written. That a plugin serves is said once
    /// its runtimes are listed, or do not count as unlisted after a while: until then nothing is.
    pub fn unwritten(&mut self, now: Instant) -> Vec<Unwritten> {
        let mut all = Vec::new();
        self.held = None;
        for (name, entry) in &mut self.entries {
            let kind = entry.verdict.as_ref().and_then(|verdict| verdict.facts.get("kind"));
            let unlisted = kind.and_then(|kind| self.unlisted.get(kind));
            if unlisted.is_none() && entry.holds_back(&self.listed, now) {
                self.held = self.held.into_iter().chain(entry.held).min();
                continue;
            }
            let Some(verdict) = &entry.verdict else { continue };
            let verdict = match unlisted {
                Some(reason) if verdict.state.serves() => &verdict.clone().unlisted(reason),
                _ => verdict,
            };
            let mut annotations = verdict.annotations();
            let mut written = entry.written.clone();
            written.remove(ROLLOUT_ANNOTATION);
            let news = (annotations != written).then(|| verdict.clone());
            let rollout = self.rollouts.get(name).cloned();
            annotations.extend(rollout.map(|rollout| (ROLLOUT_ANNOTATION.to_owned(), rollout)));
            if annotations != entry.written {
                entry.written.clone_from(&annotations);
                all.push(Unwritten {
                    about: entry.reference.clone(),
                    annotations,
                    news,
                });
            }
        }
        all
    }

    /// Writing a verdict failed.
    pub fn forget_writing(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.written.clear();
        }
    }
}

/// Whether the last verdict on a ConfigMap, of this process or of one before it, says that it
/// serves as it is.
fn has_served(map: &ConfigMap) -> bool {
    let is = |key: &str, word: &str| map.annotations().get(key).is_some_and(|written| written == word);
    is(VERDICT_ANNOTATION, wasser_plugin::State::Loaded.word()) || is(VERDICT_REASON_ANNOTATION, CANNOT_LIST)
}

#[cfg(test)]
mod tests;
