//! Unknown fields.

use serde_json::Value;

use crate::{field, is, join};

/// Drops the fields of the object at `path` that a schema does not know, and notes their paths. The root
/// has fields that no schema names.
pub fn object(schema: &Value, value: &mut Value, is_root: bool, path: &str, dropped: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let keeps = is(schema, "x-kubernetes-preserve-unknown-fields") || is(schema, "additionalProperties");
            let is_own = is_root || is(schema, "x-kubernetes-embedded-resource");
            fields.retain(|name, _| {
                let is_meta = is_own && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
                let is_known = keeps || is_meta || field(schema, name).is_some();
                if !is_known {
                    dropped.push(join(path, name));
                }
                is_known
            });
            for (name, inner) in fields {
                if is_own && name == "metadata" {
                    continue;
                }
                if let Some(schema) = field(schema, name) {
                    object(schema, inner, false, &join(path, name), dropped);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter_mut().enumerate() {
                    object(schema, item, false, &format!("{path}[{index}]"), dropped);
                }
            }
        }
        _ => {}
    }
}
