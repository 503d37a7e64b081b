//! Creating, changing and reading objects without a client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiServer;
use crate::call::{Call, Query, Verb};
use crate::failure::Failure;
use crate::record::Requests;
use crate::snapshot::Snapshot;
use crate::state::{State, copy, text};
use crate::write::Part;

impl ApiServer {
    /// Creates an object.
    ///
    /// # Errors
    /// The answer that a client would get.
    pub fn try_create(&self, object: &Value) -> Result<Value, Failure> {
        self.write(Verb::Create, object, "", "application/json")
    }

    /// Creates an object, and panics if that is refused.
    pub fn create(&self, object: &Value) -> Value {
        self.try_create(object)
            .unwrap_or_else(|failure| panic!("creating {object}: {}", failure.message))
    }

    /// Applies an object as the field manager `user`, with force.
    ///
    /// # Errors
    /// The answer that a client would get.
    pub fn apply(&self, object: &Value) -> Result<Value, Failure> {
        self.write(
            Verb::Patch,
            object,
            "fieldManager=user&force=true",
            "application/apply-patch+yaml",
        )
    }

    fn write(&self, verb: Verb, object: &Value, query: &str, content_type: &str) -> Result<Value, Failure> {
        self.with(|state| {
            let kind = state.kinds.of(object).ok_or_else(Failure::no_such_path)?;
            let namespace = match text(object, "/metadata/namespace") {
                "" if kind.namespaced => "default",
                namespace => namespace,
            };
            let call = Call {
                verb,
                group: kind.group.clone(),
                version: kind.version.clone(),
                resource: kind.plural.clone(),
                subresource: String::new(),
                rest: String::new(),
                namespace: namespace.to_owned(),
                name: if verb == Verb::Create {
                    String::new()
                } else {
                    text(object, "/metadata/name").to_owned()
                },
                query: Query::parse(query),
            };
            let written = state.write(&kind, &call, content_type, object.to_string().as_bytes())?;
            Ok(copy(&written.object))
        })
    }

    /// Creates all objects of a YAML text.
    pub fn create_yaml(&self, text: &str) {
        for object in documents(text) {
            self.create(&object);
        }
    }

    /// Installs the CRDs of this repository.
    pub fn install_crds(&self) {
        // Parsing them takes longer than most tests.
        static CRDS: OnceLock<Vec<Value>> = OnceLock::new();
        for crd in CRDS.get_or_init(read_crds) {
            self.create(crd);
        }
    }

    /// Returns an object by the name of its kind.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared().lock().object(kind, namespace, name)
    }

    /// Returns the objects of a kind, in all namespaces if `namespace` is empty.
    pub fn objects(&self, kind: &str, namespace: &str) -> Vec<Value> {
        self.stored(kind, namespace).iter().map(copy).collect()
    }

    /// Returns the same without copying them.
    pub fn stored(&self, kind: &str, namespace: &str) -> Vec<Arc<Value>> {
        let state = self.shared().lock();
        let Some(kind) = state.kinds.named(kind) else {
            return Vec::new();
        };
        let key = kind.key(namespace, "");
        let found = state.store.list(&key.group, &key.plural, &key.namespace);
        found.into_iter().map(|(_, object)| object).collect()
    }

    /// Changes an object except for its status. Returns whether that changed it.
    pub fn edit(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        self.with(|state| edit(state, (kind, namespace, name), Part::Main, change))
    }

    /// Changes the status of an object. Returns whether that changed it.
    pub fn edit_status(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        self.with(|state| {
            edit(state, (kind, namespace, name), Part::Status, |object| {
                change(&mut object["status"])
            })
        })
    }

    /// Deletes an object in the background. Returns whether that changed something.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.delete_with(kind, namespace, name, &json!({}))
    }

    /// Deletes an object with these `DeleteOptions`.
    pub fn delete_with(&self, kind: &str, namespace: &str, name: &str, options: &Value) -> bool {
        self.with(|state| match state.key_of(kind, namespace, name) {
            Some((_, key)) => state.drop_object(&key, options),
            None => false,
        })
    }

    /// Returns all objects without the values that differ between any two runs.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_of(|_| true)
    }

    /// Returns the objects whose name (`Kind namespace/name`) is wanted, like
    /// [`snapshot`](Self::snapshot).
    pub fn snapshot_of(&self, wanted: impl Fn(&str) -> bool) -> Snapshot {
        self.shared().lock().snapshot(wanted)
    }

    /// Returns how often each object (`Kind namespace/name`) was created, and how often removed.
    pub fn lives(&self) -> BTreeMap<String, (usize, usize)> {
        self.shared().lock().store.lives().clone()
    }

    /// Returns the requests of all clients.
    pub fn requests(&self) -> Requests {
        Requests(self.shared().lock().record.clone())
    }

    /// Returns the requests of all clients since the last call of this method.
    pub fn take_requests(&self) -> Requests {
        Requests(std::mem::take(&mut self.shared().lock().record))
    }
}

/// Returns the objects of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("YAML: {error}")))
        .filter(|object| !object.is_null())
        .collect()
}

fn read_crds() -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    let entries =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("reading {}: {error}", directory.display()));
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
    };
    files.iter().flat_map(|file| documents(&read(file))).collect()
}

fn edit(
    state: &mut State,
    (kind, namespace, name): (&str, &str, &str),
    part: Part,
    change: impl FnOnce(&mut Value),
) -> bool {
    match state.key_of(kind, namespace, name) {
        Some((_, key)) => state.edit(&key, part, change),
        None => false,
    }
}
