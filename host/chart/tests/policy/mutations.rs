//! Objects that are nearly right: whatever a chart makes of a workload, its pods have no power over
//! their node if none is granted.

use proptest::prelude::*;
use wasser_test_mutations::{check, json};

use super::beyond::{Said, beyond};
use super::*;

/// A workload as charts render it, and fields that charts which mean harm would add somewhere.
fn valid() -> Value {
    let pod = json!({"volumes": [{"name": "v", "emptyDir": {}}]});
    let container = json!({"securityContext": {"runAsUser": 1, "capabilities": {"drop": ["ALL"]}},
        "ports": [{"containerPort": 80}], "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    let mut object = serde_json::to_value(workload(pod, container)).unwrap();
    object["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "first", "image": "i"}]);
    object
}

fn harmful() -> Vec<(&'static str, Value)> {
    let bare = json!({"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]});
    vec![
        ("privileged", json!(true)),
        ("securityContext", json!({"privileged": true})),
        ("capabilities", json!({"add": ["SYS_ADMIN"]})),
        ("hostPID", json!(true)),
        ("hostIPC", json!(true)),
        ("hostNetwork", json!(true)),
        ("hostPath", json!({"path": "/"})),
        ("hostPort", json!(22)),
        ("mountPropagation", json!("Bidirectional")),
        ("priorityClassName", json!("system-node-critical")),
        ("containers", bare["containers"].clone()),
        ("ephemeralContainers", bare["containers"].clone()),
        ("initContainers", bare["containers"].clone()),
        ("spec", bare.clone()),
        ("template", json!({"spec": bare})),
        ("containers", json!([])),
        ("containers", json!({})),
    ]
}

/// Returns whether the policy admits an object. Its pods must have no power over their node then.
fn admitted(object: &[u8]) -> bool {
    let Ok(parsed) = serde_json::from_slice::<DynamicObject>(object) else {
        return false;
    };
    let admitted = policy().admit([&parsed]).is_ok();
    if admitted {
        let found = beyond(&parsed, &policy(), &Said::default());
        assert_eq!(found, Vec::<String>::new(), "{}", String::from_utf8_lossy(object));
    }
    admitted
}

#[test]
fn no_change_of_a_workload_gets_power_over_nodes_past_the_policy() {
    let text = |object: &Value| object.to_string().into_bytes();
    let refusal = policy().admit([&serde_json::from_value::<DynamicObject>(valid()).unwrap()]);
    assert!(refusal.is_ok(), "the valid workload itself is refused: {refusal:?}");
    let harmful_ones = harmful().into_iter().map(|(field, value)| {
        let mut object = valid();
        object["spec"]["template"]["spec"][field] = value;
        text(&object)
    });
    let seeds: Vec<Vec<u8>> = harmful_ones.chain([text(&valid())]).collect();
    let inputs = json(&valid(), harmful()).prop_map(move |object| text(&object));
    check(5_000, inputs, seeds, |object| {
        admitted(object);
    });
}
