//! Values that others have installed, as this version of the plugin counts them.

use serde_json::{Map, Value};
use wasser_sdk::Origin;

/// Where the claim templates of the workers are.
const CLAIMS: &str = "/worker/volumeClaimTemplates";

/// Translates values. Those of Fluid have the empty fields of Go's types in claim templates, which
/// say nothing.
pub fn migrate(mut installed: Value, from: &Origin) -> Value {
    if matches!(from, Origin::Plugin { .. }) {
        return installed;
    }
    let claims = installed.pointer_mut(CLAIMS).and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten() {
        *claim = without_empty(claim);
    }
    installed
}

/// Returns a claim without fields that say nothing.
pub fn without_empty(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return value.clone();
    };
    let fields: Map<String, Value> = fields.iter().map(|(k, v)| (k.clone(), without_empty(v))).collect();
    let empty = |v: &Value| v.is_null() || v.as_object().is_some_and(Map::is_empty);
    Value::Object(fields.into_iter().filter(|(_, v)| !empty(v)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_fields_of_fluid_are_left_out_of_claims() {
        let spec = json!({"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"});
        let claim = json!({"metadata": {"name": "cache"}, "spec": spec});
        let mut of_fluid = claim.clone();
        of_fluid["metadata"]["creationTimestamp"] = Value::Null;
        of_fluid["status"] = json!({});
        let values = |claim: &Value| json!({"image": "i", "worker": {"volumeClaimTemplates": [claim]}});
        let fluid = Origin::Fluid("0.2.17".to_owned());
        assert_eq!(migrate(values(&of_fluid), &fluid), values(&claim));
        let plugin = Origin::Plugin {
            name: "juicefs".to_owned(),
            version: "0.1.0".to_owned(),
        };
        assert_eq!(migrate(values(&of_fluid), &plugin), values(&of_fluid));
        assert_eq!(migrate(json!({"worker": {}}), &fluid), json!({"worker": {}}));
    }
}
