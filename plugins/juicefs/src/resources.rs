//! Resources of the pods.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use wasser_sdk::{Error, Result};

use crate::input::{Component, Resources};
use crate::quantity;
use crate::store::Store;

/// Resources as a container takes them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResourceValues {
    /// Quantities by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// Quantities by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
}

impl ResourceValues {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.requests.is_empty()
    }
}

/// The resources of a component. A cache in memory is memory of the pod: the request is at least the quota, and a limit
/// below it is refused, since the pod would be killed when its cache fills up.
pub fn of(name: &str, component: &Component, store: &Store) -> Result<ResourceValues> {
    let field = format!("JuiceFSRuntime.spec.{name}.resources");
    check(&field, &component.resources)?;
    let Resources { limits, mut requests } = component.resources.clone();
    if let (true, Some(quota)) = (store.in_memory, store.quota) {
        let memory = |of: &BTreeMap<String, Value>| of.get("memory").and_then(quantity::bytes);
        if memory(&limits).is_some_and(|limit| limit < quota) {
            return Err(Error::invalid(
                format!("{field}.limits.memory"),
                format!("is less than the {quota} bytes of cache in memory; raise it above the tiered store's quota, or lower the quota"),
            ));
        }
        if memory(&requests).unwrap_or_default() < quota {
            requests.insert("memory".into(), readable(quota).into());
        }
    }
    Ok(ResourceValues {
        limits: texts(limits),
        requests: texts(requests),
    })
}

/// Quantities as text; users write `cpu: 2` as well as `cpu: "2"`.
fn texts(quantities: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    quantities.into_iter().map(|(name, value)| (name, text(value))).collect()
}

fn check(field: &str, resources: &Resources) -> Result<()> {
    for (part, quantities) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        for (name, quantity) in quantities {
            if quantity::bytes(quantity).is_none() {
                return Err(Error::invalid(
                    format!("{field}.{part}.{name}"),
                    format!("{quantity} is not a quantity; write for instance `1Gi`"),
                ));
            }
        }
    }
    Ok(())
}

/// A quantity with the largest unit that does not round.
fn readable(bytes: u64) -> String {
    let units = [(30, "Gi"), (20, "Mi"), (10, "Ki")];
    let fits = units.iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1u64 << shift));
    fits.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}
