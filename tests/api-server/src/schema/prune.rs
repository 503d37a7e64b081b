//! Unknown fields.

use serde_json::Value;

use super::{field, is};

/// Drops the fields that a schema does not know. The root has fields that no schema names.
pub(super) fn object(schema: &Value, value: &mut Value, is_root: bool) {
    match value {
        Value::Object(fields) => {
            let keeps = is(schema, "x-kubernetes-preserve-unknown-fields") || is(schema, "additionalProperties");
            let is_own = is_root || is(schema, "x-kubernetes-embedded-resource");
            fields.retain(|name, _| {
                let is_meta = is_own && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
                keeps || is_meta || field(schema, name).is_some()
            });
            for (name, inner) in fields {
                if is_own && name == "metadata" {
                    continue;
                }
                if let Some(schema) = field(schema, name) {
                    object(schema, inner, false);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| object(schema, item, false));
            }
        }
        _ => {}
    }
}
