//! Where a value is not what was expected, in one line.

use serde_json::Value;
use wasser_api::text::bounded;
use wasser_chart::pointer::below;

/// The most bytes of a value in a message.
const SHOWN: usize = 120;

/// Returns the first place where `found` lacks something of `wanted`, or has something else there.
/// Fields that `wanted` does not mention may be anything.
pub fn lacks(wanted: &Value, found: &Value) -> Option<String> {
    walk(wanted, found, "", false)
}

/// Returns the first place where two values differ.
pub fn differs(wanted: &Value, found: &Value) -> Option<String> {
    walk(wanted, found, "", true)
}

fn walk(wanted: &Value, found: &Value, path: &str, is_whole: bool) -> Option<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let missing = wanted.iter().find_map(|(key, value)| {
                let path = below(path, key);
                match found.get(key) {
                    Some(found) => walk(value, found, &path, is_whole),
                    None => Some(format!("{path} is missing, expected {}", shown(value))),
                }
            });
            let added = || found.iter().find(|(key, _)| !wanted.contains_key(*key));
            let added = || added().map(|(key, value)| format!("{} is new: {}", below(path, key), shown(value)));
            missing.or_else(|| is_whole.then(added).flatten())
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(at, (wanted, found))| walk(wanted, found, &format!("{path}/{at}"), is_whole)),
        _ if is_same(wanted, found) => None,
        _ => {
            let place = if path.is_empty() { "it" } else { path };
            Some(format!("{place} is {}, expected {}", shown(found), shown(wanted)))
        }
    }
}

/// Whether two values are the same; a number may be written in two ways.
fn is_same(wanted: &Value, found: &Value) -> bool {
    wanted == found || wanted.as_f64().is_some_and(|wanted| found.as_f64() == Some(wanted))
}

fn shown(value: &Value) -> String {
    bounded(&value.to_string(), SHOWN).into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"a": 1}), json!({"a": 1, "b": 2}), None)]
    #[case(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("/a/b is 2, expected 1"))]
    #[case(json!({"a": {"b": 1}}), json!({"a": {}}), Some("/a/b is missing, expected 1"))]
    #[case(json!({"a": [1, 2]}), json!({"a": [1]}), Some("/a is [1], expected [1,2]"))]
    #[case(json!({"a": [{"b": 1}]}), json!({"a": [{"b": "1"}]}), Some("/a/0/b is \"1\", expected 1"))]
    #[case(json!(1), json!(1.0), None)]
    #[case(json!(true), json!(null), Some("it is null, expected true"))]
    fn the_first_place_is_named(#[case] wanted: Value, #[case] found: Value, #[case] says: Option<&str>) {
        assert_eq!(lacks(&wanted, &found).as_deref(), says);
    }

    #[test]
    fn whole_values_have_nothing_new() {
        assert_eq!(
            differs(&json!({"a": 1}), &json!({"a": 1, "b/c": 2})).unwrap(),
            "/b~1c is new: 2"
        );
    }
}
