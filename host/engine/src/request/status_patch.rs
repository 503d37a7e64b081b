//! What a merge patch has to say so that one status becomes another.
//!
//! A merge patch removes what it says to be null, whoever has set it; an apply would leave what
//! another field manager has set as well, such as Fluid's controllers before Wasser.

use serde_json::{Map, Value};

/// Returns the patch from the status `live`, as the API server has it, to `wanted`. None if nothing
/// differs. `known` is what the types of this program read in `live`: what they know and `wanted`
/// no longer has is removed; what they do not know stays.
pub fn status_patch(live: &Value, known: &Value, wanted: &Value) -> Option<Value> {
    let wanted = wanted.as_object()?;
    let nothing = Map::new();
    let live = live.as_object().unwrap_or(&nothing);
    let patch = difference(live, known.as_object().unwrap_or(&nothing), wanted);
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn difference(
    live: &Map<String, Value>,
    known: &Map<String, Value>,
    wanted: &Map<String, Value>,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, value) in wanted {
        match (live.get(key), known.get(key), value) {
            (Some(live), _, _) if live == value => {}
            (Some(Value::Object(live)), Some(Value::Object(known)), Value::Object(value)) => {
                let inner = difference(live, known, value);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            _ => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in live
        .keys()
        .filter(|key| known.contains_key(*key) && !wanted.contains_key(*key))
    {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::nothing(json!({"a": 1}), json!({"a": 1}), json!({"a": 1}), None)]
    #[case::the_first_one(Value::Null, json!({}), json!({"a": 0, "b": []}), Some(json!({"a": 0, "b": []})))]
    #[case::one_field(json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), Some(json!({"b": 3})))]
    #[case::a_removed_field(json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2}), json!({"a": 1}), Some(json!({"b": null})))]
    #[case::a_field_of_a_map(
        json!({"states": {"x": "1", "y": "2"}}),
        json!({"states": {"x": "1", "y": "2"}}),
        json!({"states": {"x": "3"}}),
        Some(json!({"states": {"x": "3", "y": null}}))
    )]
    #[case::unknown_fields_stay(json!({"a": 1, "theirs": 2}), json!({"a": 1}), json!({"a": 3}), Some(json!({"a": 3})))]
    #[case::lists_are_replaced(json!({"l": [1, 2]}), json!({"l": [1, 2]}), json!({"l": [2]}), Some(json!({"l": [2]})))]
    #[case::an_empty_list_that_is_not_shown(json!({"l": []}), json!({}), json!({}), None)]
    #[case::a_number_that_was_left_out(json!({}), json!({"n": 0}), json!({"n": 0}), Some(json!({"n": 0})))]
    fn a_patch_says_what_differs(
        #[case] live: Value,
        #[case] known: Value,
        #[case] wanted: Value,
        #[case] expected: Option<Value>,
    ) {
        assert_eq!(status_patch(&live, &known, &wanted), expected);
    }
}
