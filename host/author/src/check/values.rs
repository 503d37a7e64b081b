//! Values that nobody means.

use serde_json::{Map, Value, json};

use super::schema;

/// Bytes of a text that is too long.
const LONG: usize = 20_000;
/// Elements of a list that is too long.
pub const MANY: usize = 300;

/// Returns texts that nobody means.
pub fn texts() -> [String; 10] {
    [
        String::new(),
        " ".to_owned(),
        "x".repeat(LONG),
        "\u{0}\u{1b}[31m".to_owned(),
        "\u{202e}ß\u{0301}\u{1f600}\u{feff}\u{10ffff}".to_owned(),
        "\"'`$(id)\\\n---\nkind: Pod # ".to_owned(),
        "{{ .Release.Name }}".to_owned(),
        "../../../etc/passwd".to_owned(),
        "-99999999999999999999.5Ei".to_owned(),
        ",,=,:,//".to_owned(),
    ]
}

/// Returns the values that nobody means for a field, the odder the later.
pub fn values(field: &Value) -> Vec<Value> {
    let all_texts = || texts().into_iter().map(Value::from);
    let numbers = [
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(i32::MAX),
        json!(1e308),
    ];
    if field["x-kubernetes-int-or-string"] == true {
        return numbers.into_iter().chain(all_texts()).collect();
    }
    if let Some(allowed) = field["enum"].as_array() {
        return allowed
            .iter()
            .cloned()
            .chain([json!(""), json!("none of these")])
            .collect();
    }
    match field["type"].as_str() {
        Some("string") => all_texts().chain([json!(5)]).collect(),
        Some("integer" | "number") => numbers.into_iter().chain([json!("1")]).collect(),
        Some("boolean") => vec![json!(true), json!(false), json!("yes")],
        Some("array") => {
            let item = schema::smallest(&field["items"]);
            vec![json!([]), Value::Array(vec![item; MANY]), json!([null]), json!({})]
        }
        _ => vec![json!({}), odd_map(), nested(), json!([]), Value::Null],
    }
}

/// Returns a map of odd keys to odd texts.
pub fn odd_map() -> Value {
    let pairs = texts().into_iter().zip(texts().into_iter().rev());
    pairs
        .map(|(key, value)| (key, value.into()))
        .collect::<Map<String, Value>>()
        .into()
}

/// Returns a value that is nested deeply.
pub fn nested() -> Value {
    (0..60).fold(json!(1), |inner, _| json!({"a": [inner]}))
}

/// Returns a value for the name of a case.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    wasser_api::text::bounded(&text, 40).into_owned()
}
