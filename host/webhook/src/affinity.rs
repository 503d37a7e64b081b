//! Node affinity: requirements and preferences added to those that a pod has.

use serde_json::{Value, json};

use crate::pod;

const NODE_AFFINITY: [&str; 3] = ["spec", "affinity", "nodeAffinity"];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// A condition on a node's label: one of these values.
pub fn one_of(key: &str, values: &[String]) -> Value {
    json!({"key": key, "operator": "In", "values": values})
}

/// A condition on a node's label: it is not there.
pub fn absent(key: &str) -> Value {
    json!({"key": key, "operator": "DoesNotExist"})
}

/// Every node must meet the conditions, besides what the pod asks for. Its terms are alternatives,
/// so each gets them.
pub fn require(pod: &mut Value, conditions: &[Value]) {
    if conditions.is_empty() {
        return;
    }
    let path: Vec<&str> = NODE_AFFINITY.into_iter().chain([REQUIRED]).collect();
    let Some(terms) = pod::list(pod, &path, "nodeSelectorTerms") else {
        return;
    };
    if terms.is_empty() {
        terms.push(json!({"matchExpressions": conditions}));
    }
    // An empty term matches no node, and must not begin to.
    let empty = |term: &Value| {
        ["/matchExpressions", "/matchFields"]
            .iter()
            .all(|list| pod::items(term, list).next().is_none())
    };
    for term in terms.iter_mut().filter(|term| !empty(term)) {
        let Some(expressions) = pod::list(term, &[], "matchExpressions") else {
            continue;
        };
        for condition in conditions {
            if !expressions.contains(condition) {
                expressions.push(condition.clone());
            }
        }
    }
}

/// Nodes that meet the condition are better by this weight.
pub fn prefer(pod: &mut Value, weight: u8, condition: &Value) {
    let term = json!({"weight": weight, "preference": {"matchExpressions": [condition]}});
    if let Some(terms) = pod::list(pod, &NODE_AFFINITY, PREFERRED)
        && !terms.contains(&term)
    {
        terms.push(term);
    }
}

/// Whether the pod itself says something on nodes with this label, in its node selector or its node
/// affinity.
pub fn mentions(pod: &Value, key: &str) -> bool {
    let selects = pod
        .pointer("/spec/nodeSelector")
        .is_some_and(|selector| selector.get(key).is_some());
    let required = pod::items(
        pod,
        &format!("/spec/affinity/nodeAffinity/{REQUIRED}/nodeSelectorTerms"),
    );
    let preferred =
        pod::items(pod, &format!("/spec/affinity/nodeAffinity/{PREFERRED}")).filter_map(|term| term.get("preference"));
    selects
        || required
            .chain(preferred)
            .flat_map(|term| pod::items(term, "/matchExpressions"))
            .any(|expression| expression.get("key").and_then(Value::as_str) == Some(key))
}
