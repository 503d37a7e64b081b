//! Merging a configuration into an object, and removing fields from it.

use serde_json::{Map, Value};

use super::{List, Set, Shape};

/// Returns an object with a configuration merged into it. Nulls in the configuration have no
/// effect.
pub(crate) fn merge(live: Option<&Value>, config: &Value, shape: &Shape<'_>) -> Value {
    match (live, config) {
        (Some(Value::Object(live)), Value::Object(config)) if !shape.is_atomic() => {
            let mut merged = live.clone();
            for (name, value) in config.iter().filter(|(_, value)| !value.is_null()) {
                let value = merge(live.get(name), value, &shape.field(name));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Some(Value::Array(live)), Value::Array(config)) if shape.list() != List::Atomic => {
            Value::Array(items(live, config, shape))
        }
        (_, Value::Object(config)) if !shape.is_atomic() => {
            let fields = config.iter().filter(|(_, value)| !value.is_null());
            let fields = fields.map(|(name, value)| (name.clone(), merge(None, value, &shape.field(name))));
            Value::Object(fields.collect())
        }
        (_, config) => config.clone(),
    }
}

/// Merges two lists: the items of the configuration in its order, and the others in their places
/// between them.
fn items(live: &[Value], config: &[Value], shape: &Shape<'_>) -> Vec<Value> {
    let list = shape.list();
    let edges = |items: &[Value]| -> Vec<Option<String>> { items.iter().map(|item| shape.edge(&list, item)).collect() };
    let (live_edges, config_edges) = (edges(live), edges(config));
    let is_applied = |edge: &Option<String>| config_edges.contains(edge);
    let find = |edge: &Option<String>| {
        live_edges
            .iter()
            .position(|one| one == edge)
            .and_then(|at| live.get(at))
    };
    let mut merged = Vec::new();
    let mut left = live.iter().zip(&live_edges).peekable();
    for (at, (item, edge)) in config.iter().zip(&config_edges).enumerate() {
        let is_done = |edge: &Option<String>| config_edges.iter().take(at).any(|done| done == edge);
        while let Some((other, edge)) = left.next_if(|(_, edge)| !is_applied(edge) || is_done(edge)) {
            if !is_applied(edge) {
                merged.push(other.clone());
            }
        }
        left.next_if(|(_, other)| *other == edge);
        merged.push(merge(find(edge), item, &shape.item()));
    }
    merged.extend(left.filter(|(_, edge)| !is_applied(edge)).map(|(item, _)| item.clone()));
    merged
}

/// Removes the members of a set from a value, and objects and lists that become empty. `None` if
/// nothing is left.
pub(crate) fn remove(value: &Value, set: &Set, shape: &Shape<'_>) -> Option<Value> {
    if set.is_member() {
        return None;
    }
    match value {
        Value::Object(fields) if !shape.is_atomic() => {
            let mut kept = Map::new();
            for (name, inner) in fields {
                let left = match set.child(&format!("f:{name}")) {
                    Some(set) if !set.is_empty() => remove(inner, set, &shape.field(name)),
                    _ => Some(inner.clone()),
                };
                if let Some(left) = left {
                    kept.insert(name.clone(), left);
                }
            }
            (!kept.is_empty() || fields.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) if shape.list() != List::Atomic => {
            let list = shape.list();
            let left = |item: &Value| match shape.edge(&list, item).and_then(|edge| set.child(&edge).cloned()) {
                Some(set) if !set.is_empty() => remove(item, &set, &shape.item()),
                _ => Some(item.clone()),
            };
            let kept: Vec<Value> = items.iter().filter_map(left).collect();
            (!kept.is_empty() || items.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Shape<'static> {
        Shape::BuiltIn {
            kind: "Pod",
            trail: Vec::new(),
        }
    }

    fn containers(names: &[&str]) -> Value {
        json!({"spec": {"containers": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}})
    }

    #[test]
    fn lists_with_keys_are_merged_by_them() {
        let live = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "args": [1]}});
        let config = json!({"spec": {"containers": [{"name": "a", "image": "2"}], "args": [2], "no": null}});
        let expected = json!({"spec": {"containers": [{"name": "a", "image": "2"}, {"name": "b"}], "args": [2]}});
        assert_eq!(merge(Some(&live), &config, &shape()), expected);
    }

    #[test]
    fn the_configuration_says_the_order() {
        for (live, config, expected) in [
            (&["a", "b"][..], &["b", "a"][..], &["b", "a"][..]),
            (&["x", "a", "y"], &["a", "b"], &["x", "a", "y", "b"]),
            (&[], &["a"], &["a"]),
            (&["a", "x", "b"], &["b", "a"], &["b", "a", "x"]),
        ] {
            let merged = merge(Some(&containers(live)), &containers(config), &shape());
            assert_eq!(merged, containers(expected), "{live:?} {config:?}");
        }
    }

    #[test]
    fn fields_are_taken_out_and_empty_objects_with_them() {
        let object = json!({"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"containers": [{"name": "a",
            "image": "1"}, {"name": "b"}]}});
        let set = Set::parse(&json!({
            "f:metadata": {"f:labels": {"f:x": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}, "k:{\"name\":\"b\"}": {".": {},
                "f:name": {}}}},
        }));
        let expected = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}});
        assert_eq!(remove(&object, &set, &shape()), Some(expected));
    }
}
