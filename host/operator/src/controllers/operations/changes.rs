//! The changes of the operations of one kind, and who is told of them.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::runtime::watcher::{self, Event};
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_engine::operations::operation::status;

use super::all::Operations;
use crate::controllers::vanished::vanished;

/// The phases that were last seen, by which it is known what has changed.
type Seen = HashMap<ObjectKey, (String, OperationPhase)>;

/// Whether an operation is another one than was last seen, or in another phase.
fn is_news(seen: &mut Seen, object: &DynamicObject) -> bool {
    let now = (object.uid().unwrap_or_default(), status(object).phase);
    seen.insert(ObjectKey::of(object), now.clone()) != Some(now)
}

/// The operations that a watch tells about, after `store` has taken its events in.
///
/// What others ask about one is noted, and they are woken if its phase is another one, or if it is
/// gone: also where only a list after an interruption shows that.
pub(super) fn changes<S>(
    stream: S,
    kind: OperationKind,
    operations: Arc<Operations>,
    store: Store<DynamicObject>,
) -> impl Stream<Item = Vec<ObjectKey>>
where
    S: Stream<Item = Result<Event<DynamicObject>, watcher::Error>>,
{
    let (mut seen, mut before, mut is_first) = (Seen::new(), Vec::new(), true);
    stream.filter_map(move |event| {
        let keys: Vec<ObjectKey> = match event {
            Ok(Event::Apply(object)) => {
                let (key, object) = (ObjectKey::of(&object), Arc::new(object));
                operations.note(kind, &object);
                if is_news(&mut seen, &object) {
                    operations.changed(kind, object);
                }
                vec![key]
            }
            Ok(Event::Delete(object)) => {
                seen.remove(&ObjectKey::of(&object));
                operations.gone(kind, Arc::new(object));
                Vec::new()
            }
            Ok(Event::Init) => {
                before = store.state();
                Vec::new()
            }
            Ok(Event::InitApply(_)) => Vec::new(),
            Ok(Event::InitDone) => {
                let now = store.state();
                for object in vanished(std::mem::take(&mut before), &now) {
                    seen.remove(&ObjectKey::of(&*object));
                    operations.gone(kind, object);
                }
                now.iter().for_each(|object| operations.note(kind, object));
                // After the first list, everything is looked at.
                for object in &now {
                    if is_news(&mut seen, object) && !is_first {
                        operations.changed(kind, object.clone());
                    }
                }
                is_first = false;
                operations.note_listed(kind.as_str());
                now.iter().map(|object| ObjectKey::of(&**object)).collect()
            }
            Err(error) => {
                tracing::warn!(%kind, %error, "the watch was interrupted; it starts again");
                Vec::new()
            }
        };
        std::future::ready((!keys.is_empty()).then_some(keys))
    })
}
