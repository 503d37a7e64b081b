//! Quantities of Kubernetes that are sizes: `1Gi`, `40960`, `1.5G`.

use serde_json::Value;
use wasser_api::quantity;

/// The bytes of a quantity as it stands in an object; none where it is not one, or is negative.
pub fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text),
        _ => None,
    }
}

/// The bytes of a quantity written as text, in the same way.
pub fn parse(text: &str) -> Option<u64> {
    quantity::parse(text.trim()).ok().and_then(|bytes| u64::try_from(bytes).ok())
}
