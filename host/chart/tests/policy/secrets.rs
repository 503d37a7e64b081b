//! Which Secrets pods may have.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn naming(text: &str) -> Policy {
    let dataset = json!({"spec": {"sharedEncryptOptions": [{"valueFrom": {"secretKeyRef": {"name": text}}}]}});
    Policy {
        named: Named::of([&dataset]),
        ..policy()
    }
}

fn with_secrets(secrets: Secrets) -> Policy {
    Policy { secrets, ..policy() }
}

#[rstest]
#[case::variable(json!({}), json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    "containers[0].env[0].valueFrom.secretKeyRef")]
#[case::variables(json!({}), json!({"envFrom": [{"configMapRef": {"name": "s"}}, {"secretRef": {"name": "s"}}]}),
    "containers[0].envFrom[1].secretRef")]
#[case::init(json!({"initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "s"}}]}]}), json!({}),
    "initContainers[0].envFrom[0].secretRef")]
#[case::files(json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}), json!({}),
    "volumes[0].secret.secretName")]
#[case::projected(json!({"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]}), json!({}),
    "volumes[0].projected.sources[0].secret")]
#[case::driver(json!({"volumes": [{"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}]}),
    json!({}), "volumes[0].csi.nodePublishSecretRef")]
#[case::share(json!({"volumes": [{"name": "v", "azureFile": {"secretName": "s", "shareName": "x"}}]}), json!({}),
    "volumes[0].azureFile.secretName")]
#[case::image(json!({"imagePullSecrets": [{"name": "s"}]}), json!({}), "imagePullSecrets[0]")]
fn secrets_of_pods_are_named_by_users_or_the_charts_own(
    #[case] pod: Value,
    #[case] container: Value,
    #[case] field: &str,
) {
    let objects = [workload(pod, container)];
    for policy in [policy(), privileged(), naming("another")] {
        let message = refusal(&policy, &objects);
        assert!(
            message.starts_with("StatefulSet w has pods with the Secret `s` (spec.template.spec.")
                && message.contains(field)
                && message.contains("grant `secrets`"),
            "{message}"
        );
    }
    naming("s").admit(&objects).unwrap();
    let all = Secrets {
        all: true,
        ..Secrets::default()
    };
    with_secrets(all).admit(&objects).unwrap();
    let listed = Secrets {
        listed: ["s".to_owned()].into(),
        ..Secrets::default()
    };
    with_secrets(listed).admit(&objects).unwrap();
    let own = object("{apiVersion: v1, kind: Secret, metadata: {name: s}}");
    policy().admit(objects.iter().chain([&own])).unwrap();
}

#[test]
fn secrets_for_pulling_images_are_for_nothing_else() {
    let policy = with_secrets(Secrets {
        for_pulling: ["registry".to_owned()].into(),
        ..Secrets::default()
    });
    let pulled = json!({"imagePullSecrets": [{"name": "registry"}]});
    policy.admit(&[workload(pulled, json!({}))]).unwrap();
    let read = json!({"envFrom": [{"secretRef": {"name": "registry"}}]});
    refusal(&policy, &[workload(json!({}), read)]);
}

#[test]
fn the_priority_of_the_system_is_granted() {
    let of = |class: &str| [workload(json!({"priorityClassName": class}), json!({}))];
    policy().admit(&of("high")).unwrap();
    for policy in [policy(), privileged()] {
        let message = refusal(&policy, &of("system-node-critical"));
        assert!(
            message.contains("priority class `system-node-critical` (spec.template.spec.priorityClassName)")
                && message.contains("grant `system-priority`"),
            "{message}"
        );
    }
    let granted = Powers {
        system_priority: true,
        ..Powers::default()
    };
    with(granted).admit(&of("system-cluster-critical")).unwrap();
}
