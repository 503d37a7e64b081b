//! Where an object is not what is wanted.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::lists::places;
use crate::pointer::below;

/// What becomes of items that a list has in addition, where others may add some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additions {
    /// They stay, like fields that are there in addition.
    Stay,
    /// The list is another one.
    Count,
}

/// Returns where an object is not what is wanted. Fields that it has in addition stay, or are the
/// API server's.
pub fn changes(wanted: &Value, found: &DynamicObject, additions: Additions) -> Vec<String> {
    let mut there = found.data.clone();
    let metadata = &found.metadata;
    there["metadata"] = json!({"labels": metadata.labels, "annotations": metadata.annotations});
    differences(wanted, &there, additions)
}

/// Returns where a value is not what is wanted, as JSON pointers. Items of lists are numbered as
/// they are wanted.
pub fn differences(wanted: &Value, there: &Value, additions: Additions) -> Vec<String> {
    let mut comparison = Comparison {
        additions,
        paths: Vec::new(),
    };
    comparison.compare(wanted, there, "");
    comparison.paths
}

struct Comparison {
    additions: Additions,
    paths: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, wanted: &Value, there: &Value, path: &str) {
        match (wanted, there) {
            (Value::Object(wanted), Value::Object(there)) => {
                for (key, value) in wanted {
                    match there.get(key) {
                        Some(found) => self.compare(value, found, &below(path, key)),
                        None if says_nothing(value) => {}
                        None => self.paths.push(below(path, key)),
                    }
                }
            }
            (Value::Array(wanted), Value::Array(there)) if !wanted.is_empty() => {
                self.compare_lists(wanted, there, path)
            }
            _ if wanted == there || says_nothing(wanted) => {}
            _ => self.paths.push(path.to_owned()),
        }
    }

    fn compare_lists(&mut self, wanted: &[Value], there: &[Value], path: &str) {
        let list = path.rsplit_once('/').map_or(path, |(_, list)| list);
        let Some(places) = places(list, wanted, there) else {
            return self.paths.push(path.to_owned());
        };
        let is_longer = there.len() > wanted.len() && self.additions == Additions::Count;
        if is_longer || !places.iter().flatten().is_sorted() {
            self.paths.push(path.to_owned());
        }
        for (index, (item, place)) in wanted.iter().zip(places).enumerate() {
            let path = below(path, &index.to_string());
            match place.and_then(|place| there.get(place)) {
                Some(found) => self.compare(item, found, &path),
                None => self.paths.push(path),
            }
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_an_object_has_in_addition_is_not_a_change() {
        let found: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"app": "a", "more": "b"}},
            "spec": {"clusterIP": "None", "ports": [{"port": 1, "protocol": "TCP"}], "selector": {"app": "a"}},
        }))
        .unwrap();
        let changes = |wanted: Value| changes(&wanted, &found, Additions::Count);
        let wanted = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"ports": [{"port": 1}], "selector": {}}});
        assert!(changes(wanted).is_empty());
        let wanted = json!({"metadata": {"labels": {"app": "c"}}, "spec": {"ports": [{"port": 1, "name": "x"}],
            "sessionAffinity": "ClientIP"}});
        assert_eq!(
            changes(wanted),
            ["/metadata/labels/app", "/spec/ports/0/name", "/spec/sessionAffinity"]
        );
    }

    #[rstest]
    #[case::one_in_addition(json!([{"name": "new"}, {"name": "a", "image": "1"}, {"name": "b"}]), &[], true)]
    #[case::and_another_image(json!([{"name": "new"}, {"name": "a", "image": "2"}, {"name": "b"}]), &["/containers/0/image"],
        true)]
    #[case::one_in_place_of_another(json!([{"name": "new"}, {"name": "a", "image": "1"}]), &["/containers/1"], false)]
    #[case::in_another_order(json!([{"name": "b"}, {"name": "a", "image": "1"}]), &["/containers"], false)]
    fn items_are_compared_with_their_namesakes(
        #[case] there: Value,
        #[case] expected: &[&str],
        #[case] is_longer: bool,
    ) {
        let wanted = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b"}]});
        let there = json!({"containers": there});
        assert_eq!(differences(&wanted, &there, Additions::Stay), expected);
        let counted = differences(&wanted, &there, Additions::Count);
        assert_eq!(counted.len(), expected.len() + usize::from(is_longer), "{counted:?}");
    }
}
