//! Whether the schema of a CRD is structural, as the API server wants it: it refuses a CRD whose
//! schema is not.

use serde_json::{Map, Value};

/// What no schema may have.
const FORBIDDEN: [&str; 10] = [
    "$ref",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
];
/// What only the structure may have, and not what is below `allOf`, `anyOf`, `oneOf` and `not`.
const STRUCTURE: [&str; 8] = [
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
];
const JUNCTORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// The deepest schema that is looked at.
const DEPTH: usize = 64;

/// Returns what is wrong with a schema, each with the path of its place.
pub fn faults(schema: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if schema["type"] != "object" {
        faults.push("openAPIV3Schema: its type must be `object`".to_owned());
    }
    walk(schema, "openAPIV3Schema", true, DEPTH, &mut faults);
    faults
}

fn walk(schema: &Value, path: &str, is_root: bool, depth: usize, faults: &mut Vec<String>) {
    let Some(fields) = schema.as_object() else {
        faults.push(format!("{path}: it must be a schema, which is an object"));
        return;
    };
    let Some(depth) = depth.checked_sub(1) else {
        faults.push(format!("{path}: it is nested too deeply"));
        return;
    };
    common(fields, path, faults);
    structure(fields, path, faults);
    lists(fields, path, faults);
    if is_root {
        metadata(fields, path, faults);
    }
    below(fields, path, depth, faults);
}

/// Goes on with the schemas of the structure.
fn below(fields: &Map<String, Value>, path: &str, depth: usize, faults: &mut Vec<String>) {
    for (name, property) in fields
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        walk(property, &format!("{path}.properties[{name}]"), false, depth, faults);
    }
    match fields.get("items") {
        Some(Value::Array(_)) => faults.push(format!("{path}.items: it must be one schema, not a list of them")),
        Some(items) => walk(items, &format!("{path}.items"), false, depth, faults),
        None if fields.get("type").is_some_and(|found| found == "array") => {
            faults.push(format!("{path}: an array needs `items`"));
        }
        None => {}
    }
    match fields.get("additionalProperties") {
        Some(Value::Bool(true)) | None => {}
        Some(Value::Bool(false)) => faults.push(format!(
            "{path}.additionalProperties: it must not be false; fields that are not listed are dropped anyway"
        )),
        Some(schema) => walk(schema, &format!("{path}.additionalProperties"), false, depth, faults),
    }
    for junctor in JUNCTORS {
        let all = fields.get(junctor).and_then(Value::as_array);
        for (at, schema) in all.into_iter().flatten().enumerate() {
            value_rule(schema, fields, &format!("{path}.{junctor}[{at}]"), depth, faults);
        }
    }
    if let Some(schema) = fields.get("not") {
        value_rule(schema, fields, &format!("{path}.not"), depth, faults);
    }
}

fn common(fields: &Map<String, Value>, path: &str, faults: &mut Vec<String>) {
    for word in FORBIDDEN {
        if fields.contains_key(word) {
            faults.push(format!("{path}.{word}: it must not be used in a CRD"));
        }
    }
    if fields.get("uniqueItems").is_some_and(|unique| *unique == true) {
        faults.push(format!(
            "{path}.uniqueItems: it must not be true; use `x-kubernetes-list-type: set`"
        ));
    }
}

fn is_set(fields: &Map<String, Value>, key: &str) -> bool {
    fields.get(key).is_some_and(|value| *value == true)
}

fn structure(fields: &Map<String, Value>, path: &str, faults: &mut Vec<String>) {
    let found = fields.get("type").map(|found| found.as_str().unwrap_or("?"));
    let is_either = is_set(fields, "x-kubernetes-int-or-string");
    let is_open = is_set(fields, "x-kubernetes-preserve-unknown-fields");
    match found {
        None | Some("") if is_either || is_open => {}
        None | Some("") => faults.push(format!(
            "{path}: it has no `type`; name one, or set `x-kubernetes-preserve-unknown-fields: true`"
        )),
        Some(_) if is_either => faults.push(format!(
            "{path}.type: it must not be there next to `x-kubernetes-int-or-string`"
        )),
        Some(known) if TYPES.contains(&known) => {}
        Some(other) => faults.push(format!("{path}.type: there is no type `{other}`")),
    }
    if fields.contains_key("properties") && fields.contains_key("additionalProperties") {
        faults.push(format!(
            "{path}: it must not have both `properties` and `additionalProperties`"
        ));
    }
    if is_set(fields, "x-kubernetes-embedded-resource") {
        if found != Some("object") {
            faults.push(format!("{path}.type: an embedded resource must be an `object`"));
        }
        if !is_open && !fields.contains_key("properties") {
            faults.push(format!(
                "{path}: an embedded resource needs `properties`, or must preserve unknown fields"
            ));
        }
    }
}

/// The rules for lists and maps that are merged.
fn lists(fields: &Map<String, Value>, path: &str, faults: &mut Vec<String>) {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let is = |wanted: &str| text("type") == Some(wanted);
    if let Some(kind) = text("x-kubernetes-map-type")
        && !(is("object") && ["granular", "atomic"].contains(&kind))
    {
        faults.push(format!(
            "{path}.x-kubernetes-map-type: it is `granular` or `atomic`, and only for objects"
        ));
    }
    let keys = fields.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
    let Some(kind) = text("x-kubernetes-list-type") else {
        if keys.is_some() {
            faults.push(format!(
                "{path}.x-kubernetes-list-map-keys: it needs `x-kubernetes-list-type: map`"
            ));
        }
        return;
    };
    let items = fields.get("items").unwrap_or(&Value::Null);
    match kind {
        _ if !is("array") => faults.push(format!("{path}.x-kubernetes-list-type: it is only for arrays")),
        "atomic" => {}
        "set" => {
            let is_whole = |kind: &str| items[kind] == "atomic";
            let is_scalar = items["type"] != "object" && items["type"] != "array";
            if !is_scalar && !is_whole("x-kubernetes-list-type") && !is_whole("x-kubernetes-map-type") {
                faults.push(format!("{path}.items: what is in a set must be a scalar, or atomic"));
            }
        }
        "map" => map_keys(items, keys, path, faults),
        other => faults.push(format!(
            "{path}.x-kubernetes-list-type: it is `atomic`, `set` or `map`, not `{other}`"
        )),
    }
}

fn map_keys(items: &Value, keys: Option<&Vec<Value>>, path: &str, faults: &mut Vec<String>) {
    let keys: Vec<&str> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
    if keys.is_empty() {
        faults.push(format!(
            "{path}.x-kubernetes-list-map-keys: a list of type `map` needs at least one key"
        ));
    }
    if items["type"] != "object" {
        faults.push(format!(
            "{path}.items: what is in a list of type `map` must be an `object`"
        ));
        return;
    }
    let required: Vec<&str> = items["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for key in keys {
        match items["properties"].get(key) {
            None => faults.push(format!(
                "{path}.items.properties: the key `{key}` of the list is not there"
            )),
            Some(property) => {
                if property.get("default").is_none() && !required.contains(&key) {
                    faults.push(format!(
                        "{path}.items: the key `{key}` of the list must be in `required`, or have a `default`"
                    ));
                }
                if property["type"] == "object" || property["type"] == "array" {
                    faults.push(format!(
                        "{path}.items.properties[{key}]: a key of a list must be a scalar"
                    ));
                }
            }
        }
    }
}

/// The API server validates metadata itself.
fn metadata(fields: &Map<String, Value>, path: &str, faults: &mut Vec<String>) {
    let metadata = fields.get("properties").and_then(|all| all.get("metadata"));
    let Some(metadata) = metadata.and_then(Value::as_object) else {
        return;
    };
    let restricted = metadata.get("properties").and_then(Value::as_object);
    let other = restricted
        .into_iter()
        .flatten()
        .find(|(name, _)| !["name", "generateName"].contains(&name.as_str()));
    if let Some((name, _)) = other {
        faults.push(format!(
            "{path}.properties[metadata].properties[{name}]: only `name` and `generateName` may be restricted"
        ));
    }
}

/// A schema below `allOf`, `anyOf`, `oneOf` or `not`: it may restrict what the structure has, and add
/// nothing to it.
fn value_rule(schema: &Value, structure: &Map<String, Value>, path: &str, depth: usize, faults: &mut Vec<String>) {
    let (Some(fields), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else {
        faults.push(format!(
            "{path}: it must be a schema, which is an object, and not nested too deeply"
        ));
        return;
    };
    common(fields, path, faults);
    // `anyOf: [{type: integer}, {type: string}]` is what an integer or a string is made of.
    let is_either = is_set(structure, "x-kubernetes-int-or-string");
    for word in STRUCTURE.iter().filter(|word| fields.contains_key(**word)) {
        if !(is_either && *word == "type") {
            faults.push(format!(
                "{path}.{word}: it belongs outside of `allOf`, `anyOf`, `oneOf` and `not`"
            ));
        }
    }
    for (name, property) in fields
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let empty = Map::new();
        let outside = structure
            .get("properties")
            .and_then(|all| all.get(name))
            .and_then(Value::as_object);
        if outside.is_none() {
            faults.push(format!(
                "{path}.properties[{name}]: the property must be listed outside as well"
            ));
        }
        value_rule(
            property,
            outside.unwrap_or(&empty),
            &format!("{path}.properties[{name}]"),
            depth,
            faults,
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn with(spec: Value) -> Vec<String> {
        faults(&json!({"type": "object", "properties": {"spec": spec}}))
    }

    #[rstest]
    #[case(json!({"type": "string", "enum": ["a"], "default": "a"}))]
    #[case(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}))]
    #[case(json!({"x-kubernetes-preserve-unknown-fields": true}))]
    #[case(json!({"type": "object", "additionalProperties": {"type": "string"}}))]
    #[case(json!({"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}]}))]
    #[case(json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}))]
    #[case(json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
                  "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}}))]
    fn a_structural_schema_has_no_faults(#[case] spec: Value) {
        assert_eq!(with(spec), Vec::<String>::new());
    }

    #[rstest]
    #[case(json!({"properties": {}}), "it has no `type`")]
    #[case(json!({"type": "int"}), "there is no type `int`")]
    #[case(json!({"type": "array"}), "an array needs `items`")]
    #[case(json!({"type": "array", "items": [{"type": "string"}]}), "must be one schema")]
    #[case(json!({"type": "object", "additionalProperties": false}), "must not be false")]
    #[case(json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}), "must not have both")]
    #[case(json!({"type": "string", "$ref": "#/x"}), "$ref: it must not be used")]
    #[case(json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}), "list-type: set")]
    #[case(json!({"type": "string", "x-kubernetes-int-or-string": true}), "must not be there next to")]
    #[case(json!({"type": "object", "anyOf": [{"default": {}}]}), "anyOf[0].default: it belongs outside")]
    #[case(json!({"type": "object", "not": {"properties": {"a": {}}}}), "must be listed outside")]
    #[case(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"}), "must be a scalar")]
    #[case(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
               "items": {"type": "object", "properties": {"n": {"type": "string"}}}}),
        "must be in `required`, or have a `default`"
    )]
    #[case(json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "bag"}), "not `bag`")]
    #[case(json!({"type": "object", "x-kubernetes-map-type": "list"}), "`granular` or `atomic`")]
    #[case(json!("string"), "it must be a schema")]
    fn what_the_api_server_refuses_is_named_with_its_place(#[case] spec: Value, #[case] says: &str) {
        let found = with(spec);
        assert!(
            found
                .iter()
                .any(|fault| fault.starts_with("openAPIV3Schema.properties[spec]") && fault.contains(says)),
            "{found:?}"
        );
    }

    #[test]
    fn the_root_is_an_object_whose_metadata_is_left_alone() {
        assert!(faults(&json!({"type": "string"}))[0].contains("must be `object`"));
        let labels = json!({"type": "object", "properties": {"metadata":
            {"type": "object", "properties": {"labels": {"type": "object"}}}}});
        assert!(faults(&labels)[0].contains("only `name` and `generateName`"));
    }
}
