//! Parts of a pod that need not be there.

use serde_json::{Map, Value, json};

/// The object at a path of keys, made where it is missing; none where something else stands in the way.
pub fn object<'a>(pod: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut place = pod;
    for key in path {
        place = place.as_object_mut()?.entry(*key).or_insert_with(|| json!({}));
        if place.is_null() {
            *place = json!({});
        }
    }
    place.as_object_mut()
}

/// The list under a key of the object at a path, made where it is missing.
pub fn list<'a>(pod: &'a mut Value, path: &[&str], key: &str) -> Option<&'a mut Vec<Value>> {
    let place = object(pod, path)?.entry(key).or_insert_with(|| json!([]));
    if place.is_null() {
        *place = json!([]);
    }
    place.as_array_mut()
}

/// The items of a list that may be missing.
pub fn items<'a>(pod: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The value of a label.
pub fn label<'a>(pod: &'a Value, key: &str) -> Option<&'a str> {
    pod.pointer("/metadata/labels")?.get(key)?.as_str()
}
