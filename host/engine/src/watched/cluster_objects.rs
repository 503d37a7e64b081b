//! Objects of the whole cluster that runtimes name in their specs, such as a profile that several
//! of them share: watched, since a runtime has to follow when one changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::reflector::{ObjectRef, Store};
use parking_lot::RwLock;

/// How long a watch may take to show its first list.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// Why an object is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamedError {
    /// Nobody watches the kind.
    #[error("objects of the kind {0} cannot be read by plugins")]
    NotWatched(String),
    /// The API server does not show them.
    #[error("objects of the kind {kind} cannot be read; is the CRD {crd} installed?")]
    NotShown {
        /// The kind.
        kind: String,
        /// The CRD that it needs.
        crd: String,
    },
}

/// The kinds that are watched, each with its objects.
#[derive(Default)]
pub struct ClusterObjects {
    stores: RwLock<BTreeMap<String, Store<DynamicObject>>>,
}

/// How the API server serves a kind of cluster-scoped objects of our group.
pub fn resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, kind))
}

impl ClusterObjects {
    /// Adds the store behind a watch of a kind.
    pub fn add(&self, kind: &str, store: Store<DynamicObject>) {
        let mut stores = self.stores.write();
        stores.insert(kind.to_owned(), store);
    }

    /// Forgets a kind that nobody watches any more.
    pub fn remove(&self, kind: &str) {
        self.stores.write().remove(kind);
    }

    /// An object, as the watch shows it.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Option<Arc<DynamicObject>>, NamedError> {
        self.get_within(FIRST_LIST, kind, name).await
    }

    async fn get_within(
        &self,
        patience: Duration,
        kind: &str,
        name: &str,
    ) -> Result<Option<Arc<DynamicObject>>, NamedError> {
        let store = self.stores.read().get(kind).cloned();
        let store = store.ok_or_else(|| NamedError::NotWatched(kind.to_owned()))?;
        let resource = resource(kind);
        match tokio::time::timeout(patience, store.wait_until_ready()).await {
            Ok(Ok(())) => Ok(store.get(&ObjectRef::new_with(name, resource))),
            _ => Err(NamedError::NotShown {
                kind: kind.to_owned(),
                crd: format!("{}.{}", resource.plural, resource.group),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::store::Writer;
    use kube::runtime::watcher::Event;

    use super::*;

    #[tokio::test]
    async fn what_is_not_there_is_told_from_what_is_not_known() {
        let cluster_objects = ClusterObjects::default();
        assert_eq!(
            cluster_objects.get("Profile", "a").await,
            Err(NamedError::NotWatched("Profile".to_owned()))
        );
        let mut writer = Writer::<DynamicObject>::new(resource("Profile"));
        cluster_objects.add("Profile", writer.as_reader());
        let refused = cluster_objects
            .get_within(Duration::ZERO, "Profile", "a")
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("profiles.data.fluid.io"), "{refused}");
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitApply(DynamicObject::new("a", &resource("Profile"))));
        writer.apply_watcher_event(&Event::InitDone);
        assert!(cluster_objects.get("Profile", "a").await.unwrap().is_some());
        assert!(cluster_objects.get("Profile", "b").await.unwrap().is_none());
    }
}
