//! The kinds that can be served: a plugin is registered, and the API server has the CRD.

use std::collections::BTreeSet;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasser_plugin::Registry;

use crate::context::ServedKind;

/// The kinds that a plugin is registered for, whether or not the API server knows them.
pub fn registered(registry: &Registry) -> Vec<ServedKind> {
    let kind = |plugin: &wasser_plugin::Plugin| {
        let kind = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, &plugin.description.kind);
        ServedKind {
            resource: ApiResource::from_gvk_with_plural(&kind, &plugin.description.plural),
            digest: identity(plugin),
        }
    };
    registry.all().iter().map(|plugin| kind(plugin)).collect()
}

/// Differs between two plugins whose runtimes may want other values: another component, chart, image, setting or grant.
fn identity(plugin: &wasser_plugin::Plugin) -> String {
    format!(
        "{} {} {:?} {:?} {}",
        plugin.digest, plugin.chart_digest, plugin.images, plugin.settings, plugin.grants
    )
}

/// Keeps `kinds` at those of `registered` whose CRD exists, until told to stop.
pub async fn watch_kinds(
    client: Client,
    mut registered: watch::Receiver<Vec<ServedKind>>,
    kinds: watch::Sender<Vec<ServedKind>>,
    stop: CancellationToken,
) {
    let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(client);
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut crds = Crds::default();
    let mut waiting = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = registered.changed() => if changed.is_err() { return },
            event = events.next() => match event {
                None => return,
                Some(Ok(event)) => {
                    crds.take(&event);
                    // Half of a list says nothing of what is missing.
                    if matches!(event, Event::Init | Event::InitApply(_)) { continue }
                }
                Some(Err(error)) => tracing::warn!(%error, "the watch of CRDs was interrupted; it starts again"),
            },
        }
        let wanted = registered.borrow().clone();
        let missing: BTreeSet<String> = wanted.iter().map(crd_name).filter(|name| !crds.names.contains(name)).collect();
        for crd in missing.difference(&waiting) {
            tracing::warn!(
                crd,
                "a plugin is registered whose CRD is not there; it is served once `wasser plugin crd FILE | kubectl apply -f -` was done"
            );
        }
        waiting = missing;
        let served = crds.served(wanted);
        kinds.send_if_modified(|before| {
            let modified = *before != served;
            if modified {
                *before = served;
            }
            modified
        });
    }
}

/// The name of the CRD of a kind.
fn crd_name(kind: &ServedKind) -> String {
    format!("{}.{}", kind.resource.plural, kind.resource.group)
}

/// The names of the CRDs of our group.
#[derive(Default)]
struct Crds {
    names: BTreeSet<String>,
    listing: BTreeSet<String>,
}

impl Crds {
    fn take(&mut self, event: &Event<PartialObjectMeta<CustomResourceDefinition>>) {
        let ours = |crd: &PartialObjectMeta<_>| Some(crd.name_any()).filter(|name| name.ends_with(&format!(".{}", wasser_api::GROUP)));
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(crd) => self.listing.extend(ours(crd)),
            Event::InitDone => self.names = std::mem::take(&mut self.listing),
            Event::Apply(crd) => self.names.extend(ours(crd)),
            Event::Delete(crd) => drop(self.names.remove(&crd.name_any())),
        }
    }

    fn served(&self, mut registered: Vec<ServedKind>) -> Vec<ServedKind> {
        registered.retain(|kind| self.names.contains(&crd_name(kind)));
        registered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crd(name: &str) -> PartialObjectMeta<CustomResourceDefinition> {
        let mut crd = PartialObjectMeta::default();
        crd.metadata.name = Some(name.to_owned());
        crd
    }

    fn kind(kind: &str, plural: &str) -> ServedKind {
        let kind = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, kind);
        ServedKind {
            resource: ApiResource::from_gvk_with_plural(&kind, plural),
            digest: String::new(),
        }
    }

    #[test]
    fn a_kind_is_served_while_its_crd_exists() {
        let (mut crds, wanted) = (Crds::default(), vec![kind("DemoRuntime", "demoruntimes")]);
        assert!(crds.served(wanted.clone()).is_empty());
        for event in [Event::Init, Event::InitApply(crd("demoruntimes.other.io")), Event::InitDone] {
            crds.take(&event);
        }
        assert!(crds.served(wanted.clone()).is_empty());
        crds.take(&Event::Apply(crd("demoruntimes.data.fluid.io")));
        assert_eq!(crds.served(wanted.clone()), wanted);
        crds.take(&Event::Delete(crd("demoruntimes.data.fluid.io")));
        assert!(crds.served(wanted).is_empty());
    }
}
