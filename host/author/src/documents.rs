//! YAML with Kubernetes objects.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The objects in a YAML text of several documents; lists are taken apart.
pub fn objects(text: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for (index, document) in yaml_serde::Deserializer::from_str(text).enumerate() {
        let value = merged(document).with_context(|| format!("document {} is not YAML", index + 1))?;
        match value {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind").and_then(Value::as_str) == Some("List") => {
                match list.remove("items") {
                    Some(Value::Array(items)) => objects.extend(items),
                    _ => bail!("document {} is a List without items", index + 1),
                }
            }
            object @ Value::Object(_) => objects.push(object),
            _ => bail!("document {} is no Kubernetes object", index + 1),
        }
    }
    Ok(objects)
}

/// Reads a document with its merge keys (`<<`), as kubectl does.
fn merged(document: yaml_serde::Deserializer<'_>) -> Result<Value> {
    let mut value = yaml_serde::Value::deserialize(document)?;
    value.apply_merge()?;
    Ok(serde_json::to_value(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_are_objects() {
        let found = objects("# nothing\n---\nkind: A\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n").unwrap();
        assert_eq!(
            found
                .iter()
                .map(|object| object["kind"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["A", "B", "C"]
        );
        assert!(
            objects("- 1\n")
                .unwrap_err()
                .to_string()
                .contains("no Kubernetes object")
        );
        assert!(format!("{:#}", objects("kind: [").unwrap_err()).contains("document 1 is not YAML"));
    }

    #[test]
    fn merge_keys_are_followed() {
        let found = objects("spec:\n  worker: &w {a: 1, b: 2}\n  fuse: {<<: *w, b: 3}\n").unwrap();
        assert_eq!(
            found,
            [serde_json::json!({"spec": {"worker": {"a": 1, "b": 2}, "fuse": {"a": 1, "b": 3}}})]
        );
    }
}
