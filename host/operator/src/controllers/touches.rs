//! Which datasets the events of a watch concern, with what its store has held until then.
//!
//! A list after an interruption names only what is there. What has vanished meanwhile, and whose an
//! object was before, is known from the store.

use std::mem;
use std::sync::Arc;

use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use wasser_api::ObjectKey;

use super::vanished::vanished;

/// The datasets to wake after an event. It looks at the store as it was before the event.
pub struct Touches<K, F>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store: Store<K>,
    keys: F,
    concerned: Vec<ObjectKey>,
    /// What was there before the list that has just been completed.
    replaced: Vec<Arc<K>>,
}

impl<K, F, I> Touches<K, F>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
    F: Fn(&K, bool) -> I,
    I: IntoIterator<Item = ObjectKey>,
{
    /// `keys` says which datasets an object may belong to, given whether it is gone.
    pub fn new(store: Store<K>, keys: F) -> Self {
        Self {
            store,
            keys,
            concerned: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// Notes whom an event concerns that the store has not taken in yet.
    pub fn before(&mut self, event: &Event<K>) {
        match event {
            Event::Apply(object) => self.now(object),
            Event::Delete(object) => {
                self.note(object, true);
                self.note_former(object);
            }
            Event::Init => self.concerned.clear(),
            Event::InitApply(object) => {
                let known = self.former(object);
                if known.is_none_or(|known| known.resource_version() != object.resource_version()) {
                    self.now(object);
                }
            }
            Event::InitDone => self.replaced = self.store.state(),
        }
    }

    /// Returns whom to wake now that the store has taken the event in. What a list names is in the
    /// store at its end.
    pub fn after(&mut self, event: &Event<K>) -> Vec<ObjectKey> {
        match event {
            Event::Init | Event::InitApply(_) => return Vec::new(),
            Event::Apply(_) | Event::Delete(_) => {}
            Event::InitDone => {
                let gone = vanished(mem::take(&mut self.replaced), &self.store.state());
                gone.iter().for_each(|object| self.note(object, true));
            }
        }
        mem::take(&mut self.concerned)
    }

    fn now(&mut self, object: &K) {
        self.note(object, false);
        self.note_former(object);
    }

    fn former(&self, object: &K) -> Option<Arc<K>> {
        self.store.get(&ObjectRef::from_obj(object))
    }

    /// Whose it was, which may be somebody else's than now.
    fn note_former(&mut self, object: &K) {
        if let Some(former) = self.former(object) {
            self.note(&former, false);
        }
    }

    fn note(&mut self, object: &K, gone: bool) {
        for key in (self.keys)(object, gone) {
            // Mostly those of before, which were noted just now.
            if self.concerned.last() != Some(&key) {
                self.concerned.push(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector;
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: u32, of: &str) -> ConfigMap {
        let labels = json!({"of": of});
        let metadata = json!({"name": name, "namespace": "ns", "uid": format!("{name}-uid"),
            "resourceVersion": version.to_string(), "labels": labels});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    /// Whose the object is; with a mark if it is gone.
    fn keys(object: &ConfigMap, gone: bool) -> Vec<ObjectKey> {
        let of = object.labels().get("of").filter(|of| !of.is_empty());
        let name = of.map(|of| if gone { format!("{of} lost it") } else { of.clone() });
        name.map(|name| key(&name)).into_iter().collect()
    }

    /// What each event wakes.
    fn woken(events: Vec<Event<ConfigMap>>) -> Vec<Vec<ObjectKey>> {
        let (store, mut writer) = reflector::store();
        let mut touches = Touches::new(store, keys);
        events
            .into_iter()
            .map(|event| {
                touches.before(&event);
                writer.apply_watcher_event(&event);
                touches.after(&event)
            })
            .collect()
    }

    #[test]
    fn a_list_wakes_for_what_has_vanished_and_what_has_changed_when_it_is_complete() {
        let woken = woken(vec![
            Event::Apply(object("same", 1, "a")),
            Event::Apply(object("changed", 1, "b")),
            Event::Apply(object("vanished", 1, "c")),
            Event::Init,
            Event::InitApply(object("same", 1, "a")),
            Event::InitApply(object("changed", 2, "b")),
            Event::InitApply(object("new", 3, "d")),
            Event::InitDone,
        ]);
        assert!(woken[3..7].iter().all(Vec::is_empty));
        assert_eq!(woken[7], [key("b"), key("d"), key("c lost it")]);
    }

    #[test]
    fn one_that_was_made_again_under_its_name_has_vanished_before() {
        let mut again = object("one", 2, "b");
        again.metadata.uid = Some("another".to_owned());
        let woken = woken(vec![
            Event::Apply(object("one", 1, "a")),
            Event::Init,
            Event::InitApply(again),
            Event::InitDone,
        ]);
        assert_eq!(woken[3], [key("b"), key("a"), key("a lost it")]);
    }

    #[test]
    fn whoever_loses_an_object_is_woken() {
        let woken = woken(vec![
            Event::Apply(object("one", 1, "a")),
            Event::Apply(object("one", 2, "")),
            Event::Apply(object("one", 3, "b")),
            Event::Delete(object("one", 4, "b")),
        ]);
        assert_eq!(
            woken,
            [
                vec![key("a")],
                vec![key("a")],
                vec![key("b")],
                vec![key("b lost it"), key("b")]
            ]
        );
    }
}
