//! Follows the CRDs of the cluster, as far as they decide which kinds can be served.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures::{Stream, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::Deserialize;
use wasser_plugin::{Definition, DefinitionSpec, DefinitionStatus, Definitions};

use crate::client::watch_config;

/// CRDs are large where they have long schemas; a page holds few of them, and of those only the
/// part that is read.
const PAGE: u32 = 20;

/// A CRD without its schemas.
#[derive(Debug, Clone, Deserialize)]
pub struct Watched {
    metadata: ObjectMeta,
    spec: DefinitionSpec,
    status: Option<DefinitionStatus>,
}

impl Resource for Watched {
    type DynamicType = ();
    type Scope = <CustomResourceDefinition as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The CRDs of the cluster, as a watch tells of them.
pub fn watch(client: Client) -> impl Stream<Item = watcher::Result<Event<Watched>>> {
    let config = watch_config().page_size(PAGE);
    watcher(Api::<Watched>::all(client), config).default_backoff().boxed()
}

/// The CRDs that the watch has shown.
#[derive(Default)]
pub struct Seen {
    known: Known,
    listing: Known,
    /// Whether the first list is complete: what is missing from half of a list is not known to be
    /// missing.
    pub is_complete: bool,
}

impl Seen {
    /// Takes an event in. Returns the CRDs that there are, if that may have changed.
    pub fn take(&mut self, event: Event<Watched>) -> Option<&Definitions> {
        match event {
            Event::Init => {
                self.listing = Known::default();
                None
            }
            Event::InitApply(crd) => {
                self.listing.insert(crd);
                None
            }
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listing);
                self.is_complete = true;
                Some(&self.known.definitions)
            }
            Event::Apply(crd) => {
                let is_ours = crd.is_ours();
                self.known.insert(crd);
                is_ours.then_some(&self.known.definitions)
            }
            Event::Delete(crd) => {
                self.known.remove(&crd);
                crd.is_ours().then_some(&self.known.definitions)
            }
        }
    }

    /// Returns what the CRDs of all groups serve, as `.Capabilities.APIVersions` of Helm names it:
    /// `example.com/v1` and `example.com/v1/Kind`.
    pub fn api_versions(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.known.served.values().flatten().collect();
        all.into_iter().cloned().collect()
    }
}

/// What is known of all CRDs together.
#[derive(Default)]
struct Known {
    /// Those of Wasser's group.
    definitions: Definitions,
    /// What those of all groups serve, by the name of the CRD.
    served: BTreeMap<String, Vec<String>>,
}

impl Known {
    fn insert(&mut self, crd: Watched) {
        let name = crd.metadata.name.clone().unwrap_or_default();
        match crd.api_versions() {
            Some(versions) => drop(self.served.insert(name, versions)),
            None => drop(self.served.remove(&name)),
        }
        self.definitions.insert(definition(crd));
    }

    fn remove(&mut self, crd: &Watched) {
        let name = crd.metadata.name.as_deref().unwrap_or_default();
        self.served.remove(name);
        self.definitions.remove(name);
    }
}

impl Watched {
    fn is_ours(&self) -> bool {
        self.spec.group == wasser_api::GROUP
    }

    /// What it serves; nothing while it is not established.
    fn api_versions(&self) -> Option<Vec<String>> {
        self.status.as_ref().filter(|status| status.obstacle().is_none())?;
        let DefinitionSpec {
            group, names, versions, ..
        } = &self.spec;
        let versions = versions.iter().filter(|version| version.served);
        let named = versions.flat_map(|version| {
            let of_group = format!("{group}/{}", version.name);
            let of_kind = format!("{of_group}/{}", names.kind);
            [of_group, of_kind]
        });
        Some(named.collect())
    }
}

fn definition(crd: Watched) -> Definition {
    Definition {
        spec: crd.spec,
        // The API server has a status for every CRD, if an empty one.
        status: Some(crd.status.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn crd(plural: &str, group: &str) -> Watched {
        let crd = json!({
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {"group": group, "names": {"kind": "DemoRuntime", "plural": plural}, "scope": "Namespaced",
                "versions": []},
            "status": {"conditions": null, "storedVersions": null},
        });
        serde_json::from_value(crd).unwrap()
    }

    #[test]
    fn templates_see_what_is_established_and_served_of_every_group() {
        let crd = |established: &str, served: bool| {
            let crd = json!({
                "metadata": {"name": "monitors.example.com"},
                "spec": {"group": "example.com", "names": {"kind": "Monitor", "plural": "monitors"},
                    "versions": [{"name": "v1", "served": served}, {"name": "v2", "served": true}]},
                "status": {"conditions": [{"type": "Established", "status": established}]},
            });
            serde_json::from_value::<Watched>(crd).unwrap()
        };
        let mut seen = Seen::default();
        seen.take(Event::Init);
        seen.take(Event::InitApply(crd("True", true)));
        assert_eq!(seen.api_versions(), [""; 0]);
        seen.take(Event::InitDone);
        let [v1, v2] = ["v1", "v2"].map(|version| {
            [
                format!("example.com/{version}"),
                format!("example.com/{version}/Monitor"),
            ]
        });
        assert_eq!(seen.api_versions(), [v1, v2.clone()].concat());
        seen.take(Event::Apply(crd("True", false)));
        assert_eq!(seen.api_versions(), v2);
        seen.take(Event::Apply(crd("False", true)));
        assert_eq!(seen.api_versions(), [""; 0]);
        seen.take(Event::Apply(crd("True", true)));
        seen.take(Event::Delete(crd("True", true)));
        assert_eq!(seen.api_versions(), [""; 0]);
    }

    #[test]
    fn crds_of_the_group_are_known_once_they_are_listed() {
        let mut seen = Seen::default();
        assert!(seen.take(Event::Init).is_none());
        assert!(seen.take(Event::InitApply(crd("demos", "data.fluid.io"))).is_none() && !seen.is_complete);
        assert!(!seen.take(Event::InitDone).unwrap().is_empty());
        assert!(seen.is_complete);
        assert!(seen.take(Event::Apply(crd("demos", "other.io"))).is_none());
        assert!(seen.take(Event::Delete(crd("demos", "other.io"))).is_none());
        assert!(
            seen.take(Event::Delete(crd("demos", "data.fluid.io")))
                .unwrap()
                .is_empty()
        );
        assert!(
            !seen
                .take(Event::Apply(crd("demos", "data.fluid.io")))
                .unwrap()
                .is_empty()
        );
        // A list that starts again replaces what was known, when it is complete.
        assert!(seen.take(Event::Init).is_none());
        assert!(seen.take(Event::InitDone).unwrap().is_empty());
    }
}
