//! Defaults and nulls.

use serde_json::Value;

use crate::{field, is};

/// Sets missing fields, and fields that must not be null, to their defaults.
pub fn defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                let Some(default) = schema.get("default") else { continue };
                let is_missing = match fields.get(name) {
                    None => true,
                    Some(Value::Null) => !is(schema, "nullable"),
                    Some(_) => false,
                };
                if is_missing {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, inner) in fields {
                if let Some(schema) = field(schema, name) {
                    defaults(schema, inner);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| defaults(schema, item));
            }
        }
        _ => {}
    }
}

/// Drops fields that must not be null.
pub fn drop_nulls(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_allowed = |name: &str| field(schema, name).is_none_or(|schema| is(schema, "nullable"));
            fields.retain(|name, inner| !inner.is_null() || is_allowed(name));
            for (name, inner) in fields {
                if let Some(schema) = field(schema, name) {
                    drop_nulls(schema, inner);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls(schema, item));
            }
        }
        _ => {}
    }
}
