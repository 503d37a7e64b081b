//! What a plugin gets to know with each call.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use wasser_plugin::Context;
use wasser_plugin::Plugin;

use crate::objects::identity::Identity;

/// Returns the context of a runtime that nothing is installed for; `runtime` and `dataset` are the
/// objects.
pub fn context(
    plugin: &Plugin,
    identity: &Identity,
    mount_root: &str,
    runtime: &Value,
    dataset: Option<String>,
) -> Context {
    Context {
        namespace: identity.namespace.clone(),
        name: identity.name.clone(),
        dataset_id: identity.dataset_id(),
        runtime: runtime.to_string(),
        dataset,
        mount_path: identity.mount_path(mount_root),
        fuse_label: identity.fuse_label(),
        images: pairs(&plugin.images),
        settings: pairs(&plugin.settings),
        installed: None,
        roles: Vec::new(),
        now: now(),
        granted: plugin.grants.as_wants(),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
