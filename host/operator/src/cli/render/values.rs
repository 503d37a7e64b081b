//! What the host adds to a plugin's chart values, as in an installation.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use wasser_engine::{Identity, owner_reference};

/// The values of the plugin, with what all charts are given where it did not set it.
pub fn complete(text: &str, identity: &Identity, uid: &str) -> Result<Value> {
    let Value::Object(mut values) = serde_json::from_str(text).context("the chart values are not JSON")? else {
        bail!("the chart values are not an object");
    };
    let owner = owner_reference(&identity.kind, &identity.name, uid);
    let common = [
        ("fullnameOverride", json!(identity.name)),
        ("ownerDatasetId", json!(identity.dataset_id())),
        ("runtimeIdentity", json!({"namespace": identity.namespace, "name": identity.name})),
        (
            "owner",
            json!({"enabled": true, "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
                   "controller": true, "blockOwnerDeletion": false}),
        ),
    ];
    for (key, value) in common {
        values.entry(key).or_insert(value);
    }
    Ok(Value::Object(values))
}
