//! The garbage collector and the namespace controller, which run when a test asks for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::admit::{PV_PROTECTION, PVC_PROTECTION};
use crate::fields::{Operation, Owner};
use crate::kinds::Kind;
use crate::state::{State, copy, text, texts};
use crate::store::Key;
use crate::write::{By, FOREGROUND, ORPHAN, Part};

impl State {
    /// Changes an object as a controller of Kubernetes would. Returns whether it changed.
    pub fn edit(&mut self, key: &Key, part: Part, change: impl FnOnce(&mut Value)) -> bool {
        let (Some(kind), Some(live)) = (self.kinds.of_key(key), self.store.get(key).cloned()) else {
            return false;
        };
        let mut wanted = copy(&live);
        change(&mut wanted);
        if wanted == *live {
            return false;
        }
        let owner = Owner {
            manager: "kube-controller-manager".to_owned(),
            operation: Operation::Update,
            subresource: if part == Part::Status {
                "status".to_owned()
            } else {
                String::new()
            },
            api_version: kind.api_version(),
        };
        let before = self.store.version();
        if let Err(failure) = self.update(&kind, &live, part, wanted, By::Owner(owner)) {
            // A test that goes on with the old object would not be about what its text says.
            panic!(
                "editing {} {}/{}: {}",
                kind.kind, key.namespace, key.name, failure.message
            );
        }
        self.store.version() != before
    }

    /// Deletes an object. Returns whether that changed something.
    pub fn drop_object(&mut self, key: &Key, options: &Value) -> bool {
        let (Some(kind), Some(live)) = (self.kinds.of_key(key), self.store.get(key).cloned()) else {
            return false;
        };
        let before = self.store.version();
        let _ = self.delete_object(&kind, &live, options);
        self.store.version() != before
    }

    /// Deletes objects without owners, and ends deletions that wait for dependents, until nothing
    /// is left to do.
    pub fn collect(&mut self) -> bool {
        let began = self.store.version();
        loop {
            let before = self.store.version();
            let owners: BTreeMap<String, String> = self
                .store
                .all()
                .map(|(key, object)| (text(object, "/metadata/uid").to_owned(), key.namespace.clone()))
                .collect();
            let all: Vec<(Key, Arc<Value>)> = self
                .store
                .all()
                .map(|(key, object)| (key.clone(), object.clone()))
                .collect();
            for (key, object) in &all {
                self.collect_one(key, object, &owners);
                self.finish_deletion(key, object, &all);
            }
            if self.store.version() == before {
                return before != began;
            }
        }
    }

    /// Deletes an object whose owners are all gone.
    fn collect_one(&mut self, key: &Key, object: &Value, owners: &BTreeMap<String, String>) {
        let references = references(object);
        let lives = |reference: &&Value| {
            let namespace = owners.get(text(reference, "/uid"));
            namespace.is_some_and(|namespace| namespace.is_empty() || *namespace == key.namespace)
        };
        if references.is_empty() || references.iter().any(|reference| lives(&reference)) {
            return;
        }
        if object.pointer("/metadata/deletionTimestamp").is_none() {
            let only = json!({"uid": object["metadata"]["uid"]});
            self.drop_object(key, &json!({"propagationPolicy": "Background", "preconditions": only}));
        }
    }

    /// Finishes the work for which the garbage collector's finalizers wait.
    fn finish_deletion(&mut self, key: &Key, object: &Value, all: &[(Key, Arc<Value>)]) {
        if object.pointer("/metadata/deletionTimestamp").is_none() {
            return;
        }
        let uid = text(object, "/metadata/uid");
        let owns = |dependent: &Value| {
            references(dependent)
                .iter()
                .any(|reference| text(reference, "/uid") == uid)
        };
        let dependents: Vec<&(Key, Arc<Value>)> = all.iter().filter(|(_, dependent)| owns(dependent)).collect();
        let finalizers = texts(object, "/metadata/finalizers");
        if finalizers.iter().any(|one| one == ORPHAN) {
            for (key, _) in &dependents {
                self.edit(key, Part::Main, |dependent| {
                    let left: Vec<Value> = references(dependent)
                        .into_iter()
                        .filter(|one| text(one, "/uid") != uid)
                        .collect();
                    dependent["metadata"]["ownerReferences"] = json!(left);
                });
            }
            self.let_go(key, ORPHAN);
        } else if finalizers.iter().any(|one| one == FOREGROUND) {
            for (key, dependent) in &dependents {
                // One that is being deleted already must not get the finalizer again that it has
                // just lost.
                if dependent.pointer("/metadata/deletionTimestamp").is_none() {
                    self.drop_object(key, &json!({"propagationPolicy": "Foreground"}));
                }
            }
            let blocks = |(key, _): &&(Key, Arc<Value>)| {
                let dependent = self.store.get(key);
                let references = dependent.map(|dependent| references(dependent)).unwrap_or_default();
                references
                    .iter()
                    .any(|one| text(one, "/uid") == uid && one["blockOwnerDeletion"] == true)
            };
            if !dependents.iter().any(blocks) {
                self.let_go(key, FOREGROUND);
            }
        }
    }

    /// Removes a finalizer.
    pub fn let_go(&mut self, key: &Key, finalizer: &str) -> bool {
        self.edit(key, Part::Main, |object| {
            let left: Vec<String> = texts(object, "/metadata/finalizers")
                .into_iter()
                .filter(|one| one != finalizer)
                .collect();
            object["metadata"]["finalizers"] = json!(left);
        })
    }

    /// Removes the protecting finalizers of claims and volumes that are being deleted, as if
    /// nothing used them.
    pub fn release_protection(&mut self) -> bool {
        let began = self.store.version();
        for (plural, finalizer) in [
            ("persistentvolumeclaims", PVC_PROTECTION),
            ("persistentvolumes", PV_PROTECTION),
        ] {
            for (key, object) in self.store.list("", plural, "") {
                if object.pointer("/metadata/deletionTimestamp").is_some() {
                    self.let_go(&key, finalizer);
                }
            }
        }
        self.store.version() != began
    }

    /// Deletes the objects in namespaces that are being deleted, and then the empty namespaces.
    pub fn finish_namespaces(&mut self) -> bool {
        let began = self.store.version();
        for (key, namespace) in self.store.list("", "namespaces", "") {
            if namespace.pointer("/metadata/deletionTimestamp").is_none() {
                continue;
            }
            let inside: Vec<Key> = self
                .store
                .all()
                .map(|(key, _)| key.clone())
                .filter(|inner| inner.namespace == key.name)
                .collect();
            for inner in &inside {
                // Pods end as if their nodes had ended them.
                self.drop_object(inner, &json!({"gracePeriodSeconds": 0}));
            }
            let is_empty = self.store.all().all(|(inner, _)| inner.namespace != key.name);
            if is_empty && let Some(last) = self.store.get(&key).map(copy) {
                self.store.remove(&key, last);
            }
        }
        self.store.version() != began
    }

    /// Returns the kind and the key of an object.
    pub fn key_of(&self, kind: &str, namespace: &str, name: &str) -> Option<(Arc<Kind>, Key)> {
        let kind = self.kinds.named(kind)?;
        let key = kind.key(namespace, name);
        Some((kind, key))
    }
}

fn references(object: &Value) -> Vec<Value> {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    references.cloned().unwrap_or_default()
}
