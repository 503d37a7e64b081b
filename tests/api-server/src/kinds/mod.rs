//! The kinds that the server serves: those of Kubernetes that Wasser uses, and those of existing
//! CRDs.

mod builtin;
pub(crate) mod crd;
mod discovery;
mod events;

use std::sync::Arc;

use serde_json::{Value, json};
use wasser_schema::Schema;

use crate::store::Key;

/// A kind, in the one version in which it is served.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// Whether the status is a subresource.
    pub has_status: bool,
    pub scale: Option<Scale>,
    /// Whether `metadata.generation` counts the changes of the spec.
    pub has_generation: bool,
    pub shape: Source,
    /// The conversion, if the objects are those of the core's kind of the same name.
    pub view: Option<View>,
}

/// The places of the number of replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    /// JSON pointer to the wanted number.
    pub spec: String,
    /// JSON pointer to the present number.
    pub status: String,
    /// JSON pointer to the selector, as text or as an object.
    pub selector: Option<String>,
}

/// The definition of the objects of a kind.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A type of Kubernetes: objects go through it, so that unknown fields are dropped and wrong
    /// types refused.
    BuiltIn(fn(Value) -> Result<Value, String>),
    /// The schema of a CRD.
    Custom(Arc<Schema>),
}

/// A second form of objects of the core group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub to_core: fn(Value) -> Value,
    pub from_core: fn(Value) -> Value,
    /// Returns the core's path of a field that this form selects by.
    pub field: fn(&str) -> String,
}

impl Kind {
    /// Returns group and version: `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns plural and group: `statefulsets.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Returns the `details` of a failure about an object.
    pub fn details(&self, name: &str) -> Value {
        let mut details = json!({"name": name, "kind": self.plural});
        if !self.group.is_empty() {
            details["group"] = json!(self.group);
        }
        details
    }

    /// Returns the key of an object.
    pub fn key(&self, namespace: &str, name: &str) -> Key {
        Key {
            group: if self.view.is_some() {
                String::new()
            } else {
                self.group.clone()
            },
            plural: self.plural.clone(),
            namespace: if self.namespaced {
                namespace.to_owned()
            } else {
                String::new()
            },
            name: name.to_owned(),
        }
    }

    /// Returns whether a CRD defines the kind.
    pub fn is_custom(&self) -> bool {
        matches!(self.shape, Source::Custom(_))
    }
}

/// All kinds.
#[derive(Debug)]
pub(crate) struct Kinds {
    all: Vec<Arc<Kind>>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            all: builtin::all().into_iter().map(Arc::new).collect(),
        }
    }
}

impl Kinds {
    /// Returns the kind of a path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let is_it = |kind: &&Arc<Kind>| kind.group == group && kind.version == version && kind.plural == plural;
        self.all.iter().find(is_it).cloned()
    }

    /// Returns the kind of an object.
    pub fn of(&self, object: &Value) -> Option<Arc<Kind>> {
        let (api_version, name) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
        let is_it = |kind: &&Arc<Kind>| kind.kind == name && kind.api_version() == api_version;
        self.all.iter().find(is_it).cloned()
    }

    /// Returns the first kind of this name, for tests that do not name the group.
    pub fn named(&self, name: &str) -> Option<Arc<Kind>> {
        self.all.iter().find(|kind| kind.kind == name).cloned()
    }

    /// Returns the kind of the objects under a key.
    pub fn of_key(&self, key: &Key) -> Option<Arc<Kind>> {
        let is_it = |kind: &&Arc<Kind>| kind.view.is_none() && kind.group == key.group && kind.plural == key.plural;
        self.all.iter().find(is_it).cloned()
    }

    /// Adds a kind, or replaces the one with the same path.
    pub fn add(&mut self, kind: Kind) {
        self.remove(&kind.group, &kind.plural);
        self.all.push(Arc::new(kind));
    }

    /// Removes a kind.
    pub fn remove(&mut self, group: &str, plural: &str) {
        self.all.retain(|kind| kind.group != group || kind.plural != plural);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_path_and_by_object() {
        let kinds = Kinds::default();
        assert_eq!(kinds.find("apps", "v1", "statefulsets").unwrap().kind, "StatefulSet");
        assert_eq!(kinds.find("", "v1", "endpoints").unwrap().kind, "Endpoints");
        assert!(kinds.find("apps", "v1beta1", "statefulsets").is_none());
        let object = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim"});
        assert_eq!(kinds.of(&object).unwrap().qualified(), "persistentvolumeclaims");
        assert_eq!(kinds.named("StatefulSet").unwrap().qualified(), "statefulsets.apps");
    }

    #[test]
    fn types_of_kubernetes_drop_what_they_do_not_know() {
        let kind = Kinds::default().named("ConfigMap").unwrap();
        let Source::BuiltIn(through) = kind.shape else {
            panic!("a ConfigMap is of Kubernetes")
        };
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}, "no": 1});
        let read = through(object).unwrap();
        assert_eq!(
            read,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}})
        );
        assert!(through(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"k": 1}})).is_err());
    }
}
