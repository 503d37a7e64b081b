//! What is known of the ConfigMaps: which there are, what was said of each, and what of that stands
//! in its annotations. No client here.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use wasser_plugin::{CANNOT_LIST, ROLLOUT_ANNOTATION, VERDICT_ANNOTATION, VERDICT_REASON_ANNOTATION, Verdict};

use super::name;

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
    orphans: BTreeSet<String>,
    rollouts: BTreeMap<String, String>,
    unlisted: BTreeMap<String, String>,
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
        let verdict = self
            .entries
            .remove(&name(&map))
            .filter(same)
            .and_then(|entry| entry.verdict);
        self.entries.insert(
            name(&map),
            Entry {
                reference,
                written,
                verdict,
            },
        );
        Change::Apply(Box::new(map))
    }

    fn remove(&mut self, name: String) -> Change {
        self.entries.remove(&name);
        Change::Remove(name)
    }

    /// A verdict was reached.
    pub fn judged(&mut self, name: &str, verdict: Verdict) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.verdict = Some(verdict);
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

    /// What does not stand on the ConfigMaps. It counts as written.
    pub fn unwritten(&mut self) -> Vec<Unwritten> {
        let mut all = Vec::new();
        for (name, entry) in &mut self.entries {
            let Some(verdict) = &entry.verdict else { continue };
            let unlisted = verdict.facts.get("kind").and_then(|kind| self.unlisted.get(kind));
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
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn map(name: &str, seconds: i64) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.uid = Some(format!("{name}-{seconds}"));
        map.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(seconds).unwrap()));
        map
    }

    fn list(state: &mut State, maps: Vec<ConfigMap>) -> Vec<String> {
        assert!(state.take(Event::Init).is_empty());
        for map in maps {
            assert!(state.take(Event::InitApply(map)).is_empty());
        }
        state.take(Event::InitDone).iter().map(describe).collect()
    }

    fn describe(change: &Change) -> String {
        match change {
            Change::Apply(map) => format!("+{}", name(map)),
            Change::Remove(name) => format!("-{name}"),
        }
    }

    fn refused(reason: &str) -> Verdict {
        Verdict::refused(&reason, None)
    }

    #[test]
    fn a_list_is_judged_oldest_first_and_shows_what_is_gone() {
        let mut state = State::default();
        assert_eq!(
            list(&mut state, vec![map("a", 30), map("b", 10), map("c", 20)]),
            ["+b", "+c", "+a"]
        );
        assert_eq!(list(&mut state, vec![map("a", 30)]), ["-b", "-c", "+a"]);
        assert_eq!(
            state
                .take(Event::Delete(map("a", 30)))
                .iter()
                .map(describe)
                .collect::<Vec<_>>(),
            ["-a"]
        );
    }

    #[test]
    fn who_has_served_is_judged_first() {
        let serving = |mut map: ConfigMap, word: &str| {
            map.metadata.annotations = Some([("wasser.fluid.io/verdict".to_owned(), word.to_owned())].into());
            map
        };
        let maps = vec![
            serving(map("a", 10), "last-good"),
            serving(map("b", 20), "loaded"),
            map("c", 5),
        ];
        assert_eq!(list(&mut State::default(), maps), ["+b", "+c", "+a"]);
    }

    #[test]
    fn a_kind_that_cannot_be_listed_is_waited_for_until_it_can() {
        let mut state = State::default();
        state.take(Event::Apply(map("a", 1)));
        state.judged("a", refused("no digest"));
        assert_eq!(state.unwritten().len(), 1);
        let mut loaded = refused("serves MyRuntime");
        loaded.state = wasser_plugin::State::Loaded;
        loaded.facts = BTreeMap::from([("kind", "MyRuntime".to_owned())]);
        state.judged("a", loaded);
        let reasons = BTreeMap::from([("MyRuntime".to_owned(), "it may not be listed".to_owned())]);
        state.unlisted(reasons);
        let unwritten = state.unwritten();
        let news = unwritten[0].news.as_ref().unwrap();
        assert_eq!(
            (news.state, news.message.as_str()),
            (wasser_plugin::State::Waiting, "it may not be listed")
        );
        let mut written = map("a", 1);
        written.metadata.annotations = Some(unwritten[0].annotations.clone());
        assert!(has_served(&written));
        assert!(state.unwritten().is_empty());
        state.unlisted(BTreeMap::new());
        assert_eq!(state.unwritten()[0].news.as_ref().unwrap().message, "serves MyRuntime");
    }

    #[test]
    fn a_verdict_is_written_once() {
        let mut state = State::default();
        state.take(Event::Apply(map("a", 1)));
        assert!(state.unwritten().is_empty());
        state.judged("a", refused("no digest"));
        assert_eq!(state.unwritten().len(), 1);
        assert!(state.unwritten().is_empty());
        // The watch shows what was written; nothing is to be done.
        let mut annotated = map("a", 1);
        annotated.metadata.annotations = Some(refused("no digest").annotations());
        state.take(Event::Apply(annotated.clone()));
        assert!(state.unwritten().is_empty());
        // Another verdict is news, and so is an annotation that somebody removed.
        state.judged("a", refused("no chart"));
        assert_eq!(state.unwritten().len(), 1);
        state.take(Event::Apply(map("a", 1)));
        assert_eq!(state.unwritten().len(), 1);
    }

    #[test]
    fn how_far_a_build_is_is_no_news_of_the_verdict() {
        let mut state = State::default();
        let mut annotated = map("a", 1);
        annotated.metadata.annotations = Some(refused("no digest").annotations());
        state.take(Event::Apply(annotated));
        state.judged("a", refused("no digest"));
        let told = |far: &str| BTreeMap::from([("a".to_owned(), far.to_owned()), ("b".to_owned(), String::new())]);
        state.rollouts(told("1 of 3"));
        let unwritten = state.unwritten();
        assert_eq!(unwritten.len(), 1);
        assert_eq!(unwritten[0].news, None);
        assert_eq!(unwritten[0].annotations[ROLLOUT_ANNOTATION], "1 of 3");
        state.rollouts(told("1 of 3"));
        assert!(state.unwritten().is_empty());
        state.rollouts(BTreeMap::new());
        assert!(!state.unwritten()[0].annotations.contains_key(ROLLOUT_ANNOTATION));
    }

    #[test]
    fn a_failed_writing_is_tried_again() {
        let mut state = State::default();
        state.take(Event::Apply(map("a", 1)));
        state.judged("a", refused("no digest"));
        assert_eq!(state.unwritten().len(), 1);
        state.forget_writing("a");
        assert_eq!(state.unwritten().len(), 1);
    }

    #[test]
    fn annotations_of_an_earlier_process_count() {
        let mut state = State::default();
        let mut annotated = map("a", 1);
        annotated.metadata.annotations = Some(refused("no digest").annotations());
        state.take(Event::Apply(annotated));
        state.judged("a", refused("no digest"));
        assert!(state.unwritten().is_empty());
    }

    #[test]
    fn a_namesake_starts_anew() {
        let mut state = State::default();
        state.take(Event::Apply(map("a", 1)));
        state.judged("a", refused("no digest"));
        state.take(Event::Apply(map("a", 2)));
        assert!(state.unwritten().is_empty());
    }

    #[test]
    fn a_kind_that_is_served_again_has_no_orphans() {
        let mut state = State::default();
        state.orphaned("A");
        state.orphaned("B");
        state.adopted("A");
        assert_eq!(state.orphans().into_keys().collect::<Vec<_>>(), ["B"]);
        assert!(state.orphans().is_empty());
    }
}
