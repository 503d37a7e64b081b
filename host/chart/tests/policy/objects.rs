//! Which objects a chart may have, whatever is in them.

use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
#[case::no_namespace("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")]
#[case::own_namespace("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}}")]
#[case::own_owner(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, ownerReferences: [{apiVersion: v, kind: K, name: n, uid: \
        own}]}}"
)]
#[case::custom("{apiVersion: example.com/v1, kind: Cache, metadata: {name: a}}")]
#[case::any_version("{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: a}}")]
#[case::kept("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {helm.sh/resource-policy: keep}}}")]
#[case::opaque("{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque}")]
#[case::service("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, selector: {a: b}}}")]
#[case::service_of_a_type(
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: ClusterIP, externalIPs: []}}"
)]
fn ordinary_objects_are_admitted(#[case] yaml: &str) {
    policy().admit(&[object(yaml)]).unwrap();
}

#[test]
fn the_ports_of_nodes_need_their_grant_in_services_too() {
    let service = [object(
        "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort}}",
    )];
    let message = refusal(&privileged(), &service);
    assert!(
        message.contains("spec.type: NodePort") && message.contains("`host-network`"),
        "{message}"
    );
    let powers = Powers {
        host_network: true,
        ..Powers::default()
    };
    with(powers).admit(&service).unwrap();
}

#[rstest]
#[case::untyped("{metadata: {name: a}}", "object a has no apiVersion or no kind")]
#[case::unnamed(
    "{apiVersion: v1, kind: Pod, metadata: {generateName: a}}",
    "Pod number 1 has no metadata.name"
)]
#[case::path(
    "{apiVersion: v1, kind: Pod, metadata: {name: 'a/../../x/pods/b'}}",
    "is called `a/../../x/pods/b`"
)]
#[case::query(
    "{apiVersion: v1, kind: Pod, metadata: {name: 'a?dryRun=All'}}",
    "is called `a?dryRun=All`"
)]
#[case::version("{apiVersion: apps/.., kind: StatefulSet, metadata: {name: a}}", "is called `..`")]
#[case::elsewhere(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: kube-system}}",
    "ConfigMap a is in the namespace `kube-system`"
)]
#[case::external_addresses(
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {externalIPs: [10.0.0.1]}}",
    "Service a is reached from outside of the cluster (spec.externalIPs: [\"10.0.0.1\"])"
)]
#[case::balancer(
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer}}",
    "(spec.type: LoadBalancer)"
)]
#[case::alias(
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: ExternalName, externalName: example.com}}",
    "(spec.externalName: \"example.com\")"
)]
#[case::finalizer(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, finalizers: [example.com/stay]}}",
    "ConfigMap a has the finalizer `example.com/stay`"
)]
#[case::registration(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {wasser.fluid.io/plugin: 'true'}}}",
    "has `wasser.fluid.io/plugin` among its labels"
)]
#[case::record_name(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: sh.helm.release.v1.demo.v9}}",
    "is named or labelled as Helm's record"
)]
#[case::record_label(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {owner: helm, name: demo}}}",
    "is named or labelled as Helm's record"
)]
#[case::cluster(
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}}",
    "of the whole cluster"
)]
#[case::volume(
    "{apiVersion: v1, kind: PersistentVolume, metadata: {name: a}}",
    "of the whole cluster"
)]
#[case::kind(
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}",
    "add `Deployment` to `grants.kinds`"
)]
#[case::same_name_other_group(
    "{apiVersion: apps.kruise.io/v1, kind: StatefulSet, metadata: {name: a}}",
    "add `StatefulSet.apps.kruise.io`"
)]
#[case::custom_kind(
    "{apiVersion: example.com/v1, kind: Store, metadata: {name: a}}",
    "add `Store.example.com`"
)]
#[case::old_group(
    "{apiVersion: extensions/v1beta1, kind: DaemonSet, metadata: {name: a}}",
    "add `DaemonSet.extensions`"
)]
#[case::list("{apiVersion: v1, kind: List, metadata: {name: a}}", "add `List.` to")]
#[case::owner(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, ownerReferences: [{apiVersion: v1, kind: Node, name: n, \
        uid: x}]}}",
    "names Node `n` as an owner"
)]
#[case::token(
    "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: kubernetes.io/service-account-token}",
    "service-account-token"
)]
#[case::forged(
    "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: helm.sh/release.v1}",
    "forge releases"
)]
fn what_is_out_of_place_is_refused_even_with_privileges(#[case] yaml: &str, #[case] words: &str) {
    for policy in [policy(), privileged()] {
        let message = refusal(&policy, &[object(yaml)]);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_object_is_admitted_once() {
    let map = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}");
    let same_name = object("{apiVersion: v1, kind: Secret, metadata: {name: a}}");
    policy().admit([&map, &same_name]).unwrap();
    assert_eq!(
        refusal(&policy(), &[map.clone(), same_name, map]),
        "ConfigMap a is in the chart twice; remove one"
    );
}

#[test]
fn what_a_chart_calls_its_objects_does_not_push_the_remedy_out() {
    let long = "x".repeat(200_000);
    let objects = [workload(
        json!({ "serviceAccountName": long }),
        json!({"securityContext": {"procMount": long}}),
    )];
    for policy in [policy(), privileged()] {
        let message = refusal(&policy, &objects);
        assert!(message.len() < 1000 && message.ends_with("may be used"), "{message}");
    }
    let named = object(&format!(
        "{{apiVersion: v1, kind: {long}, metadata: {{name: {long}, namespace: {long}}}}}"
    ));
    let message = refusal(&policy(), &[named]);
    assert!(
        message.len() < 1100 && message.contains("may only install into"),
        "{message}"
    );
}
