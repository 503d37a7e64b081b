//! Chart values: what the plugin returned, with what all charts are given.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::objects::identity::Identity;

/// Adds what all charts are given to the values of a plugin, where the plugin did not set it.
///
/// # Errors
/// The values are not a JSON object.
pub fn complete(text: &str, identity: &Identity, owner: &OwnerReference) -> Result<Value, EngineError> {
    let invalid = |message: String| EngineError::Failed {
        method: "desired",
        message,
    };
    let values =
        serde_json::from_str(text).map_err(|error| invalid(format!("the chart values are not JSON: {error}")))?;
    let Value::Object(mut values) = values else {
        return Err(invalid("the chart values are not an object".to_owned()));
    };
    let common = [
        ("fullnameOverride", json!(identity.name)),
        ("ownerDatasetId", json!(identity.dataset_id())),
        (
            "runtimeIdentity",
            json!({"namespace": identity.namespace, "name": identity.name}),
        ),
        (
            "owner",
            json!({"enabled": true, "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name,
                "uid": owner.uid,
                   "controller": true, "blockOwnerDeletion": false}),
        ),
    ];
    for (key, value) in common {
        values.entry(key).or_insert(value);
    }
    Ok(Value::Object(values))
}
