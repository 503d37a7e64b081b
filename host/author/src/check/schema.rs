//! Walks through the schema of a CRD: values that fit it, and the places of its fields.

use std::fmt;

use serde_json::{Map, Value, json};

/// The deepest field that is looked at.
const DEPTH: usize = 12;

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// A field of an object, or a key of a map.
    Key(String),
    /// The first element of a list.
    First,
}

/// A field of a schema.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// The way to it.
    pub path: Vec<Hop>,
    /// Its own schema.
    pub schema: &'a Value,
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, hop) in self.path.iter().enumerate() {
            match hop {
                Hop::Key(key) if at > 0 => write!(out, ".{key}")?,
                Hop::Key(key) => out.write_str(key)?,
                Hop::First => out.write_str("[0]")?,
            }
        }
        Ok(())
    }
}

/// Returns every field below a schema, lists and maps themselves included.
pub fn fields(schema: &Value) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(schema: &'a Value, path: &mut Vec<Hop>, found: &mut Vec<Field<'a>>) {
    let properties = schema["properties"].as_object();
    if properties.is_none() && !path.is_empty() {
        found.push(Field {
            path: path.clone(),
            schema,
        });
    }
    if path.len() >= DEPTH {
        return;
    }
    let mut go = |hop: Hop, schema: &'a Value| {
        path.push(hop);
        collect(schema, path, found);
        path.pop();
    };
    for (name, property) in properties.into_iter().flatten() {
        go(Hop::Key(name.clone()), property);
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        go(Hop::First, items);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        go(Hop::Key("key".to_owned()), values);
    }
}

/// Returns the smallest value that a schema lets pass.
pub fn smallest(schema: &Value) -> Value {
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return json!("1");
    }
    match schema["type"].as_str() {
        Some("string") => {
            let length = schema["minLength"].as_u64().unwrap_or(1).clamp(1, 64);
            "a".repeat(usize::try_from(length).unwrap_or(1)).into()
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => false.into(),
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(0).min(8);
            (0..count).map(|_| smallest(&schema["items"])).collect()
        }
        _ => required(schema).into(),
    }
}

/// Returns the fields that an object must have.
fn required(schema: &Value) -> Map<String, Value> {
    let names = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names
        .map(|name| (name.to_owned(), smallest(&schema["properties"][name])))
        .collect()
}

/// Sets a field below a value of a schema, and makes what is on the way as small as it can be.
pub fn set(value: &mut Value, schema: &Value, path: &[Hop], to: Value) {
    let Some((hop, rest)) = path.split_first() else {
        *value = to;
        return;
    };
    match hop {
        Hop::Key(key) => {
            if !value.is_object() {
                *value = required(schema).into();
            }
            let below = match &schema["properties"][key.as_str()] {
                Value::Null => &schema["additionalProperties"],
                property => property,
            };
            if let Some(fields) = value.as_object_mut() {
                set(fields.entry(key.clone()).or_insert(Value::Null), below, rest, to);
            }
        }
        Hop::First => {
            if value.as_array().is_none_or(Vec::is_empty) {
                *value = json!([null]);
            }
            if let Some(first) = value.as_array_mut().and_then(|items| items.first_mut()) {
                set(first, &schema["items"], rest, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "required": ["mode"], "properties": {
            "mode": {"type": "string", "enum": ["fast", "safe"]},
            "levels": {"type": "array", "items": {"type": "object", "required": ["path"], "properties": {
                "path": {"type": "string"}, "quota": {"x-kubernetes-int-or-string": true}}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }})
    }

    #[test]
    fn every_field_is_found_with_its_path() {
        let schema = schema();
        let found: Vec<String> = fields(&schema).iter().map(Field::to_string).collect();
        assert_eq!(
            found,
            [
                "labels",
                "labels.key",
                "levels",
                "levels[0].path",
                "levels[0].quota",
                "mode"
            ]
        );
    }

    #[test]
    fn a_field_is_set_and_its_neighbours_are_as_small_as_they_can_be() {
        let schema = schema();
        let mut value = smallest(&schema);
        assert_eq!(value, json!({"mode": "fast"}));
        let quota = fields(&schema)
            .into_iter()
            .find(|field| field.to_string() == "levels[0].quota")
            .unwrap();
        set(&mut value, &schema, &quota.path, json!(5));
        assert_eq!(value, json!({"mode": "fast", "levels": [{"path": "a", "quota": 5}]}));
    }
}
