//! The objects of one Dataset of a benchmark, whatever its cache system.

use serde_json::{Value, json};

/// The namespace of the Datasets that are measured.
pub const NAMESPACE: &str = "bench";
/// The objects of one Dataset.
pub struct Objects {
    /// Its Secret.
    pub secret: Value,
    /// The mount of the Dataset.
    pub mount: Value,
    /// The spec of the runtime.
    pub runtime: Value,
}

/// Returns the name of a Dataset's Secret.
fn secret_name(dataset: &str) -> String {
    format!("{dataset}-secret")
}

/// Returns a Dataset's Secret with this data.
pub fn secret(dataset: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret_name(dataset)}, "stringData": data})
}

/// Returns an option whose value is in the Dataset's Secret.
pub fn encrypted(dataset: &str, name: &str, key: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret_name(dataset), "key": key}}})
}
