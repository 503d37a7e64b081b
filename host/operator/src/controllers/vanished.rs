//! What a list after an interruption of a watch does not name, and is gone therefore.

use std::collections::HashSet;
use std::sync::Arc;

use kube::Resource;

/// Of what was there before a list, what is not there any more. One that was made again under its
/// name is another one.
pub fn vanished<K: Resource>(before: Vec<Arc<K>>, now: &[Arc<K>]) -> Vec<Arc<K>> {
    let there: HashSet<&str> = now.iter().filter_map(|object| object.meta().uid.as_deref()).collect();
    let is_gone = |object: &Arc<K>| !object.meta().uid.as_deref().is_some_and(|uid| there.contains(uid));
    before.into_iter().filter(is_gone).collect()
}
