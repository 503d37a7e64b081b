//! Changes of JSON.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
enum Edit {
    /// Another value at a place.
    Set(Index, Value),
    /// The value of another place.
    Copy(Index, Index),
    /// No value.
    Remove(Index),
    /// Another field, with a value, beside those of a place.
    Add(Index, String, Value),
}

/// Values that are seldom thought of.
fn odd() -> Vec<Value> {
    let deep = (0..100).fold(Value::Null, |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}"),
        json!("../.."),
        json!("größe\u{202e}"),
        json!("x".repeat(5000)),
        json!([]),
        json!({}),
        json!({"": {"": null}}),
        deep,
    ]
}

/// The places of all values, that of the whole first.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(inner, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn pick(value: &Value, at: &Index) -> String {
    let mut found = Vec::new();
    places(value, "", &mut found);
    found.swap_remove(at.index(found.len()))
}

impl Edit {
    fn apply(&self, whole: &mut Value) {
        match self {
            Self::Set(at, other) => set(whole, &pick(whole, at), other.clone()),
            Self::Copy(at, from) => {
                let other = whole.pointer(&pick(whole, from)).cloned().unwrap_or_default();
                set(whole, &pick(whole, at), other);
            }
            Self::Remove(at) => {
                let place = pick(whole, at);
                let (parent, name) = place.rsplit_once('/').unwrap_or_default();
                match whole.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(name)),
                    Some(Value::Array(items)) => {
                        if let Some(index) = name.parse().ok().filter(|index| *index < items.len()) {
                            items.remove(index);
                        }
                    }
                    _ => {}
                }
            }
            Self::Add(at, name, other) => match whole.pointer_mut(&pick(whole, at)) {
                Some(Value::Object(fields)) => drop(fields.insert(name.clone(), other.clone())),
                Some(Value::Array(items)) => items.push(other.clone()),
                _ => {}
            },
        }
    }
}

fn set(whole: &mut Value, place: &str, other: Value) {
    if let Some(value) = whole.pointer_mut(place) {
        *value = other;
    }
}

fn edit(fields: Vec<(&'static str, Value)>) -> impl Strategy<Value = Edit> {
    let values: Vec<Value> = odd()
        .into_iter()
        .chain(fields.iter().map(|(_, value)| value.clone()))
        .collect();
    let names: Vec<String> = fields
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain([String::new()])
        .collect();
    let value = proptest::sample::select(values);
    let pairs: Vec<(String, Value)> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let pair = if pairs.is_empty() {
        vec![(String::new(), Value::Null)]
    } else {
        pairs
    };
    prop_oneof![
        3 => (any::<Index>(), value.clone()).prop_map(|(at, value)| Edit::Set(at, value)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(at, from)| Edit::Copy(at, from)),
        1 => any::<Index>().prop_map(Edit::Remove),
        3 => (any::<Index>(), proptest::sample::select(pair)).prop_map(|(at, (name, value))| Edit::Add(at, name, value)),
        1 => (any::<Index>(), proptest::sample::select(names), value).prop_map(|(at, name, value)| Edit::Add(at, name, value)),
    ]
}

/// This JSON with one to six changes. `fields` are some that it may get anywhere, with a value.
pub fn json(valid: &Value, fields: Vec<(&'static str, Value)>) -> impl Strategy<Value = Value> + use<> {
    let valid = valid.clone();
    vec(edit(fields), 1..7).prop_map(move |edits| {
        let mut value = valid.clone();
        for edit in edits {
            edit.apply(&mut value);
        }
        value
    })
}
