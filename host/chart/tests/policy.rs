//! What charts may install, as tables: an object, a grant, and the words of the refusal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};
use wasser_chart::Policy;

fn owner(uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "data.fluid.io/v1alpha1".to_owned(),
        kind: "JuiceFSRuntime".to_owned(),
        name: "demo".to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// All kinds of the table, and no privileges.
fn policy() -> Policy {
    let kinds = [
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Job",
        "Pod",
        "Role",
        "RoleBinding",
        "Secret",
        "ServiceAccount",
        "StatefulSet",
        "Cache.example.com",
    ];
    Policy {
        namespace: "ns".to_owned(),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        privileged: false,
        accounts: Default::default(),
        owner: owner("own"),
        labels: [("fluid.io/dataset-id".to_owned(), "ns-demo".to_owned())].into(),
    }
}

fn privileged() -> Policy {
    Policy {
        privileged: true,
        accounts: Default::default(),
        ..policy()
    }
}

fn object(yaml: &str) -> DynamicObject {
    yaml_serde::from_str(yaml).unwrap()
}

/// A StatefulSet named `w` whose pods are like this, with one container like that.
fn workload(pod: Value, container: Value) -> DynamicObject {
    let mut spec = json!({"containers": [{"name": "c", "image": "i"}]});
    spec.as_object_mut().unwrap().extend(pod.as_object().unwrap().clone());
    spec["containers"][0]
        .as_object_mut()
        .unwrap()
        .extend(container.as_object().unwrap().clone());
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "w"},
        "spec": {"template": {"spec": spec}}});
    serde_json::from_value(set).unwrap()
}

fn refusal(policy: &Policy, objects: &[DynamicObject]) -> String {
    policy.admit(objects).expect_err("it is admitted").to_string()
}

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
fn ordinary_objects_are_admitted(#[case] yaml: &str) {
    policy().admit(&[object(yaml)]).unwrap();
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

#[rstest]
#[case::host_network(json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"}),
    json!({"ports": [{"containerPort": 1, "hostPort": 1}]}))]
#[case::claims(json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "e",
    "emptyDir": {}}]}), json!({}))]
#[case::baseline(json!({}), json!({"securityContext": {"runAsUser": 0, "capabilities": {"add": ["CHOWN",
    "NET_BIND_SERVICE"], "drop": ["ALL"]}}}))]
#[case::false_is_fine(json!({"hostPID": false}), json!({"securityContext": {"privileged": false,
    "allowPrivilegeEscalation": false}}))]
#[case::default_account(json!({"serviceAccountName": "default"}), json!({}))]
#[case::null_source(json!({"volumes": [{"name": "v", "hostPath": null, "emptyDir": {}}]}), json!({}))]
fn ordinary_pods_need_no_privileges(#[case] pod: Value, #[case] container: Value) {
    policy().admit(&[workload(pod, container)]).unwrap();
}

#[rstest]
#[case::pid(json!({"hostPID": true}), json!({}), "spec.template.spec.hostPID: true")]
#[case::ipc(json!({"hostIPC": true}), json!({}), "spec.template.spec.hostIPC: true")]
#[case::path(json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/etc"}}]}),
    json!({}), "volumes[1].hostPath: /etc")]
#[case::pod_seccomp(json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}), json!({}),
    "spec.securityContext.seccompProfile: Unconfined")]
#[case::sysctl(json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}), json!({}),
    "sysctls[0]: kernel.msgmax")]
#[case::selinux(json!({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}), json!({}),
    "seLinuxOptions: {\"type\":\"spc_t\"}")]
#[case::privileged(json!({}), json!({"securityContext": {"privileged": true}}),
    "containers[0].securityContext.privileged: true")]
#[case::escalation(json!({}), json!({"securityContext": {"allowPrivilegeEscalation": true}}),
    "allowPrivilegeEscalation: true")]
#[case::capability(json!({}), json!({"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}}),
    "capabilities.add: SYS_ADMIN")]
#[case::all_capabilities(json!({}), json!({"securityContext": {"capabilities": {"add": ["ALL"]}}}),
    "capabilities.add: ALL")]
#[case::proc(json!({}), json!({"securityContext": {"procMount": "Unmasked"}}), "procMount: Unmasked")]
#[case::apparmor(json!({}), json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    "appArmorProfile: Unconfined")]
#[case::windows(json!({}), json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}), "hostProcess: true")]
#[case::init(
    json!({"initContainers": [{"name": "i", "securityContext": {"privileged": true}}]}), json!({}),
        "initContainers[0].securityContext.privileged"
)]
#[case::ephemeral(
    json!({"ephemeralContainers": [{"name": "i", "securityContext": {"privileged": true}}]}), json!({}),
        "ephemeralContainers[0].securityContext"
)]
fn powers_over_a_node_need_the_grant(#[case] pod: Value, #[case] container: Value, #[case] words: &str) {
    let objects = [workload(pod, container)];
    let message = refusal(&policy(), &objects);
    assert!(
        message.starts_with("StatefulSet w has pods with powers over their node (")
            && message.contains("grant `privileged`"),
        "{message}"
    );
    assert!(message.contains(words), "{message}");
    privileged().admit(&objects).unwrap();
}

#[rstest]
#[case::pod(
    "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostPID: true, containers: []}}",
    "spec.hostPID"
)]
#[case::cron(
    "{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {spec: {template: {spec: \
        {hostPID: true, containers: []}}}}}}",
    "spec.jobTemplate.spec.template.spec.hostPID"
)]
#[case::custom(
    "{apiVersion: example.com/v1, kind: Cache, metadata: {name: a}, spec: {roles: [{pod: {spec: {hostPID: true, \
        containers: []}}}]}}",
    "spec.roles[0].pod.spec.hostPID"
)]
#[case::beside_a_list_of_containers(
    "{apiVersion: example.com/v1, kind: Cache, metadata: {name: a}, spec: {containers: [], pod: {spec: {hostPID: \
        true, containers: []}}}}",
    "spec.pod.spec.hostPID"
)]
#[case::below_a_container(
    "{apiVersion: example.com/v1, kind: Cache, metadata: {name: a}, spec: {containers: [{pod: {hostPID: true, \
        initContainers: []}}]}}",
    "spec.containers[0].pod.hostPID"
)]
fn pods_are_found_wherever_they_are(#[case] yaml: &str, #[case] field: &str) {
    assert!(refusal(&policy(), &[object(yaml)]).contains(field));
}

fn account() -> DynamicObject {
    object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: loader}}")
}

fn role(rule: Value) -> DynamicObject {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "loader"},
        "rules": [rule]});
    serde_json::from_value(role).unwrap()
}

fn binding(role: (&str, &str), subject: Value) -> DynamicObject {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "loader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": [subject],
    });
    serde_json::from_value(binding).unwrap()
}

#[test]
fn a_chart_may_give_its_own_accounts_what_its_own_roles_list() {
    let rule = json!({"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["get", "list", "create"]});
    let subject = json!({"kind": "ServiceAccount", "name": "loader", "namespace": "ns"});
    let objects = [
        binding(("Role", "loader"), subject),
        role(rule),
        account(),
        workload(json!({"serviceAccountName": "loader"}), json!({})),
    ];
    policy().admit(&objects).unwrap();
}

#[rstest]
#[case::verb(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}), "`*` in rule 0")]
#[case::resource(json!({"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}), "`*` in rule 0")]
#[case::subresource(json!({"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]}), "`*/scale`")]
#[case::group(json!({"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}), "`*`")]
#[case::escalate(json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}),
    "`escalate`")]
#[case::bind(json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["get", "bind"]}),
    "`bind`")]
#[case::impersonate(json!({"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}), "`impersonate`")]
#[case::token(json!({"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}),
    "`serviceaccounts/token`")]
fn roles_that_give_more_are_refused(#[case] rule: Value, #[case] words: &str) {
    let message = refusal(&privileged(), &[role(rule)]);
    assert!(
        message.starts_with("Role loader gives") && message.contains(words),
        "{message}"
    );
}

#[rstest]
#[case::cluster_role(("ClusterRole", "admin"), json!({"kind": "ServiceAccount", "name": "loader"}),
    "binds ClusterRole `admin`")]
#[case::foreign_role(("Role", "other"), json!({"kind": "ServiceAccount", "name": "loader"}), "binds Role `other`")]
#[case::user(("Role", "loader"), json!({"kind": "User", "name": "eve"}), "gives its role to User `eve`")]
#[case::group(("Role", "loader"), json!({"kind": "Group", "name": "system:authenticated"}),
    "Group `system:authenticated`")]
#[case::foreign_account(("Role", "loader"), json!({"kind": "ServiceAccount", "name": "default"}),
    "ServiceAccount `default`")]
#[case::other_namespace(("Role", "loader"), json!({"kind": "ServiceAccount", "name": "loader", "namespace": "x"}),
    "ServiceAccount `loader`")]
fn bindings_of_or_to_others_are_refused(#[case] to: (&str, &str), #[case] subject: Value, #[case] words: &str) {
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let message = refusal(&privileged(), &[role(rule), account(), binding(to, subject)]);
    assert!(message.contains(words), "{message}");
}

#[rstest]
#[case("serviceAccountName")]
#[case("serviceAccount")]
fn pods_run_under_accounts_of_the_chart(#[case] field: &str) {
    let message = refusal(&privileged(), &[workload(json!({ field: "cluster-admin" }), json!({}))]);
    assert!(
        message.contains("under the service account `cluster-admin`"),
        "{message}"
    );
}

#[rstest]
#[case::bare("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")]
#[case::another_form(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, ownerReferences: [{apiVersion: v, kind: K, name: n, uid: \
        own}]}}"
)]
#[case::another_label(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {fluid.io/dataset-id: of-somebody-else}}}"
)]
fn place_owner_and_label_are_the_hosts_to_say(#[case] yaml: &str) {
    let mut map = object(yaml);
    policy().own(&mut map);
    assert_eq!(map.metadata.namespace.as_deref(), Some("ns"));
    assert_eq!(
        map.metadata.owner_references,
        Some(vec![owner("own")]),
        "it is the controller"
    );
    assert_eq!(map.metadata.labels, Some(policy().labels));
    let mut again = map.clone();
    policy().own(&mut again);
    assert_eq!(again, map);
}

#[rstest]
#[case::stateful_set(
    "apps/v1",
    "StatefulSet",
    "{selector: {matchLabels: {app: w}}, template: {metadata: {labels: {app: w}}}}",
    "/spec/template"
)]
#[case::no_metadata("apps/v1", "DaemonSet", "{template: {spec: {containers: []}}}", "/spec/template")]
#[case::no_labels("apps/v1", "Deployment", "{template: {metadata: null}}", "/spec/template")]
#[case::another_value(
    "batch/v1",
    "Job",
    "{template: {metadata: {labels: {fluid.io/dataset-id: x}}}}",
    "/spec/template"
)]
#[case::cron(
    "batch/v1",
    "CronJob",
    "{jobTemplate: {spec: {template: {}}}}",
    "/spec/jobTemplate/spec/template"
)]
fn pods_get_the_label_of_their_workload(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
    #[case] template: &str,
) {
    let mut workload = object(&format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: w}}, spec: {spec}}}"
    ));
    let before = workload.data.clone();
    policy().label(&mut workload);
    assert_eq!(
        workload.metadata.labels.as_ref().unwrap()["fluid.io/dataset-id"],
        "ns-demo"
    );
    let labels = workload.data.pointer(&format!("{template}/metadata/labels")).unwrap();
    assert_eq!(labels["fluid.io/dataset-id"], "ns-demo");
    assert_eq!(
        labels.get("app"),
        before.pointer(&format!("{template}/metadata/labels/app"))
    );
    assert_eq!(
        workload.data.pointer("/spec/selector"),
        before.pointer("/spec/selector")
    );
}

#[rstest]
#[case::by_label("{matchLabels: {fluid.io/dataset-id: x}}")]
#[case::by_expression("{matchExpressions: [{key: fluid.io/dataset-id, operator: Exists}]}")]
fn a_selector_and_the_pods_that_it_selects_stay(#[case] selector: &str) {
    let mut workload = object(&format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: w}}, spec: {{selector: {selector}, \
         template: {{metadata: {{labels: {{fluid.io/dataset-id: x}}}}}}}}}}"
    ));
    let before = workload.data.clone();
    policy().label(&mut workload);
    assert_eq!(workload.data, before);
}

#[test]
fn what_is_no_template_is_left_to_the_api_server() {
    for spec in [
        "[1]",
        "{template: 5}",
        "{template: {metadata: [1]}}",
        "{template: {metadata: {labels: 5}}}",
    ] {
        let mut odd = object(&format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: w}}, spec: {spec}}}"
        ));
        let before = odd.data.clone();
        policy().own(&mut odd);
        assert_eq!(odd.data, before);
    }
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
