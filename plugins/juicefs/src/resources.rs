//! Resources of the pods.

use wasser_sdk::Result;
use wasser_sdk::spec::ResourceValues;

use crate::input::Component;
use crate::store::Store;

/// Returns the resources of a component, which holds the cache if that is memory.
pub fn of(name: &str, component: &Component, store: &Store) -> Result<ResourceValues> {
    let field = format!("JuiceFSRuntime.spec.{name}.resources");
    let cache = store.quota.filter(|_| store.in_memory).unwrap_or_default();
    component.resources.hold_cache(&field, cache)?.values(&field)
}
