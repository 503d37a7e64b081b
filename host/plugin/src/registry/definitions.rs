//! Decides whether a kind can be served with the CRDs that exist.

use std::collections::BTreeMap;

use wasser_api::text::bounded;

use crate::bindings::types::Description;
use crate::registry::definition::{Definition, DefinitionStatus, SHOWN};

/// Why a kind cannot be served with the CRDs that exist. Each message ends with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// No CRD has this name.
    #[error(
        "the CRD {name} does not exist; apply it: `kubectl apply -f crd.yaml`, or, if the package carries it, \
         `wasser plugin crd FILE | kubectl apply --server-side -f -`"
    )]
    Missing {
        /// The CRD's name.
        name: String,
    },
    /// No CRD has this name, but the kind has a CRD.
    #[error(
        "the CRD {name} does not exist, and the CRD of {kind} is {other}; let the plugin's `describe` return the \
         plural of that one"
    )]
    OtherPlural {
        /// The CRD's name.
        name: String,
        /// The kind that the plugin serves.
        kind: String,
        /// The name of the kind's CRD.
        other: String,
    },
    /// The CRD belongs to another kind.
    #[error(
        "the CRD {name} belongs to {found}, not to {kind}; let the plugin's `describe` return the plural of \
         {kind}"
    )]
    OtherKind {
        /// The CRD's name.
        name: String,
        /// The kind that the plugin serves.
        kind: String,
        /// The kind of the CRD.
        found: String,
    },
    /// The scope is not `Namespaced`, but runtimes belong to namespaces.
    #[error("the CRD {name} has the scope `{scope}`; delete it, and create it with `scope: Namespaced`")]
    Scope {
        /// The CRD's name.
        name: String,
        /// Its scope.
        scope: String,
    },
    /// The version is missing or not served.
    #[error("the CRD {name} does not serve the version {version}; add it to `spec.versions`, with `served: true`")]
    Version {
        /// The CRD's name.
        name: String,
        /// The version that is served here.
        version: &'static str,
    },
    /// The subresource `status` is missing, so statuses could not be written.
    #[error(
        "the CRD {name} has no subresource `status`; add `subresources: {{status: {{}}}}` to its version \
         {version}"
    )]
    NoStatus {
        /// The CRD's name.
        name: String,
        /// The version that is served here.
        version: &'static str,
    },
    /// The API server does not serve the CRD, for example because another CRD has one of its names.
    #[error("the CRD {name} is not established ({reason}); the host waits for it")]
    NotEstablished {
        /// The CRD's name.
        name: String,
        /// The API server's message.
        reason: String,
    },
}

/// The CRDs of Wasser's API group, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions(BTreeMap<String, Definition>);

impl Definitions {
    /// Adds or replaces a CRD. CRDs of other groups are ignored.
    pub fn insert(&mut self, definition: Definition) {
        let spec = &definition.spec;
        if spec.group == wasser_api::GROUP {
            self.0
                .insert(format!("{}.{}", spec.names.plural, spec.group), definition);
        }
    }

    /// Removes the CRD of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Returns whether there are no CRDs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that the kind of a plugin can be served: its CRD exists, belongs to this kind, and
    /// has what the host needs.
    ///
    /// # Errors
    /// The kind cannot be served; the message names the remedy.
    pub fn check(&self, description: &Description) -> Result<(), DefinitionError> {
        let name = crd_name(description);
        let kind = description.kind.clone();
        let Some(definition) = self.0.get(&name) else {
            let other = self.0.iter().find(|(_, other)| other.spec.names.kind == kind);
            return Err(match other {
                Some((other, _)) => DefinitionError::OtherPlural {
                    name,
                    kind,
                    other: other.clone(),
                },
                None => DefinitionError::Missing { name },
            });
        };
        let spec = &definition.spec;
        if spec.names.kind != kind {
            let found = bounded(&spec.names.kind, SHOWN).into_owned();
            return Err(DefinitionError::OtherKind { name, kind, found });
        }
        if spec.scope != "Namespaced" {
            let scope = bounded(&spec.scope, SHOWN).into_owned();
            return Err(DefinitionError::Scope { name, scope });
        }
        let version = wasser_api::VERSION;
        let Some(served) = spec.versions.iter().find(|found| found.name == version && found.served) else {
            return Err(DefinitionError::Version { name, version });
        };
        if !served
            .subresources
            .as_ref()
            .is_some_and(|found| found.contains_key("status"))
        {
            return Err(DefinitionError::NoStatus { name, version });
        }
        match definition.status.as_ref().and_then(DefinitionStatus::obstacle) {
            Some(reason) => Err(DefinitionError::NotEstablished { name, reason }),
            None => Ok(()),
        }
    }
}

impl FromIterator<Definition> for Definitions {
    fn from_iter<I: IntoIterator<Item = Definition>>(all: I) -> Self {
        let mut definitions = Self::default();
        all.into_iter().for_each(|definition| definitions.insert(definition));
        definitions
    }
}

/// Returns the name of the CRD of the kind that a plugin serves.
pub fn crd_name(description: &Description) -> String {
    format!("{}.{}", description.plural, wasser_api::GROUP)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::package::description::tests::good;

    fn crd() -> Value {
        json!({
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "demoruntimes.data.fluid.io"},
            "spec": {
                "group": "data.fluid.io",
                "names": {"kind": "DemoRuntime", "plural": "demoruntimes"},
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1alpha1", "served": true,
                    "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {}},
                }],
            },
            "status": {"conditions": [
                {"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"},
            ]},
        })
    }

    fn check(crd: Value) -> Result<(), String> {
        let definitions: Definitions = [serde_json::from_value(crd).unwrap()].into_iter().collect();
        definitions.check(&good()).map_err(|error| error.to_string())
    }

    #[rstest::rstest]
    #[case::group("/spec/group", json!("other.io"), "the CRD demoruntimes.data.fluid.io does not exist; apply it")]
    #[case::plural("/spec/names/plural", json!("demos"), "and the CRD of DemoRuntime is demos.data.fluid.io; let")]
    #[case::kind("/spec/names/kind", json!("JuiceFSRuntime"), "belongs to JuiceFSRuntime, not to DemoRuntime")]
    #[case::similar_kind("/spec/names/kind", json!("Demoruntime"), "belongs to Demoruntime, not to DemoRuntime")]
    #[case::scope("/spec/scope", json!("Cluster"), "has the scope `Cluster`")]
    #[case::version("/spec/versions/0/name", json!("v1"), "does not serve the version v1alpha1")]
    #[case::not_served("/spec/versions/0/served", json!(false), "does not serve the version v1alpha1")]
    #[case::no_status("/spec/versions/0/subresources", json!({"scale": {}}), "has no subresource `status`")]
    #[case::no_subresources("/spec/versions/0/subresources", json!(null), "has no subresource `status`")]
    #[case::not_processed(
        "/status/conditions",
        json!(null),
        "is not established (the API server has not processed it yet)",
    )]
    #[case::names_taken(
        "/status/conditions",
        json!([
            {"type": "NamesAccepted", "status": "False", "message": "\"DemoRuntime\" is already in use"},
            {"type": "Established", "status": "False", "message": "not all names are accepted"},
        ]),
        "is not established (\"DemoRuntime\" is already in use)"
    )]
    fn a_crd_that_does_not_serve_the_kind_is_named(#[case] pointer: &str, #[case] value: Value, #[case] says: &str) {
        let mut crd = crd();
        *crd.pointer_mut(pointer).unwrap() = value;
        let refused = check(crd).unwrap_err();
        assert!(
            refused.starts_with("the CRD demoruntimes.data.fluid.io ") && refused.contains(says),
            "{refused}"
        );
    }

    #[test]
    fn a_crd_of_the_kind_is_enough_even_while_it_is_deleted() {
        assert_eq!(check(crd()), Ok(()));
        let mut leaving = crd();
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let conditions = leaving
            .pointer_mut("/status/conditions")
            .unwrap()
            .as_array_mut()
            .unwrap();
        conditions.push(json!({"type": "Terminating", "status": "True"}));
        assert_eq!(check(leaving), Ok(()));
    }

    #[test]
    fn a_crd_of_a_package_has_no_status() {
        let mut crd = crd();
        crd.as_object_mut().unwrap().remove("status");
        assert_eq!(check(crd), Ok(()));
    }

    #[test]
    fn crds_come_and_go() {
        let mut definitions = Definitions::default();
        definitions.insert(serde_json::from_value(crd()).unwrap());
        assert!(definitions.check(&good()).is_ok());
        definitions.remove("demoruntimes.data.fluid.io");
        assert!(definitions.is_empty());
    }
}
