//! The objects and their history.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::state::text;

/// The address of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub group: String,
    pub plural: String,
    /// Empty if the kind is not namespaced.
    pub namespace: String,
    pub name: String,
}

/// One write.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub version: u64,
    pub key: Key,
    /// The object before. `None` for a creation.
    pub before: Option<Arc<Value>>,
    /// The object afterwards, or the last one; with the version of this change.
    pub object: Arc<Value>,
    /// Whether the object is gone.
    pub deleted: bool,
}

/// All objects in one order of writes, as in etcd: versions are numbered over all objects.
#[derive(Debug)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    history: Vec<Change>,
    /// How often each object was created and removed, also before the history was forgotten.
    lives: BTreeMap<String, (usize, usize)>,
    version: u64,
    forgotten: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            history: Vec::new(),
            lives: BTreeMap::new(),
            // A cluster is never quite new.
            version: 1000,
            forgotten: 0,
        }
    }
}

impl Store {
    /// Returns the version of the last write.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns an object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Returns the objects of a resource by namespace and name, in all namespaces if `namespace` is
    /// empty.
    pub fn list(&self, group: &str, plural: &str, namespace: &str) -> Vec<(Key, Arc<Value>)> {
        let start = Key {
            group: group.to_owned(),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let is_wanted = |key: &Key| {
            key.group == group && key.plural == plural && (namespace.is_empty() || key.namespace == namespace)
        };
        self.objects
            .range((Bound::Included(start), Bound::Unbounded))
            .take_while(|(key, _)| is_wanted(key))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect()
    }

    /// Returns every object.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Writes an object with the next version.
    pub fn put(&mut self, key: Key, object: Value) -> Arc<Value> {
        let object = self.numbered(object);
        let before = self.objects.insert(key.clone(), object.clone());
        self.note(key, before, object.clone(), false);
        object
    }

    /// Removes an object, whose last state is `last`.
    pub fn remove(&mut self, key: &Key, last: Value) -> Arc<Value> {
        let before = self.objects.remove(key);
        let object = self.numbered(last);
        self.note(key.clone(), before, object.clone(), true);
        object
    }

    /// Returns the changes after a version. `None` if they are forgotten.
    pub fn since(&self, version: u64) -> Option<&[Change]> {
        if version < self.forgotten {
            return None;
        }
        let start = self.history.partition_point(|change| change.version <= version);
        self.history.get(start..)
    }

    /// Returns how often each object was created, and how often removed, by name.
    pub fn lives(&self) -> &BTreeMap<String, (usize, usize)> {
        &self.lives
    }

    /// Forgets all changes until now.
    pub fn forget(&mut self) {
        self.forgotten = self.version;
        self.history.clear();
    }

    fn numbered(&mut self, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        Arc::new(object)
    }

    fn note(&mut self, key: Key, before: Option<Arc<Value>>, object: Arc<Value>, deleted: bool) {
        if before.is_none() || deleted {
            let life = self.lives.entry(name_of(&key, &object)).or_default();
            life.0 += usize::from(before.is_none());
            life.1 += usize::from(deleted);
        }
        self.history.push(Change {
            version: self.version,
            key,
            before,
            object,
            deleted,
        });
    }
}

/// Returns the name of an object: `Kind namespace/name`.
pub fn name_of(key: &Key, object: &Value) -> String {
    let kind = text(object, "/kind");
    if key.namespace.is_empty() {
        format!("{kind} {}", key.name)
    } else {
        format!("{kind} {}/{}", key.namespace, key.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(plural: &str, namespace: &str, name: &str) -> Key {
        Key {
            group: String::new(),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn names(store: &Store, plural: &str, namespace: &str) -> Vec<String> {
        let found = store.list("", plural, namespace);
        found
            .into_iter()
            .map(|(key, _)| format!("{}/{}", key.namespace, key.name))
            .collect()
    }

    #[test]
    fn objects_are_listed_by_namespace_and_name() {
        let mut store = Store::default();
        for (plural, namespace, name) in [
            ("b", "two", "x"),
            ("b", "one", "y"),
            ("b", "one", "a"),
            ("a", "one", "z"),
            ("c", "", "n"),
        ] {
            store.put(key(plural, namespace, name), json!({"metadata": {}}));
        }
        assert_eq!(names(&store, "b", ""), ["one/a", "one/y", "two/x"]);
        assert_eq!(names(&store, "b", "one"), ["one/a", "one/y"]);
        assert_eq!(names(&store, "c", ""), ["/n"]);
        assert!(names(&store, "b", "on").is_empty());
    }

    #[test]
    fn every_write_has_the_next_version_until_it_is_forgotten() {
        let mut store = Store::default();
        let began = store.version();
        let first = store.put(key("a", "n", "x"), json!({"metadata": {}}));
        assert_eq!(first["metadata"]["resourceVersion"], (began + 1).to_string());
        let last = store.remove(&key("a", "n", "x"), (*first).clone());
        assert_eq!(last["metadata"]["resourceVersion"], (began + 2).to_string());
        let changes: Vec<(u64, bool)> = store
            .since(began)
            .unwrap()
            .iter()
            .map(|one| (one.version, one.deleted))
            .collect();
        assert_eq!(changes, [(began + 1, false), (began + 2, true)]);
        assert_eq!(store.since(began + 2).unwrap().len(), 0);
        store.forget();
        assert!(store.since(began).is_none() && store.since(began + 2).is_some());
    }
}
