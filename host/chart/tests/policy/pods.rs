//! Which powers pods may have over their node.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::port(json!({"hostNetwork": false}), json!({"ports": [{"containerPort": 1, "hostPort": 0}]}))]
#[case::scratch(json!({"volumes": [{"name": "e", "emptyDir": {}}]}), json!({}))]
#[case::own_probe(json!({}), json!({"livenessProbe": {"httpGet": {"host": "", "port": 1}},
    "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}))]
#[case::baseline(json!({}), json!({"securityContext": {"runAsUser": 0, "capabilities": {"add": ["CHOWN",
    "NET_BIND_SERVICE"], "drop": ["ALL"]}}}))]
#[case::false_is_fine(json!({"hostPID": false}), json!({"securityContext": {"privileged": false,
    "allowPrivilegeEscalation": false}}))]
#[case::the_default_in_words(json!({}), json!({"securityContext": {"allowPrivilegeEscalation": true}}))]
#[case::default_account(json!({"serviceAccountName": "default"}), json!({}))]
#[case::null_source(json!({"volumes": [{"name": "v", "hostPath": null, "emptyDir": {}}]}), json!({}))]
fn ordinary_pods_need_no_privileges(#[case] pod: Value, #[case] container: Value) {
    policy().admit(&[workload(pod, container)]).unwrap();
}

#[rstest]
#[case::pid(json!({"hostPID": true}), json!({}), "spec.template.spec.hostPID: true")]
#[case::ipc(json!({"hostIPC": true}), json!({}), "spec.template.spec.hostIPC: true")]
#[case::pod_seccomp(json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}), json!({}),
    "spec.securityContext.seccompProfile: Unconfined")]
#[case::sysctl(json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}), json!({}),
    "sysctls[0]: kernel.msgmax")]
#[case::selinux(json!({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}), json!({}),
    "seLinuxOptions: {\"type\":\"spc_t\"}")]
#[case::capability(json!({}), json!({"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_PTRACE"]}}}),
    "capabilities.add: SYS_PTRACE")]
#[case::all_capabilities(json!({}), json!({"securityContext": {"capabilities": {"add": ["ALL"]}}}),
    "capabilities.add: ALL")]
#[case::proc(json!({}), json!({"securityContext": {"procMount": "Unmasked"}}), "procMount: Unmasked")]
#[case::apparmor(json!({}), json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    "appArmorProfile: Unconfined")]
#[case::windows(json!({}), json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}), "hostProcess: true")]
fn powers_over_a_node_need_the_grant(#[case] pod: Value, #[case] container: Value, #[case] words: &str) {
    let objects = [workload(pod, container)];
    for policy in [policy(), fuse()] {
        let message = refusal(&policy, &objects);
        assert!(
            message.starts_with("StatefulSet w has pods with powers over their node (")
                && message.contains("grant `privileged`"),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }
    privileged().admit(&objects).unwrap();
}

#[rstest]
#[case::privileged(json!({}), json!({"securityContext": {"privileged": true}}),
    "containers[0].securityContext.privileged: true")]
#[case::capability(json!({}), json!({"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}}),
    "capabilities.add: SYS_ADMIN")]
#[case::init(json!({"initContainers": [{"name": "i", "image": "i", "securityContext": {"privileged": true}}]}),
    json!({}), "initContainers[0].securityContext.privileged")]
#[case::ephemeral(
    json!({"ephemeralContainers": [{"name": "i", "image": "i", "securityContext": {"privileged": true}}]}), json!({}),
    "ephemeralContainers[0].securityContext"
)]
fn what_a_client_needs_to_mount_is_a_smaller_grant(#[case] pod: Value, #[case] container: Value, #[case] words: &str) {
    let objects = [workload(pod, container)];
    let message = refusal(&policy(), &objects);
    assert!(
        message.starts_with("StatefulSet w has pods with powers over their node (") && message.contains("grant `fuse`"),
        "{message}"
    );
    assert!(message.contains(words), "{message}");
    fuse().admit(&objects).unwrap();
    privileged().admit(&objects).unwrap();
}

#[rstest]
#[case::network(json!({"hostNetwork": true}), json!({}), "spec.template.spec.hostNetwork: true")]
#[case::port(json!({}), json!({"ports": [{"containerPort": 1}, {"containerPort": 2, "hostPort": 80}]}),
    "containers[0].ports[1].hostPort: 80")]
#[case::init(json!({"initContainers": [{"name": "i", "ports": [{"hostPort": 80}]}]}), json!({}),
    "initContainers[0].ports[0].hostPort: 80")]
#[case::probe(json!({}), json!({"livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}}),
    "containers[0].livenessProbe: \"169.254.169.254\"")]
#[case::hook(json!({}), json!({"lifecycle": {"postStart": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}}}),
    "containers[0].postStart: \"10.0.0.1\"")]
fn the_network_of_a_node_is_a_grant_for_itself(#[case] pod: Value, #[case] container: Value, #[case] words: &str) {
    let objects = [workload(pod, container)];
    for policy in [policy(), fuse(), privileged()] {
        let message = refusal(&policy, &objects);
        assert!(
            message.contains(words) && message.contains("grant `host-network`"),
            "{message}"
        );
    }
    let granted = Powers {
        host_network: true,
        ..Powers::default()
    };
    with(granted).admit(&objects).unwrap();
}

fn directory(path: &str) -> [DynamicObject; 1] {
    let volumes = json!([{"name": "a", "emptyDir": {}}, {"name": "v", "hostPath": {"path": path}}]);
    [workload(json!({"volumes": volumes}), json!({}))]
}

#[rstest]
#[case::anything("/etc")]
#[case::root("/")]
#[case::other_client("/runtime-mnt/demo/ns/other")]
#[case::longer_name("/runtime-mnt/demo/ns/demonstration")]
#[case::all_clients("/runtime-mnt")]
#[case::upwards("/runtime-mnt/demo/ns/demo/../../../../etc")]
#[case::relative("etc")]
#[case::none("")]
#[case::device("/dev")]
fn directories_of_nodes_are_listed_or_named(#[case] path: &str) {
    let elsewhere = Powers {
        host_paths: ["/var/cache/".to_owned(), "/etcetera".to_owned()].into(),
        ..privileged().powers
    };
    for policy in [policy(), fuse(), privileged(), with(elsewhere)] {
        let message = refusal(&policy, &directory(path));
        assert!(
            message.contains(&format!("has pods with `{path}` of their node"))
                && message.contains("volumes[1].hostPath")
                && message.contains("grant `host-paths`"),
            "{message}"
        );
    }
}

#[test]
fn clients_have_their_device_and_their_own_mount_directory() {
    for path in [
        "/dev/fuse",
        "/runtime-mnt/demo/ns/demo",
        "/runtime-mnt/demo/ns/demo/demo-fuse",
    ] {
        refusal(&policy(), &directory(path));
        fuse().admit(&directory(path)).unwrap();
        privileged().admit(&directory(path)).unwrap();
    }
    for of_clients in ["/dev/fuse", "/runtime-mnt/demo/ns/demo"] {
        assert!(refusal(&with(Powers::default()), &directory(of_clients)).contains("grant `fuse`"));
    }
}

#[test]
fn what_is_below_a_listed_directory_is_for_those_that_may_do_anything_on_a_node() {
    let listed = |powers: Powers| {
        with(Powers {
            host_paths: ["/var/cache/x/".to_owned()].into(),
            ..powers
        })
    };
    for path in ["/var/cache/x", "/var/cache//x/"] {
        listed(Powers::default()).admit(&directory(path)).unwrap();
    }
    refusal(&listed(Powers::default()), &directory("/var/cache/x/link"));
    listed(fuse().powers).admit(&directory("/var/cache/x/demo")).unwrap();
}

#[test]
fn annotations_are_no_way_around_the_profiles_of_nodes() {
    for key in [
        "container.apparmor.security.beta.kubernetes.io/c",
        "container.seccomp.security.alpha.kubernetes.io/c",
        "seccomp.security.alpha.kubernetes.io/pod",
    ] {
        let template = |value: &str| {
            let text = format!(
                "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: w}}, spec: {{template: {{metadata: \
                    {{annotations: {{{key}: {value}}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}}}"
            );
            object(&text)
        };
        let pod = object(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: w, annotations: {{{key}: unconfined}}}}, spec: {{containers: \
                [{{name: c, image: i}}]}}}}"
        ));
        for found in [template("unconfined"), pod] {
            let message = refusal(&fuse(), std::slice::from_ref(&found));
            assert!(
                message.contains(key) && message.contains("grant `privileged`"),
                "{message}"
            );
            privileged().admit(&[found]).unwrap();
        }
        policy().admit(&[template("runtime/default")]).unwrap();
    }
}

fn named() -> Named {
    let runtime = json!({"spec": {"tieredstore": {"levels": [{"path": "/mnt/ssd"}]}, "image": "mine:1"}});
    Named::of([&runtime])
}

#[test]
fn directories_that_a_user_names_go_to_plugins_that_may_mount() {
    let policy = |policy: Policy| Policy {
        named: named(),
        ..policy
    };
    for path in ["/mnt/ssd", "/mnt/ssd/ns/demo"] {
        policy(fuse()).admit(&directory(path)).unwrap();
        policy(privileged()).admit(&directory(path)).unwrap();
        refusal(&policy(with(Powers::default())), &directory(path));
    }
    refusal(&policy(fuse()), &directory("/mnt"));
}

#[test]
fn a_client_shows_its_node_only_mounts_in_its_own_directory() {
    let mounts = |path: &str| {
        let volumes = json!([{"name": "v", "hostPath": {"path": path}}, {"name": "e", "emptyDir": {}}]);
        let shown = |name: &str| json!({"name": name, "mountPath": "/m", "mountPropagation": "Bidirectional"});
        let container = json!({"volumeMounts": [shown("e"), shown("v")], "securityContext": {"privileged": true}});
        [workload(json!({ "volumes": volumes }), container)]
    };
    let listed = |policy: Policy| Policy {
        powers: Powers {
            host_paths: ["/var/lib".to_owned()].into(),
            ..policy.powers
        },
        ..policy
    };
    fuse().admit(&mounts("/runtime-mnt/demo/ns/demo")).unwrap();
    listed(privileged()).admit(&mounts("/var/lib/kubelet")).unwrap();
    let message = refusal(&listed(fuse()), &mounts("/var/lib/kubelet"));
    assert!(
        message.contains("volumeMounts[1].mountPropagation: Bidirectional"),
        "{message}"
    );
}

#[test]
fn the_processes_of_a_node_are_for_clients_of_users_who_ask_for_them() {
    let objects = [workload(json!({"hostPID": true}), json!({}))];
    let asked = |policy: Policy| Policy {
        named: Named::default().with_host_pid(true),
        ..policy
    };
    refusal(&fuse(), &objects);
    asked(fuse()).admit(&objects).unwrap();
    refusal(&asked(policy()), &objects);
}

#[rstest]
#[case::privileged(json!({"privileged": true}))]
#[case::mounts(json!({"capabilities": {"add": ["SYS_ADMIN"]}}))]
fn containers_with_powers_run_images_of_the_registration_or_of_the_user(#[case] context: Value) {
    let running = |image: &str| {
        [workload(
            json!({}),
            json!({"image": image, "securityContext": context.clone()}),
        )]
    };
    for policy in [fuse(), privileged()] {
        policy.admit(&running("i")).unwrap();
        let message = refusal(&policy, &running("evil:1"));
        assert!(
            message.contains("run the image `evil:1` (spec.template.spec.containers[0].image)")
                && message.contains("add it to `images`"),
            "{message}"
        );
        let users = Policy {
            named: named(),
            ..policy.clone()
        };
        users.admit(&running("mine:1")).unwrap();
        refusal(&users, &running("mine:2"));
        let installed = Policy {
            named: Named::default().with_installed_images(["evil:1".to_owned()].into()),
            ..policy
        };
        installed.admit(&running("evil:1")).unwrap();
    }
    // Others have nothing of their node that an image could use.
    fuse().admit(&[workload(json!({}), json!({"image": "any"}))]).unwrap();
}

#[test]
fn the_images_that_a_release_lets_run_with_powers_are_read_from_its_manifest() {
    let manifest = "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a}, spec: {template: {spec: \
        {initContainers: [{image: plain}], containers: [{image: strong, securityContext: {privileged: true}}]}}}}\n---\n\
        {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n";
    assert_eq!(wasser_chart::powerful_images(manifest), ["strong".to_owned()].into());
    // Helm knows no other ends of lines, and installs only what comes before.
    for end in ["\r", "\u{85}", "\u{2028}", "\u{2029}"] {
        let hidden = format!(
            "---\n{{apiVersion: v1, kind: ConfigMap}}{end}---{end}{{containers: [{{image: evil, securityContext: \
                {{privileged: true}}}}]}}\n"
        );
        assert_eq!(wasser_chart::powerful_images(&hidden), BTreeSet::new(), "{end:?}");
    }
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
