//! Resources of containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasser_api::quantity;

use crate::{Error, Result};

/// Resources of a container, as users write them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Quantities by resource.
    pub limits: BTreeMap<String, Value>,
    /// Quantities by resource.
    pub requests: BTreeMap<String, Value>,
    /// Resources that the pod claims elsewhere.
    pub claims: Vec<Value>,
}

/// Resources as a container takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResourceValues {
    /// Quantities by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// Quantities by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// Resources that the pod claims elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Value>,
}

impl ResourceValues {
    /// Reports whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.requests.is_empty() && self.claims.is_empty()
    }
}

impl Resources {
    /// Returns the resources at `field` as a container takes them; refuses a text that is not a
    /// quantity.
    pub fn values(&self, field: &str) -> Result<ResourceValues> {
        Ok(ResourceValues {
            limits: texts(&format!("{field}.limits"), &self.limits)?,
            requests: texts(&format!("{field}.requests"), &self.requests)?,
            claims: self.claims.clone(),
        })
    }

    /// Returns the resources with `cache` bytes of memory. A cache in memory is memory of the pod:
    /// the request is at least the cache, and a limit below it is refused, since the pod would be
    /// killed when its cache fills up.
    pub fn hold_cache(&self, field: &str, cache: u64) -> Result<Self> {
        self.check_cache(field, cache)?;
        let mut resources = self.clone();
        if memory(&self.requests).unwrap_or_default() < cache {
            resources
                .requests
                .insert("memory".into(), quantity::of_bytes(cache).into());
        }
        Ok(resources)
    }

    /// Refuses a limit of memory below `cache` bytes that the pod is to hold in its memory.
    pub fn check_cache(&self, field: &str, cache: u64) -> Result<()> {
        if cache == 0 {
            return Ok(());
        }
        self.values(field)?;
        if memory(&self.limits).is_some_and(|limit| limit < cache) {
            return Err(Error::invalid(
                format!("{field}.limits.memory"),
                format!(
                    "is less than the {cache} bytes of cache in memory; raise it above the tiered store's quota, \
                     or lower the quota"
                ),
            ));
        }
        Ok(())
    }

    /// Returns the resources with `cache` bytes more memory, if it is limited: a client reads the
    /// cache's memory through its own.
    pub fn see_cache(&self, cache: u64) -> Self {
        let mut resources = self.clone();
        if let (true, Some(limit)) = (cache > 0, memory(&self.limits)) {
            let limit = quantity::of_bytes(limit.saturating_add(cache));
            resources.limits.insert("memory".into(), limit.into());
        }
        resources
    }
}

/// Quantities as text; users write `cpu: 2` as well as `cpu: "2"`.
fn texts(field: &str, quantities: &BTreeMap<String, Value>) -> Result<BTreeMap<String, String>> {
    let text = |(name, quantity): (&String, &Value)| {
        if quantity::bytes(quantity).is_none() {
            let message = format!("{quantity} is not a quantity; write for instance `1Gi`");
            return Err(Error::invalid(format!("{field}.{name}"), message));
        }
        let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_string);
        Ok((name.clone(), text))
    };
    quantities.iter().map(text).collect()
}

fn memory(quantities: &BTreeMap<String, Value>) -> Option<u64> {
    quantities.get("memory").and_then(quantity::bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::Resources;

    #[rstest]
    #[case::none(json!({}), 0, json!({}))]
    #[case::request(json!({"limits": {"cpu": 2}}), 1 << 30, json!({"limits": {"cpu": "2"},
        "requests": {"memory": "1Gi"}}))]
    #[case::enough(json!({"requests": {"memory": "2Gi"}}), 1 << 30, json!({"requests": {"memory": "2Gi"}}))]
    #[case::odd(json!({"requests": {"memory": 1}}), 1025, json!({"requests": {"memory": "1025"}}))]
    fn a_cache_in_memory_is_requested(#[case] asked: Value, #[case] cache: u64, #[case] expected: Value) {
        let asked: Resources = serde_json::from_value(asked).unwrap();
        let values = asked.hold_cache("f", cache).unwrap().values("f").unwrap();
        assert_eq!(serde_json::to_value(values).unwrap(), expected);
    }

    #[rstest]
    #[case::limit(json!({"limits": {"memory": "1Mi"}}), "f.limits.memory: is less than")]
    #[case::limit_of_words(json!({"limits": {"memory": "lots"}}), "f.limits.memory: \"lots\" is not a quantity")]
    #[case::request_of_words(json!({"requests": {"memory": "lots"}}), "f.requests.memory: \"lots\" is not a quantity")]
    fn a_cache_that_does_not_fit_is_refused(#[case] asked: Value, #[case] message: &str) {
        let asked: Resources = serde_json::from_value(asked).unwrap();
        let refused = asked.hold_cache("f", 1 << 30).unwrap_err().to_string();
        assert!(refused.starts_with(message), "{refused}");
    }
}
