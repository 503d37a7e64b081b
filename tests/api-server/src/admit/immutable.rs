//! Changes of Kubernetes' own kinds that are refused.

use serde_json::Value;
use wasser_schema::Problem;

use crate::kinds::Kind;

/// Fields of a StatefulSet's spec that can change.
const OF_STATEFUL_SET: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Returns the reasons for which a change is refused.
pub(crate) fn refused(kind: &Kind, before: &Value, after: &Value) -> Vec<Problem> {
    if kind.is_custom() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let changed = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
    let fixed = |pointer: &str, problems: &mut Vec<Problem>| {
        if changed(pointer) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            problems.push(Problem::invalid(
                field,
                after.pointer(pointer).unwrap_or(&Value::Null),
                "field is immutable",
            ));
        }
    };
    match kind.kind.as_str() {
        "StatefulSet" if without(before, &OF_STATEFUL_SET) != without(after,
            &OF_STATEFUL_SET) => problems.push(Problem::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
                'revisionHistoryLimit', \
             'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )),
        "DaemonSet" | "Deployment" | "ReplicaSet" => fixed("/spec/selector", &mut problems),
        "Job" => {
            fixed("/spec/selector", &mut problems);
            fixed("/spec/template", &mut problems);
            fixed("/spec/completions", &mut problems);
        }
        "RoleBinding" | "ClusterRoleBinding" => fixed("/roleRef", &mut problems),
        "Secret" => fixed("/type", &mut problems),
        "PersistentVolumeClaim" => claim(before, after, &mut problems),
        "PersistentVolume" => volume(before, after, &mut problems),
        "Service" if before.pointer("/spec/clusterIP").is_some_and(|address| *address != "") => {
            fixed("/spec/clusterIP", &mut problems)
        }
        _ => {}
    }
    if matches!(kind.kind.as_str(), "ConfigMap" | "Secret") && before["immutable"] == true {
        for field in ["data", "binaryData", "immutable"] {
            if before.get(field) != after.get(field) {
                problems.push(Problem::forbidden(field, "field is immutable when `immutable` is set"));
            }
        }
    }
    problems
}

fn without(object: &Value, fields: &[&str]) -> Value {
    let mut spec = object["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        fields.iter().for_each(|field| drop(spec.remove(*field)));
    }
    spec
}

/// Checks a change of a claim, which can only get a volume, once, and more room.
fn claim(before: &Value, after: &Value, problems: &mut Vec<Problem>) {
    let mut free = vec!["resources", "volumeAttributesClassName"];
    if before.pointer("/spec/volumeName").is_none() {
        free.push("volumeName");
    }
    if without(before, &free) != without(after, &free) {
        problems.push(Problem::forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ));
    }
}

/// Checks a change of a volume, whose source cannot change.
fn volume(before: &Value, after: &Value, problems: &mut Vec<Problem>) {
    const OTHERS: [&str; 9] = [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    ];
    if without(before, &OTHERS) != without(after, &OTHERS) {
        problems.push(Problem::forbidden(
            "spec.persistentvolumesource",
            "spec.persistentvolumesource is immutable after creation",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Kinds;

    fn refuses(kind: &str, before: Value, after: Value) -> bool {
        !refused(&Kinds::default().named(kind).unwrap(), &before, &after).is_empty()
    }

    #[test]
    fn some_changes_are_refused() {
        let spec = |spec: Value| json!({"spec": spec});
        assert!(refuses(
            "StatefulSet",
            spec(json!({"serviceName": "a"})),
            spec(json!({"serviceName": "b"}))
        ));
        assert!(!refuses(
            "StatefulSet",
            spec(json!({"replicas": 1})),
            spec(json!({"replicas": 2}))
        ));
        assert!(refuses(
            "DaemonSet",
            spec(json!({"selector": {"a": 1}})),
            spec(json!({"selector": {"a": 2}}))
        ));
        assert!(!refuses(
            "PersistentVolumeClaim",
            spec(json!({})),
            spec(json!({"volumeName": "v"}))
        ));
        assert!(refuses(
            "PersistentVolumeClaim",
            spec(json!({"volumeName": "v"})),
            spec(json!({"volumeName": "w"}))
        ));
        assert!(refuses(
            "PersistentVolume",
            spec(json!({"csi": {"a": 1}})),
            spec(json!({"csi": {"a": 2}}))
        ));
        assert!(!refuses(
            "PersistentVolume",
            spec(json!({"claimRef": {"uid": 1}})),
            spec(json!({}))
        ));
        let map = |value: &str| json!({"immutable": true, "data": {"a": value}});
        assert!(refuses("ConfigMap", map("1"), map("2")) && !refuses("ConfigMap", map("1"), map("1")));
    }
}
