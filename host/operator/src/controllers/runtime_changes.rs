//! The changes of the runtimes of one kind, and what is forgotten of those that are gone.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::core::ApiResource;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use parking_lot::Mutex;
use wasser_api::{ObjectKey, finalizers};
use wasser_engine::{RuntimeObject, Shared};

use super::change_bus::{Audience, ChangeBus};

/// The UIDs of the runtimes of a kind that were last seen. They outlive the watch: runtimes may go
/// while no plugin serves their kind.
pub type Known = Arc<Mutex<HashMap<ObjectKey, String>>>;

/// The runtimes that a watch tells about.
///
/// A runtime that is gone is forgotten, however it went, and whoever waits for that is woken: its
/// Dataset, and other runtimes of its name. One that changed wakes the runtimes of Datasets that
/// refer to its own.
pub fn changes<S>(
    stream: S,
    resource: ApiResource,
    shared: Arc<Shared>,
    change_bus: Arc<ChangeBus>,
    known: Known,
    forget: impl Fn(&ObjectKey, &str) + Send,
) -> impl Stream<Item = ObjectRef<RuntimeObject>>
where
    S: Stream<Item = Result<Event<RuntimeObject>, watcher::Error>>,
{
    let mut listed = HashMap::<ObjectKey, String>::new();
    let changes = stream.map(move |event| {
        let gone = |key: ObjectKey, uid: &str| {
            shared.labeler.abandon(uid);
            shared.forget(uid);
            shared.references.forget_all(&key);
            forget(&key, uid);
            change_bus.touch(key, Audience::All);
        };
        let identity = |object: &RuntimeObject| {
            let key = ObjectKey::of(object);
            (key, object.uid().unwrap_or_default())
        };
        // What refers to its Dataset shows its status, which is written after what else changes.
        let shown = |key: &ObjectKey| {
            for from in shared.references.to(key) {
                change_bus.touch(from, Audience::Runtimes);
            }
        };
        match event {
            Ok(Event::Apply(object)) => {
                let (key, uid) = identity(&object);
                shown(&key);
                // One that somebody else's finalizer holds is waited for no longer.
                if object.metadata.deletion_timestamp.is_some()
                    && !object
                        .finalizers()
                        .iter()
                        .any(|finalizer| finalizers::is_of_runtime(finalizer))
                {
                    change_bus.touch(key.clone(), Audience::All);
                }
                let former = known.lock().insert(key.clone(), uid.clone());
                if let Some(former) = former.filter(|former| *former != uid) {
                    gone(key, &former);
                }
                vec![ObjectRef::from_obj_with(&object, resource.clone())]
            }
            Ok(Event::InitApply(object)) => {
                let (key, uid) = identity(&object);
                listed.insert(key, uid);
                Vec::new()
            }
            Ok(Event::Delete(object)) => {
                let (key, uid) = identity(&object);
                known.lock().remove(&key);
                gone(key, &uid);
                vec![ObjectRef::from_obj_with(&object, resource.clone())]
            }
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let now = std::mem::take(&mut listed);
                let mut former = std::mem::replace(&mut *known.lock(), now.clone());
                former.retain(|key, uid| now.get(key) != Some(uid));
                former.into_iter().for_each(|(key, uid)| gone(key, &uid));
                // Only now does the store have what the list has named.
                now.keys().for_each(shown);
                let reference = |key: &ObjectKey| {
                    ObjectRef::<RuntimeObject>::new_with(&key.name, resource.clone()).within(&key.namespace)
                };
                now.keys().map(reference).collect()
            }
            Err(error) => {
                tracing::warn!(kind = resource.kind, %error, "the watch was interrupted; it starts again");
                Vec::new()
            }
        }
    });
    changes.flat_map(futures::stream::iter)
}
