//! Which claims pods may mount.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn naming(claim: &str) -> Policy {
    let dataset = json!({"spec": {"mounts": [{"name": "c", "mountPoint": format!("pvc://{claim}/train")}]}});
    Policy {
        named: Named::of([&dataset]),
        ..policy()
    }
}

fn mounting(volume: Value) -> Value {
    json!({"volumes": [volume]})
}

#[rstest]
#[case::volume(mounting(json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}})),
    "spec.template.spec.volumes[0].persistentVolumeClaim.claimName")]
#[case::clone(mounting(json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec":
    {"dataSource": {"kind": "PersistentVolumeClaim", "name": "c"}}}}})), "volumeClaimTemplate.spec.dataSource")]
#[case::reference(mounting(json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec":
    {"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "c"}}}}})), "volumeClaimTemplate.spec.dataSourceRef")]
fn claims_of_pods_are_named_by_users_or_the_charts_own(#[case] pod: Value, #[case] field: &str) {
    let objects = [workload(pod, json!({}))];
    for policy in [policy(), privileged(), naming("another")] {
        let message = refusal(&policy, &objects);
        assert!(
            message.starts_with("StatefulSet w has pods with the claim `c` (") && message.contains(field),
            "{message}"
        );
    }
    naming("c").admit(&objects).unwrap();
    let own = object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}}");
    let policy = Policy {
        kinds: ["StatefulSet", "PersistentVolumeClaim"].map(str::to_owned).into(),
        ..policy()
    };
    policy.admit(objects.iter().chain([&own])).unwrap();
}

#[test]
fn nothing_is_cloned_from_another_namespace() {
    let source = json!({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "c", "namespace": "other"}});
    let pod = mounting(json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": source}}}));
    let message = refusal(&naming("c"), &[workload(pod, json!({}))]);
    assert!(message.contains("the claim `other/c`"), "{message}");
}
