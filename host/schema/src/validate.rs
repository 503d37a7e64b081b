//! Values that a schema does not allow.

use serde_json::Value;

use crate::problem::Problem;
use crate::{Schema, field, is, join};

/// Adds the problems of the value at `path`: `spec.mounts[0].name`.
pub fn value(all: &Schema, schema: &Value, found: &Value, path: &str, problems: &mut Vec<Problem>) {
    if found.is_null() && is(schema, "nullable") {
        return;
    }
    if let Some(wanted) = wrong_type(schema, found) {
        problems.push(Problem::wrong_type(path, type_of(found), &wanted));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(found)) {
        problems.push(Problem::unsupported(path, found, allowed));
    }
    match found {
        Value::Object(fields) => {
            for name in schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                if !fields.contains_key(name) {
                    problems.push(Problem::required(join(path, name)));
                }
            }
            for (name, inner) in fields {
                // Metadata is checked elsewhere.
                if path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                if let Some(schema) = field(schema, name) {
                    value(all, schema, inner, &join(path, name), problems);
                }
            }
        }
        Value::Array(items) => {
            bounds(
                schema,
                found,
                ("minItems", "maxItems"),
                items.len() as f64,
                "items",
                path,
                problems,
            );
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    value(all, schema, item, &format!("{path}[{index}]"), problems);
                }
            }
        }
        Value::String(text) => {
            bounds(
                schema,
                found,
                ("minLength", "maxLength"),
                text.chars().count() as f64,
                "chars",
                path,
                problems,
            );
            let pattern = schema["pattern"].as_str().unwrap_or_default();
            if all
                .patterns
                .get(pattern)
                .is_some_and(|compiled| !compiled.is_match(text))
            {
                problems.push(Problem::invalid(
                    path,
                    found,
                    &format!("{path} in body should match '{pattern}'"),
                ));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            bounds(schema, found, ("minimum", "maximum"), number, "", path, problems);
        }
        Value::Bool(_) | Value::Null => {}
    }
}

fn bounds(
    schema: &Value,
    found: &Value,
    (least, most): (&str, &str),
    number: f64,
    unit: &str,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    if let Some(least) = schema[least].as_f64().filter(|least| number < *least) {
        let message = if unit.is_empty() {
            format!("{path} in body should be greater than or equal to {least}")
        } else {
            format!("{path} in body should be at least {least} {unit} long")
        };
        problems.push(Problem::invalid(path, found, &message));
    }
    if let Some(most) = schema[most].as_f64().filter(|most| number > *most) {
        let message = format!("{path} in body should be at most {most} {unit}");
        problems.push(Problem::invalid(path, found, message.trim_end()));
    }
}

/// Returns the type that a value should have, if it has another one.
fn wrong_type(schema: &Value, found: &Value) -> Option<String> {
    if is(schema, "x-kubernetes-int-or-string") {
        let fits = found.is_string() || found.is_i64() || found.is_u64();
        return (!fits).then(|| "integer,string".to_owned());
    }
    let wanted = schema["type"].as_str()?;
    let fits = match wanted {
        "object" => found.is_object(),
        "array" => found.is_array(),
        "string" => found.is_string(),
        "boolean" => found.is_boolean(),
        "integer" => found.is_i64() || found.is_u64() || found.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => found.is_number(),
        _ => true,
    };
    (!fits).then(|| wanted.to_owned())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
