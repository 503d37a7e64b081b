//! Two runtimes of different kinds may have the same name, but a Dataset takes only one: the older.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::core::ApiResource;
use kube::runtime::reflector::{ObjectRef, Store};
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::watch;
use wasser_api::ObjectKey;
use wasser_api::names::is_of_type;
use wasser_engine::{RuntimeObject, Runtimes};

use crate::context::ServedKind;
use crate::unlisted::Reasons;

/// How long kinds may take to be listed after the start: those that compile are among them.
const STARTING: Duration = Duration::from_secs(300);

/// The runtimes of every kind that a plugin is registered for.
pub struct RuntimeIndex {
    began: Instant,
    stores: RwLock<BTreeMap<String, (ApiResource, Store<RuntimeObject>)>>,
    /// The kinds whose first list is complete.
    listed: watch::Sender<BTreeSet<String>>,
}

impl Default for RuntimeIndex {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            stores: RwLock::default(),
            listed: watch::Sender::default(),
        }
    }
}

impl RuntimeIndex {
    /// Adds the runtimes of a kind.
    pub fn add(&self, resource: &ApiResource, store: Store<RuntimeObject>) {
        self.stores
            .write()
            .insert(resource.kind.clone(), (resource.clone(), store));
    }

    /// Notes that the store of a kind holds its first list.
    pub fn listed(&self, kind: &str) {
        self.listed.send_if_modified(|listed| listed.insert(kind.to_owned()));
    }

    /// Waits until the runtimes of every kind that is served are listed, but for those that cannot
    /// be.
    ///
    /// A store's own `wait_until_ready` wakes only the last of those who wait for it, and the
    /// store's controller waits as well.
    pub async fn wait_until_listed(
        &self,
        mut served: watch::Receiver<Vec<ServedKind>>,
        mut unlisted: watch::Receiver<Reasons>,
    ) {
        let mut listed = self.listed.subscribe();
        loop {
            let is_complete = {
                let (served, listed) = (served.borrow_and_update(), listed.borrow_and_update());
                let unlisted = unlisted.borrow_and_update();
                let mut kinds = served.iter().map(|kind| &kind.resource.kind);
                kinds.all(|kind| listed.contains(kind) || unlisted.contains_key(kind))
            };
            if is_complete {
                return;
            }
            // Without the sender of kinds, none comes or goes any more.
            tokio::select! {
                _ = listed.changed() => {}
                Ok(()) = served.changed() => {}
                Ok(()) = unlisted.changed() => {}
            }
        }
    }

    /// Whether the runtimes of these types are all that there are: a Dataset that was bound has no
    /// runtime of another type.
    pub fn has_listed<'a>(&self, mut types: impl Iterator<Item = &'a str>) -> bool {
        let listed = self.listed.borrow();
        types.all(|runtime_type| listed.iter().any(|kind| is_of_type(kind, runtime_type)))
    }

    /// Forgets the runtimes of a kind that nobody serves any more.
    pub fn remove(&self, kind: &str) {
        self.stores.write().remove(kind);
        self.listed.send_if_modified(|listed| listed.remove(kind));
    }

    /// The runtimes of this namespace and name, each with how the API server serves its kind.
    pub fn named(&self, namespace: &str, name: &str) -> Vec<(ApiResource, Arc<RuntimeObject>)> {
        let stores = self.stores.read();
        let found = |(resource, store): &(ApiResource, Store<RuntimeObject>)| {
            let runtime = store.get(&ObjectRef::new_with(name, resource.clone()).within(namespace))?;
            Some((resource.clone(), runtime))
        };
        stores.values().filter_map(found).collect()
    }

    /// Whether there is a runtime of this kind, namespace and name.
    pub fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let stores = self.stores.read();
        stores.get(kind).is_some_and(|(resource, store)| {
            let of = ObjectRef::new_with(name, resource.clone()).within(namespace);
            store.get(&of).is_some()
        })
    }

    /// Does something for every runtime of a kind.
    pub fn each(&self, kind: &str, mut act: impl FnMut(ObjectKey)) {
        for runtime in self.all(kind) {
            act(ObjectKey::of(&*runtime));
        }
    }

    /// All runtimes of a kind.
    pub fn all(&self, kind: &str) -> Vec<Arc<RuntimeObject>> {
        let stores = self.stores.read();
        stores.get(kind).map(|(_, store)| store.state()).unwrap_or_default()
    }

    /// Does something for every runtime of a kind that has this text in a field.
    pub fn naming(&self, kind: &str, pointer: &str, text: &str, mut act: impl FnMut(ObjectKey)) {
        for runtime in self.all(kind) {
            if runtime.mentions(text) && runtime.object().pointer(pointer).and_then(Value::as_str) == Some(text) {
                act(ObjectKey::of(&*runtime));
            }
        }
    }

    /// The runtime of this type, namespace and name.
    pub fn of_type(&self, runtime_type: &str, namespace: &str, name: &str) -> Option<Arc<RuntimeObject>> {
        let stores = self.stores.read();
        let (resource, store) = stores
            .values()
            .find(|(resource, _)| is_of_type(&resource.kind, runtime_type))?;
        store.get(&ObjectRef::new_with(name, resource.clone()).within(namespace))
    }

    /// The kind of an older runtime with the same namespace and name; of two that are equally old,
    /// the one whose kind comes first. A runtime that is being deleted still counts: its release
    /// has the same name.
    pub fn older_than(&self, runtime: &RuntimeObject, kind: &str) -> Option<String> {
        let ObjectKey { namespace, name } = ObjectKey::of(runtime);
        let age = |object: &RuntimeObject| object.creation_timestamp().map(|time| time.0);
        let stores = self.stores.read();
        let others = stores.iter().filter(|(other, _)| *other != kind);
        let mut older = others.filter_map(|(other, (resource, store))| {
            let rival = store.get(&ObjectRef::new_with(&name, resource.clone()).within(&namespace))?;
            ((age(&rival), other.as_str()) < (age(runtime), kind)).then(|| other.clone())
        });
        older.next()
    }
}

impl Runtimes for RuntimeIndex {
    fn is_there(&self, namespace: &str, owner: &OwnerReference) -> Option<bool> {
        if !self.listed.borrow().contains(&owner.kind) {
            return None;
        }
        let stores = self.stores.read();
        let (resource, store) = stores.get(&owner.kind)?;
        let runtime = store.get(&ObjectRef::new_with(&owner.name, resource.clone()).within(namespace));
        Some(runtime.is_some_and(|runtime| runtime.metadata.uid.as_deref() == Some(owner.uid.as_str())))
    }

    fn is_starting(&self) -> bool {
        self.began.elapsed() < STARTING
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use kube::api::DynamicObject;
    use kube::core::GroupVersionKind;
    use kube::runtime::reflector::store::Writer;
    use kube::runtime::watcher::Event;
    use rstest::rstest;

    use super::*;

    fn kind(kind: &str) -> ServedKind {
        ServedKind {
            resource: ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", kind)),
            digest: String::new(),
        }
    }

    /// A runtime that was made in this second, and may be leaving.
    fn runtime(second: i64, is_leaving: bool) -> RuntimeObject {
        let at = |second| Time(Timestamp::from_second(second).unwrap());
        RuntimeObject::from(DynamicObject {
            types: None,
            metadata: ObjectMeta {
                name: Some("demo".to_owned()),
                namespace: Some("default".to_owned()),
                creation_timestamp: Some(at(second)),
                deletion_timestamp: is_leaving.then(|| at(9)),
                ..ObjectMeta::default()
            },
            data: Value::Null,
        })
    }

    #[rstest]
    #[case::older("A", 4, true)]
    #[case::as_old_and_first("A", 5, true)]
    #[case::younger("A", 6, false)]
    #[case::older_and_last("C", 4, true)]
    #[case::as_old_and_last("C", 5, false)]
    fn of_two_of_one_name_one_is_older(
        #[case] other: &str,
        #[case] second: i64,
        #[case] is_older: bool,
        #[values(false, true)] is_leaving: bool,
    ) {
        let runtimes = RuntimeIndex::default();
        for (name, runtime) in [(other, runtime(second, is_leaving)), ("B", runtime(5, false))] {
            let resource = kind(name).resource;
            let mut writer = Writer::new(resource.clone());
            writer.apply_watcher_event(&Event::Apply(runtime));
            runtimes.add(&resource, writer.as_reader());
        }
        let older = runtimes.older_than(&runtime(5, false), "B");
        assert_eq!(older, is_older.then(|| other.to_owned()));
    }

    #[tokio::test]
    async fn all_who_wait_for_the_first_lists_are_woken() {
        let runtimes = RuntimeIndex::default();
        let served = watch::Sender::new(vec![kind("A"), kind("B")]);
        let unlisted = watch::Sender::new(Reasons::new());
        let wait = || runtimes.wait_until_listed(served.subscribe(), unlisted.subscribe());
        let waiting = futures::future::join(wait(), wait());
        let listing = async { ["A", "A", "B"].map(|kind| runtimes.listed(kind)) };
        futures::future::join(waiting, listing).await;
        runtimes.remove("B");
        assert!(wait().now_or_never().is_none());
        let removing = async { served.send_replace(vec![kind("A")]) };
        futures::future::join(wait(), removing).await;
        served.send_replace(vec![kind("A"), kind("B")]);
        assert!(wait().now_or_never().is_none());
        runtimes.listed("DemoRuntime");
        assert!(runtimes.has_listed(["demo"].into_iter()));
        assert!(!runtimes.has_listed(["demo", "other"].into_iter()));
        let refusing = async { unlisted.send_replace(Reasons::from([("B".to_owned(), "no".to_owned())])) };
        futures::future::join(wait(), refusing).await;
    }
}
