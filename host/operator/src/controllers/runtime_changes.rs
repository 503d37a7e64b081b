//! The changes of the runtimes of one kind, and what is forgotten of those that are gone.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use wasser_api::ObjectKey;
use wasser_engine::Shared;

use super::change_bus::{Audience, ChangeBus};

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
    forget: impl Fn(&ObjectKey, &str) + Send,
) -> impl Stream<Item = ObjectRef<DynamicObject>>
where
    S: Stream<Item = Result<Event<DynamicObject>, watcher::Error>>,
{
    let mut known = HashMap::<ObjectKey, String>::new();
    let mut listed = HashMap::<ObjectKey, String>::new();
    stream.filter_map(move |event| {
        let gone = |key: ObjectKey, uid: &str| {
            shared.labeler.abandon(uid);
            shared.forget(uid);
            shared.references.forget_all(&key);
            forget(&key, uid);
            change_bus.touch(key, Audience::All);
        };
        let identity = |object: &DynamicObject| {
            let key = ObjectKey::of(object);
            (key, object.uid().unwrap_or_default())
        };
        // What refers to its Dataset shows its status, which is written after what else changes.
        let shown = |key: &ObjectKey| {
            for from in shared.references.to(key) {
                change_bus.touch(from, Audience::Runtimes);
            }
        };
        let key = match event {
            Ok(Event::Apply(object)) => {
                let (key, uid) = identity(&object);
                shown(&key);
                if let Some(former) = known.insert(key.clone(), uid.clone()).filter(|former| *former != uid) {
                    gone(key, &former);
                }
                Some(ObjectRef::from_obj_with(&object, resource.clone()))
            }
            Ok(Event::InitApply(object)) => {
                let (key, uid) = identity(&object);
                shown(&key);
                listed.insert(key, uid);
                Some(ObjectRef::from_obj_with(&object, resource.clone()))
            }
            Ok(Event::Delete(object)) => {
                let (key, uid) = identity(&object);
                known.remove(&key);
                gone(key, &uid);
                Some(ObjectRef::from_obj_with(&object, resource.clone()))
            }
            Ok(Event::Init) => {
                listed.clear();
                None
            }
            Ok(Event::InitDone) => {
                let former = std::mem::replace(&mut known, std::mem::take(&mut listed));
                for (key, uid) in former.into_iter().filter(|(key, uid)| known.get(key) != Some(uid)) {
                    gone(key, &uid);
                }
                None
            }
            Err(error) => {
                tracing::warn!(kind = resource.kind, %error, "the watch was interrupted; it starts again");
                None
            }
        };
        std::future::ready(key)
    })
}
