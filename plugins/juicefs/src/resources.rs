//! Resources of the pods.

use wasser_sdk::Result;
use wasser_sdk::spec::ResourceValues;

use crate::describe::FUSE;
use crate::input::Component;
use crate::store::Store;

/// Returns the resources of a component. A cache in memory is one directory for all pods of a node:
/// the client requests it, since there is one wherever there are applications, and no worker does.
pub fn of(role: &str, component: &Component, store: &Store) -> Result<ResourceValues> {
    let field = format!("JuiceFSRuntime.spec.{role}.resources");
    let cache = store.quota.filter(|_| store.in_memory).unwrap_or_default();
    if role == FUSE {
        return component.resources.hold_cache(&field, cache)?.values(&field);
    }
    component.resources.check_cache(&field, cache)?;
    component.resources.values(&field)
}
