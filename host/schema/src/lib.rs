//! Objects and the schemas of CRDs: pruning, defaults and validation, as the API server has them.
//!
//! A subset: types, `properties`, `additionalProperties`, `items`, `required`, `enum`, `pattern`,
//! lengths and bounds, `nullable`, `x-kubernetes-int-or-string` and
//! `x-kubernetes-preserve-unknown-fields`. Validation rules in CEL, `oneOf`, `anyOf`, `allOf` and
//! formats are ignored.

mod fill;
mod problem;
mod prune;
mod validate;

use std::collections::BTreeMap;

use regex_automata::meta::Regex;
use serde_json::Value;

pub use problem::Problem;

/// The schema of a kind.
#[derive(Debug)]
pub struct Schema {
    root: Value,
    /// The expressions of all patterns, compiled once.
    patterns: BTreeMap<String, Regex>,
}

impl Schema {
    /// Parses a schema. A pattern that does not compile matches everything.
    pub fn new(root: Value) -> Self {
        let mut patterns = BTreeMap::new();
        collect(&root, &mut patterns);
        Self { root, patterns }
    }

    /// Returns the schema itself.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Drops the fields that the schema does not know.
    pub fn prune(&self, object: &mut Value) {
        prune::object(&self.root, object, true, "", &mut Vec::new());
    }

    /// Returns the paths of the fields that the schema does not know.
    pub fn unknown(&self, object: &Value) -> Vec<String> {
        let mut dropped = Vec::new();
        prune::object(&self.root, &mut object.clone(), true, "", &mut dropped);
        dropped
    }

    /// Fills in the defaults, and drops nulls that are not allowed.
    pub fn fill(&self, object: &mut Value) {
        fill::defaults(&self.root, object);
        fill::drop_nulls(&self.root, object);
    }

    /// Returns the problems of an object.
    pub fn problems(&self, object: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        validate::value(self, &self.root, object, "", &mut problems);
        problems
    }
}

fn collect(schema: &Value, patterns: &mut BTreeMap<String, Regex>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(pattern)) = fields.get("pattern")
                && let Ok(compiled) = Regex::new(pattern)
            {
                patterns.insert(pattern.clone(), compiled);
            }
            fields.values().for_each(|field| collect(field, patterns));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, patterns)),
        _ => {}
    }
}

/// Returns whether a schema has a flag such as `nullable`.
fn is(schema: &Value, flag: &str) -> bool {
    schema[flag] == true
}

/// Returns the schema of a field: its own, or that of all fields.
fn field<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let own = schema["properties"].get(name);
    own.or_else(|| schema.get("additionalProperties").filter(|schema| schema.is_object()))
}

/// Returns the path of a field below another one.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::new(json!({
            "type": "object", "required": ["spec"],
            "properties": {"spec": {
                "type": "object", "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "size": {"x-kubernetes-int-or-string": true, "pattern": "^[0-9]+Gi$"},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    "count": {"type": "integer", "minimum": 0},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "texts": {"type": "object", "additionalProperties": {"type": "string"}},
                    "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
                    "gone": {"type": "string", "nullable": true},
                }
            }}
        }))
    }

    fn problems(spec: Value) -> Vec<String> {
        let problems = schema().problems(&json!({"spec": spec}));
        let failures = problems.iter().map(|problem| format!("{problem:?}"));
        failures.collect()
    }

    #[test]
    fn unknown_fields_are_dropped_where_the_schema_does_not_keep_them() {
        let mut object = json!({
            "apiVersion": "v1", "kind": "K", "metadata": {"labels": {"a": "b"}}, "other": 1,
            "spec": {"name": "n", "no": 1, "free": {"any": {"thing": 1}}, "texts": {"k": "v"}, "list": [{"x": 1,
                "y": 2}]},
        });
        assert_eq!(schema().unknown(&object), ["other", "spec.no", "spec.list[0].y"]);
        schema().prune(&mut object);
        let expected = json!({
            "apiVersion": "v1", "kind": "K", "metadata": {"labels": {"a": "b"}},
            "spec": {"name": "n", "free": {"any": {"thing": 1}}, "texts": {"k": "v"}, "list": [{"x": 1}]},
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn defaults_are_filled_in_and_nulls_dropped() {
        let mut object = json!({"spec": {"name": "n", "mode": null, "count": null, "gone": null}});
        schema().fill(&mut object);
        assert_eq!(object, json!({"spec": {"name": "n", "mode": "a", "gone": null}}));
    }

    #[test]
    fn what_is_wrong_is_found() {
        assert!(problems(json!({"name": "n", "size": "1Gi", "texts": {"a": "b"}, "gone": null})).is_empty());
        assert!(problems(json!({"name": "n", "size": 3})).is_empty());
        for (spec, word) in [
            (json!({}), "Required"),
            (json!({"name": ""}), "at least 1"),
            (json!({"name": 1}), "must be of type string"),
            (json!({"name": "n", "size": "1 GB"}), "should match"),
            (json!({"name": "n", "mode": "c"}), "supported values"),
            (json!({"name": "n", "count": -1}), "greater than or equal to 0"),
            (json!({"name": "n", "count": 1.5}), "must be of type integer"),
            (json!({"name": "n", "texts": {"a": 1}}), "spec.texts.a"),
            (json!({"name": "n", "list": [{"x": "y"}]}), "spec.list[0].x"),
        ] {
            let found = problems(spec.clone());
            assert!(found.iter().any(|problem| problem.contains(word)), "{spec}: {found:?}");
        }
    }
}
