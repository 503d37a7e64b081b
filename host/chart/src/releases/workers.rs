//! How workers begin.

use kube::api::{DynamicObject, TypeMeta};
use serde_json::Value;

/// What the host decides about workers, in the object that makes them: otherwise, it would have to
/// be written twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Workers {
    /// The name of their StatefulSet.
    pub stateful_set: String,
    /// Their number.
    pub replicas: i32,
    /// The affinity of their pods, unless the chart has one.
    pub affinity: Value,
}

impl Workers {
    /// Whether this is their StatefulSet.
    pub(super) fn are_of(&self, object: &DynamicObject) -> bool {
        let is_set = |types: &TypeMeta| types.kind == "StatefulSet" && types.api_version.starts_with("apps/");
        object.types.as_ref().is_some_and(is_set) && object.metadata.name.as_ref() == Some(&self.stateful_set)
    }

    /// Makes the content of a StatefulSet say how they begin.
    pub(super) fn begin(&self, content: &mut Value) {
        content["spec"]["replicas"] = self.replicas.into();
        let pod = &mut content["spec"]["template"]["spec"];
        if pod["affinity"].is_null() {
            pod["affinity"].clone_from(&self.affinity);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_affinity_of_a_chart_stays() {
        let workers = Workers {
            stateful_set: "a-worker".to_owned(),
            replicas: 2,
            affinity: json!({"of": "the host"}),
        };
        let object = |name: &str, affinity: Value| -> DynamicObject {
            let pod = json!({"spec": {"affinity": affinity}});
            serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
                "metadata": {"name": name}, "spec": {"replicas": 0, "template": pod}}))
            .unwrap()
        };
        let begun = |affinity: Value| {
            let mut object = object("a-worker", affinity);
            workers.begin(&mut object.data);
            object.data
        };
        let affinity = |data: &Value| data["spec"]["template"]["spec"]["affinity"].clone();
        assert_eq!(affinity(&begun(Value::Null)), workers.affinity);
        let own = json!({"of": "the chart"});
        assert_eq!(affinity(&begun(own.clone())), own);
        assert_eq!(begun(own)["spec"]["replicas"], 2);
        assert!(workers.are_of(&object("a-worker", Value::Null)));
        assert!(!workers.are_of(&object("a-master", Value::Null)));
    }
}
