//! What the specs of pods name.

use std::collections::BTreeSet;

use serde_json::Value;

/// The ConfigMaps that a pod template, or a part of one, names: as volumes and as environment.
pub fn config_maps(part: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(part, &mut names);
    names
}

fn collect(part: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            for (key, value) in fields {
                if ["configMap", "configMapRef", "configMapKeyRef"].contains(&key.as_str())
                    && let Some(name) = value.get("name").and_then(Value::as_str)
                {
                    names.insert(name.to_owned());
                }
                collect(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn config_maps_are_found_wherever_a_pod_names_them() {
        let template = json!({"spec": {
            "volumes": [
                {"name": "script", "configMap": {"name": "a"}},
                {"name": "all", "projected": {"sources": [{"configMap": {"name": "b"}}, {"secret": {"name": "no"}}]}},
            ],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "c"}}]}],
            "containers": [{"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "d", "key": "x"}}}]}],
        }});
        assert_eq!(
            config_maps(&template).into_iter().collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
    }
}
