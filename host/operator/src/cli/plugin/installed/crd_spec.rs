//! Whether the CRD of a cluster is that of a plugin.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionSpec;
use serde_json::Value;

/// Returns whether the API server would keep a CRD as it is if this one were applied: it has the same
/// versions with the same schemas, and all else that this one says. The rest are defaults.
pub fn is_same(live: &CustomResourceDefinitionSpec, wanted: &CustomResourceDefinitionSpec) -> bool {
    let value = |spec: &CustomResourceDefinitionSpec| {
        let mut value = serde_json::to_value(spec).unwrap_or_default();
        drop_empty(&mut value);
        value
    };
    let (live, wanted) = (value(live), value(wanted));
    let versions = |spec: &Value| spec["versions"].as_array().cloned().unwrap_or_default();
    let (of_live, of_wanted) = (versions(&live), versions(&wanted));
    let is_same_version = |(live, wanted): (&Value, &Value)| live["schema"] == wanted["schema"] && has(live, wanted);
    let (mut live, mut wanted) = (live, wanted);
    for spec in [&mut live, &mut wanted] {
        spec.as_object_mut().map(|fields| fields.remove("versions"));
    }
    of_live.len() == of_wanted.len() && of_live.iter().zip(&of_wanted).all(is_same_version) && has(&live, &wanted)
}

/// Returns whether a value has all that another one says.
fn has(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| live.get(key).is_some_and(|live| has(live, wanted))),
        (live, wanted) => live == wanted,
    }
}

/// Flags and maps that the API server keeps only if they say something.
const FLAGS: [&str; 5] = [
    "nullable",
    "preserveUnknownFields",
    "uniqueItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
];
const MAPS: [&str; 3] = ["properties", "patternProperties", "dependencies"];

/// Drops what the API server does not keep, or keeps as if nothing was said.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(drop_empty);
            let is_empty = |key: &str, value: &Value| match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Bool(flag) => !flag && FLAGS.contains(&key),
                Value::Object(map) => map.is_empty() && MAPS.contains(&key),
                _ => false,
            };
            fields.retain(|key, value| !is_empty(key, value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({
            "group": "data.fluid.io", "scope": "Namespaced", "names": {"kind": "DemoRuntime", "plural": "demoruntimes"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "required": [], "properties": {
                    "size": {"type": "integer"},
            }}}}}}],
        })
    }

    const SCHEMA: &str = "/versions/0/schema/openAPIV3Schema/properties/spec/properties";

    #[rstest]
    #[case::defaults("/names", json!({"kind": "DemoRuntime", "plural": "demoruntimes", "listKind": "DemoRuntimeList"}), true)]
    #[case::another_type(SCHEMA, json!({"size": {"type": "string"}}), false)]
    #[case::an_old_field(SCHEMA, json!({"size": {"type": "integer"}, "old": {"type": "string"}}), false)]
    #[case::of_any_fields(SCHEMA, json!({"size": {"type": "integer", "properties": {}, "nullable": false}}), true)]
    #[case::nullable(SCHEMA, json!({"size": {"type": "integer", "nullable": true}}), false)]
    #[case::a_default(SCHEMA, json!({"size": {"type": "integer", "default": 0}}), false)]
    #[case::another_scope("/scope", json!("Cluster"), false)]
    fn what_the_api_server_adds_does_not_count(#[case] pointer: &str, #[case] value: Value, #[case] same: bool) {
        let read = |spec: Value| serde_json::from_value::<CustomResourceDefinitionSpec>(spec).unwrap();
        let mut live = spec();
        *live.pointer_mut(pointer).unwrap() = value;
        assert_eq!(is_same(&read(live), &read(spec())), same);
        assert!(is_same(&read(spec()), &read(spec())));
    }
}
