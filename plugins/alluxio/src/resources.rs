//! Resources of the containers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wasser_sdk::{Error, Result};

use crate::input::Resources;
use crate::quantity;

/// The resources of a component as a container takes them.
pub fn of(field: &str, resources: &Resources) -> Result<Value> {
    let mut parts = Map::new();
    for (part, quantities) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        let mut texts = Map::new();
        for (name, quantity) in quantities {
            if quantity::bytes(quantity).is_none() {
                return Err(Error::invalid(
                    format!("{field}.{part}.{name}"),
                    format!("{quantity} is not a quantity; write for instance `1Gi`"),
                ));
            }
            // Users write `cpu: 2` as well as `cpu: "2"`.
            let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_string);
            texts.insert(name.clone(), text.into());
        }
        if !texts.is_empty() {
            parts.insert(part.into(), texts.into());
        }
    }
    Ok(parts.into())
}

/// A cache in memory is memory of the worker's pod: the request is at least the cache, and a limit below it is refused, since the pod would
/// be killed when its cache fills up.
pub fn hold_cache(field: &str, resources: &Resources, cache: u64) -> Result<Resources> {
    let mut resources = resources.clone();
    if cache == 0 {
        return Ok(resources);
    }
    if memory(&resources.limits).is_some_and(|limit| limit < cache) {
        return Err(Error::invalid(
            format!("{field}.limits.memory"),
            format!("is less than the {cache} bytes of cache in memory; raise it above the tiered store's quota, or lower the quota"),
        ));
    }
    if memory(&resources.requests).unwrap_or_default() < cache {
        resources.requests.insert("memory".into(), readable(cache).into());
    }
    Ok(resources)
}

/// A client reads the cache's memory through its own: where its memory is limited, the cache comes on top.
pub fn see_cache(resources: &Resources, cache: u64) -> Resources {
    let mut resources = resources.clone();
    if let (true, Some(limit)) = (cache > 0, memory(&resources.limits)) {
        resources
            .limits
            .insert("memory".into(), readable(limit.saturating_add(cache)).into());
    }
    resources
}

fn memory(quantities: &BTreeMap<String, Value>) -> Option<u64> {
    quantities.get("memory").and_then(quantity::bytes)
}

/// A quantity with the largest unit that does not round.
fn readable(bytes: u64) -> String {
    let units = [(30, "Gi"), (20, "Mi"), (10, "Ki")];
    let fits = units.iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1u64 << shift));
    fits.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}
