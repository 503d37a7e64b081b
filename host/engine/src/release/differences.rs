//! Where two JSON values differ, in a form that fits into a message.

use serde_json::Value;
use wasser_api::text::bounded;
use wasser_chart::pointer::below;

/// The most paths that are named.
const NAMED: usize = 5;
/// The most bytes of one.
const PATH: usize = 100;

/// The paths where two values differ, as JSON pointers, or none if they are equal. The values
/// themselves are not shown: they may be secrets.
pub fn differences(a: &Value, b: &Value) -> Option<String> {
    let mut paths = Vec::new();
    collect(a, b, "", &mut paths);
    let named: Vec<String> = paths
        .iter()
        .take(NAMED)
        .map(|path| bounded(path, PATH).into_owned())
        .collect();
    let more = paths.len() - named.len();
    match (paths.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named.join(", ")),
        (false, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}

fn collect(a: &Value, b: &Value, path: &str, paths: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, a) in left {
                match right.get(key) {
                    Some(b) => collect(a, b, &below(path, key), paths),
                    None => paths.push(below(path, key)),
                }
            }
            let added = right.keys().filter(|key| !left.contains_key(*key));
            paths.extend(added.map(|key| below(path, key)));
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (a, b)) in left.iter().zip(right).enumerate() {
                collect(a, b, &format!("{path}/{at}"), paths);
            }
        }
        _ if a == b => {}
        _ if path.is_empty() => paths.push("/".to_owned()),
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::equal(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 2}]}), None)]
    #[case::order(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), None)]
    #[case::scalar(json!({"a": {"b": 1}, "c": 2}), json!({"a": {"b": 2}, "c": 2}), Some("/a/b"))]
    #[case::left_only(json!({"a": 1, "b": 2}), json!({"b": 2}), Some("/a"))]
    #[case::right_only(json!({"b": 2}), json!({"a/c": null, "b": 2}), Some("/a~1c"))]
    #[case::element(json!({"a": [1, 2]}), json!({"a": [1, 3]}), Some("/a/1"))]
    #[case::length(json!({"a": [1, 2]}), json!({"a": [1]}), Some("/a"))]
    #[case::kind(json!({"a": "1"}), json!({"a": 1}), Some("/a"))]
    #[case::all(json!(1), json!(2), Some("/"))]
    #[case::many(json!([1, 2, 3, 4, 5, 6, 7]), json!([0, 0, 0, 0, 0, 0, 0]), Some("/0, /1, /2, /3, /4 and 2 more"))]
    fn paths_are_named(#[case] a: Value, #[case] b: Value, #[case] paths: Option<&str>) {
        assert_eq!(differences(&a, &b).as_deref(), paths);
    }

    #[test]
    fn long_paths_are_cut() {
        let named = differences(&json!({"k".repeat(9000): 1}), &json!({})).unwrap();
        assert!(named.len() <= PATH, "{named}");
    }
}
