//! Parts of objects in a form in which two can be compared of which one was written by a chart, and the
//! other one by the API server, and of which neither is asked for its numbers.

use serde_json::{Map, Value};

/// What the API server says where nobody has.
const DEFAULTS: [(&str, &str); 6] = [
    ("apiVersion", "v1"),
    ("scheme", "HTTP"),
    ("protocol", "TCP"),
    ("dnsPolicy", "ClusterFirst"),
    ("restartPolicy", "Always"),
    ("schedulerName", "default-scheduler"),
];

/// Whether two parts of an object say the same, but for numbers.
pub fn is_same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

pub fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

pub fn is_default(field: &str, value: &Value) -> bool {
    DEFAULTS
        .iter()
        .any(|(name, default)| field == *name && value == default)
}

/// A value as it is, with its fields in order.
pub fn sorted(value: &Value) -> Value {
    ordered(value, &|_, _| true, &Value::clone)
}

/// A value without numbers, and without what says nothing. A field without a content stays: it can
/// be the kind of a volume.
pub fn canonical(value: &Value) -> Value {
    let is_said = |field: &str, value: &Value| {
        let is_empty = says_nothing(value) && !value.is_object();
        !is_empty && !value.is_number() && !is_default(field, value)
    };
    let said = |leaf: &Value| match leaf {
        Value::String(text) => Value::String(numberless(text)),
        Value::Number(_) => Value::Null,
        other => other.clone(),
    };
    ordered(value, &is_said, &said)
}

fn ordered(value: &Value, counts: &dyn Fn(&str, &Value) -> bool, said: &dyn Fn(&Value) -> Value) -> Value {
    match value {
        Value::Object(fields) => {
            let counted = fields.iter().filter(|(field, value)| counts(field, value));
            let mut counted: Vec<(String, Value)> = counted
                .map(|(field, value)| (field.clone(), ordered(value, counts, said)))
                .collect();
            counted.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(Map::from_iter(counted))
        }
        Value::Array(items) => items.iter().map(|item| ordered(item, counts, said)).collect(),
        leaf => said(leaf),
    }
}

/// A text with a sign in place of each number. What has points stays, as an address is no number.
fn numberless(text: &str) -> String {
    let is_of_number = |char: char| char.is_ascii_digit() || char == '.';
    let (mut rest, mut without) = (text, String::with_capacity(text.len()));
    while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
        // A point before it belongs to it as well.
        let (before, from) = rest.split_at(start);
        let end = from.find(|char| !is_of_number(char)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        without.push_str(before);
        without.push_str(if number.contains('.') || before.ends_with('.') {
            number
        } else {
            "#"
        });
        rest = after;
    }
    without + rest
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("port=19998", "port=#")]
    #[case("1", "#")]
    #[case("a1b22", "a#b#")]
    #[case("http://10.0.0.1:80/", "http://10.0.0.1:#/")]
    #[case("-Xmx2g -Da=0.75", "-Xmx#g -Da=0.75")]
    #[case("lib.1", "lib.1")]
    #[case("äö3ü", "äö#ü")]
    fn numbers_are_no_difference_and_addresses_are(#[case] text: &str, #[case] without: &str) {
        assert_eq!(numberless(text), without);
    }

    #[rstest]
    #[case::numbers(json!(1), json!(2), true)]
    #[case::in_a_list(json!({"a": [1, "x"]}), json!({"a": [2, "x"]}), true)]
    #[case::in_a_text(json!({"a": "port 1"}), json!({"a": "port 22", "b": ""}), true)]
    #[case::another_text(json!({"a": "port 1"}), json!({"a": "sort 1"}), false)]
    #[case::more(json!({"a": "x"}), json!({"a": "x", "b": "y"}), false)]
    #[case::a_number_for_a_text(json!("x"), json!(1), false)]
    fn parts_are_the_same_but_for_numbers(#[case] a: Value, #[case] b: Value, #[case] same: bool) {
        assert_eq!(is_same(&a, &b), same);
    }
}
