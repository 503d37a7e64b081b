//! Follows the CRDs of the cluster, as far as they decide which kinds can be served.

use std::borrow::Cow;

use futures::{Stream, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::Deserialize;
use wasser_plugin::{Definition, DefinitionSpec, DefinitionStatus, Definitions};

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
    let config = watcher::Config::default().page_size(PAGE);
    watcher(Api::<Watched>::all(client), config).default_backoff().boxed()
}

/// The CRDs that the watch has shown.
#[derive(Default)]
pub struct Seen {
    definitions: Definitions,
    listing: Definitions,
    /// Whether the first list is complete: what is missing from half of a list is not known to be
    /// missing.
    pub is_complete: bool,
}

impl Seen {
    /// Takes an event in. Returns the CRDs that there are, if that may have changed.
    pub fn take(&mut self, event: Event<Watched>) -> Option<&Definitions> {
        match event {
            Event::Init => self.listing = Definitions::default(),
            Event::InitApply(crd) => self.listing.insert(definition(crd)),
            Event::InitDone => {
                self.definitions = std::mem::take(&mut self.listing);
                self.is_complete = true;
                return Some(&self.definitions);
            }
            Event::Apply(crd) if crd.spec.group == wasser_api::GROUP => {
                self.definitions.insert(definition(crd));
                return Some(&self.definitions);
            }
            Event::Delete(crd) if crd.spec.group == wasser_api::GROUP => {
                self.definitions
                    .remove(crd.metadata.name.as_deref().unwrap_or_default());
                return Some(&self.definitions);
            }
            Event::Apply(_) | Event::Delete(_) => {}
        }
        None
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
