//! Which powers pods may have over their node.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

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
