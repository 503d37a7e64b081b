//! Creating, changing and reading objects without a client.

use std::path::Path;

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
        for document in yaml_serde::Deserializer::from_str(text) {
            let object = Value::deserialize(document).unwrap_or_else(|error| panic!("YAML: {error}"));
            if !object.is_null() {
                self.create(&object);
            }
        }
    }

    /// Installs the CRDs of this repository.
    pub fn install_crds(&self) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
        let entries =
            std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("reading {}: {error}", directory.display()));
        let mut files: Vec<_> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        files.sort();
        for file in files {
            let text =
                std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
            self.create_yaml(&text);
        }
    }

    /// Returns an object by the name of its kind.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared().lock().object(kind, namespace, name)
    }

    /// Returns the objects of a kind, in all namespaces if `namespace` is empty.
    pub fn objects(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let state = self.shared().lock();
        let Some(kind) = state.kinds.named(kind) else {
            return Vec::new();
        };
        let key = kind.key(namespace, "");
        state
            .store
            .list(&key.group, &key.plural, &key.namespace)
            .iter()
            .map(|(_, object)| copy(object))
            .collect()
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
        self.shared().lock().snapshot()
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
