//! The fields of an object, and the differences between two objects.

use serde_json::Value;

use super::{List, Set, Shape};

/// Fields of the metadata that nobody owns, because the server sets them.
const SYSTEM: [&str; 10] = [
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "managedFields",
];

/// Returns the fields that an object sets.
pub(crate) fn fields_of(object: &Value, shape: &Shape<'_>) -> Set {
    without_system(below(object, shape))
}

fn below(value: &Value, shape: &Shape<'_>) -> Set {
    let mut set = Set::default();
    match value {
        Value::Object(fields) if !shape.is_atomic() && !fields.is_empty() => {
            for (name, inner) in fields {
                *set.child_mut(&format!("f:{name}")) = below(inner, &shape.field(name));
            }
        }
        Value::Array(items) if shape.list() != List::Atomic => {
            let list = shape.list();
            for item in items {
                let Some(edge) = shape.edge(&list, item) else { continue };
                let child = set.child_mut(&edge);
                *child = below(item, &shape.item());
                child.join();
            }
        }
        _ => set.join(),
    }
    set
}

/// The fields in which two objects differ.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub added: Set,
    pub modified: Set,
    pub removed: Set,
}

/// Compares two objects.
pub(crate) fn compare(before: &Value, after: &Value, shape: &Shape<'_>) -> Differences {
    let mut differences = Differences::default();
    let places = (
        &mut differences.added,
        &mut differences.modified,
        &mut differences.removed,
    );
    walk(Some(before), Some(after), shape, places);
    Differences {
        added: without_system(differences.added),
        modified: without_system(differences.modified),
        removed: without_system(differences.removed),
    }
}

type Places<'a> = (&'a mut Set, &'a mut Set, &'a mut Set);

fn walk(before: Option<&Value>, after: Option<&Value>, shape: &Shape<'_>, (added, modified, removed): Places<'_>) {
    match (before, after) {
        (None, None) => {}
        (None, Some(after)) => *added = all(after, shape),
        (Some(before), None) => *removed = all(before, shape),
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) if !shape.is_atomic() => {
            for name in before
                .keys()
                .chain(after.keys().filter(|name| !before.contains_key(*name)))
            {
                let edge = format!("f:{name}");
                let places = (
                    added.child_mut(&edge),
                    modified.child_mut(&edge),
                    removed.child_mut(&edge),
                );
                walk(before.get(name), after.get(name), &shape.field(name), places);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) if shape.list() != List::Atomic => {
            let list = shape.list();
            let find = |items: &'_ [Value], edge: &str| {
                items
                    .iter()
                    .find(|item| shape.edge(&list, item).as_deref() == Some(edge))
                    .cloned()
            };
            for edge in before.iter().chain(after).filter_map(|item| shape.edge(&list, item)) {
                let places = (
                    added.child_mut(&edge),
                    modified.child_mut(&edge),
                    removed.child_mut(&edge),
                );
                walk(
                    find(before, &edge).as_ref(),
                    find(after, &edge).as_ref(),
                    &shape.item(),
                    places,
                );
            }
        }
        _ => modified.join(),
    }
}

/// Returns the set of a value and everything in it.
fn all(value: &Value, shape: &Shape<'_>) -> Set {
    let mut set = below(value, shape);
    set.join();
    set
}

fn without_system(mut set: Set) -> Set {
    set.cut("f:apiVersion");
    set.cut("f:kind");
    let metadata = set.child_mut("f:metadata");
    SYSTEM.iter().for_each(|field| metadata.cut(&format!("f:{field}")));
    set.pruned()
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

    #[test]
    fn the_fields_of_an_object_are_its_leaves_and_its_items() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"containers": [{"name": "c", "args": ["1", "2"]}], "nodeSelector": {"a": "b"}},
        });
        assert_eq!(
            fields_of(&object, &shape()).paths(),
            [
                ".metadata.labels.x",
                ".spec.containers[name=\"c\"]",
                ".spec.containers[name=\"c\"].args",
                ".spec.containers[name=\"c\"].name",
                ".spec.nodeSelector",
            ]
        );
    }

    #[test]
    fn objects_differ_in_fields() {
        let before = json!({"metadata": {"uid": "1", "labels": {"a": "1", "b": "1"}},
            "spec": {"containers": [{"name": "c", "image": "1"}]}});
        let after = json!({
            "metadata": {"uid": "2", "labels": {"a": "2"}},
            "spec": {"containers": [{"name": "c", "image": "1"}, {"name": "d"}]},
        });
        let differences = compare(&before, &after, &shape());
        assert_eq!(differences.modified.paths(), [".metadata.labels.a"]);
        assert_eq!(differences.removed.paths(), [".metadata.labels.b"]);
        assert_eq!(
            differences.added.paths(),
            [".spec.containers[name=\"d\"]", ".spec.containers[name=\"d\"].name"]
        );
    }
}
