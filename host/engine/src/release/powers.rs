//! What decides what a pod does, on its node and elsewhere. Whoever can choose any of it can run
//! what they like where the pod may: commands of probes and hooks of containers, variables that
//! shells and loaders read, and files that are mounted over scripts are as good as a command.
//!
//! So everything counts that a pod says, but for what is known to be harmless, and for numbers:
//! ports, limits and times.

use std::collections::BTreeSet;

use serde_json::Value;
use wasser_chart::pod_specs;

use crate::release::canonical::{canonical, is_default, says_nothing, sorted};

const CONTAINERS: [&str; 2] = ["initContainers", "containers"];
/// Fields of containers that count as they are, numbers included.
const EXACT: [&str; 4] = ["image", "command", "args", "securityContext"];
/// What a pod has of its node.
const OF_NODE: [&str; 4] = ["hostPath", "hostNetwork", "hostPID", "hostIPC"];
/// Fields of containers of which each entry is one power.
const LISTS: [&str; 2] = ["envFrom", "volumeDevices"];
/// Fields of containers that are looked at elsewhere, or decide nothing.
const HARMLESS: [&str; 8] = [
    "name",
    "env",
    "volumeMounts",
    "ports",
    "resources",
    "imagePullPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
];
/// Fields of pods that are looked at elsewhere, or only say where and when they run.
const HARMLESS_OF_POD: [&str; 9] = [
    "initContainers",
    "containers",
    "volumes",
    "affinity",
    "nodeSelector",
    "tolerations",
    "topologySpreadConstraints",
    "enableServiceLinks",
    // Another name of `serviceAccountName`, which the API server adds.
    "serviceAccount",
];
/// One of them. Which container has it does not count: another chart names them otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Power {
    what: String,
    value: String,
}

impl Power {
    /// Returns it for a message. Variables and the like may be secret.
    pub fn shown(&self) -> String {
        let what = self.what.as_str();
        if EXACT.contains(&what) || OF_NODE.contains(&what) {
            format!("{} {}", self.what, self.value)
        } else {
            self.what.clone()
        }
    }
}

/// Those of every pod specification in a part of an object.
pub fn powers(part: &Value) -> BTreeSet<Power> {
    let mut found = BTreeSet::new();
    pod_specs(part).for_each(|spec| of_pod(spec, &mut found));
    found
}

fn of_pod(spec: &Value, found: &mut BTreeSet<Power>) {
    for container in CONTAINERS.iter().flat_map(|field| list(spec, field)) {
        of_container(container, spec, found);
    }
    for (field, value) in spec.as_object().into_iter().flatten() {
        if !HARMLESS_OF_POD.contains(&field.as_str()) && !is_default(field, value) {
            add(field, &canonical(value), found);
        }
    }
    for volume in list(spec, "volumes") {
        add("hostPath", &volume["hostPath"]["path"], found);
    }
}

fn of_container(container: &Value, spec: &Value, found: &mut BTreeSet<Power>) {
    for (field, value) in container.as_object().into_iter().flatten() {
        match field.as_str() {
            exact if EXACT.contains(&exact) => add(exact, &sorted(value), found),
            entries if LISTS.contains(&entries) => {
                list(container, entries).for_each(|entry| add(entries, &canonical(entry), found));
            }
            harmless if HARMLESS.contains(&harmless) => {}
            other => add(other, &canonical(value), found),
        }
    }
    add("resources.claims", &container["resources"]["claims"], found);
    for variable in list(container, "env") {
        let what = format!("env {}", variable["name"].as_str().unwrap_or_default());
        insert(what, canonical(variable).to_string(), found);
    }
    for mount in list(container, "volumeMounts") {
        let volume = list(spec, "volumes").find(|volume| volume["name"] == mount["name"]);
        let what = format!("volumeMount {}", mount["mountPath"].as_str().unwrap_or_default());
        // Names of volumes are the chart's.
        let (mount, volume) = (unnamed(mount), volume.map(unnamed));
        insert(what, format!("{mount} {}", volume.unwrap_or_default()), found);
    }
}

fn list<'a>(part: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    part[field].as_array().into_iter().flatten()
}

fn unnamed(part: &Value) -> Value {
    let mut part = canonical(part);
    if let Some(fields) = part.as_object_mut() {
        fields.remove("name");
    }
    part
}

/// Adds what is said. A value that is left out, and one that is what a pod has anyway, are none.
fn add(what: &str, value: &Value, found: &mut BTreeSet<Power>) {
    if says_nothing(value) {
        return;
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    insert(what.to_owned(), text, found);
}

fn insert(what: String, value: String, found: &mut BTreeSet<Power>) {
    found.insert(Power { what, value });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn of(pod: Value) -> BTreeSet<Power> {
        powers(&json!({"spec": {"template": {"spec": pod}}}))
    }

    /// A privileged client as it is in the cluster, with what the API server adds.
    fn live() -> Value {
        json!({"hostNetwork": true, "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
            "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
            "serviceAccountName": "demo", "serviceAccount": "demo", "nodeSelector": {"a": "b"},
            "volumes": [
                {"name": "script", "configMap": {"name": "demo-script", "defaultMode": 420}},
                {"name": "conf", "secret": {"secretName": "demo-conf", "defaultMode": 420}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "mnt", "hostPath": {"path": "/runtime-mnt", "type": ""}}],
            "containers": [{"name": "fuse", "image": "fuse:1", "command": ["/entrypoint.sh"],
                "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "resources": {"limits": {"memory": "1Gi"}},
                "ports": [{"containerPort": 19998, "protocol": "TCP"}],
                "securityContext": {"privileged": true, "runAsUser": 0},
                "env": [{"name": "OPTS", "value": "-Dport=19998 -Dhost=10.0.0.1"},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}],
                "livenessProbe": {"exec": {"command": ["ls"]}, "periodSeconds": 10, "timeoutSeconds": 1},
                "volumeMounts": [{"name": "script", "mountPath": "/entrypoint.sh", "subPath": "entrypoint.sh"},
                    {"name": "conf", "mountPath": "/conf", "readOnly": true},
                    {"name": "tmp", "mountPath": "/tmp"},
                    {"name": "mnt", "mountPath": "/mnt", "mountPropagation": "Bidirectional"}]}]})
    }

    /// A change of a pod, by which it is one that the live one is not.
    #[rstest]
    #[case::lifecycle("/containers/0/lifecycle", json!({"postStart": {"exec": {"command": ["x"]}}}), "lifecycle")]
    #[case::probe("/containers/0/livenessProbe/exec/command", json!(["sh", "-c", "x"]), "livenessProbe")]
    #[case::other_probe("/containers/0/startupProbe", json!({"exec": {"command": ["x"]}}), "startupProbe")]
    #[case::variable("/containers/0/env/0", json!({"name": "LD_PRELOAD", "value": "/x.so"}), "env LD_PRELOAD")]
    #[case::of_a_variable("/containers/0/env/0/value", json!("-Dport=1 -javaagent:x"), "env OPTS")]
    #[case::an_address("/containers/0/env/0/value", json!("-Dport=19998 -Dhost=10.0.0.2"), "env OPTS")]
    #[case::from("/containers/0/envFrom", json!([{"configMapRef": {"name": "x"}}]), "envFrom")]
    #[case::a_script("/volumes/0/configMap/name", json!("x"), "volumeMount /entrypoint.sh")]
    #[case::another_volume("/containers/0/volumeMounts/0/name", json!("tmp"), "volumeMount /entrypoint.sh")]
    #[case::a_file("/containers/0/volumeMounts/0/subPath", json!("x"), "volumeMount /entrypoint.sh")]
    #[case::a_place("/containers/0/volumeMounts/1/mountPath", json!("/etc/ld.so.preload"),
        "volumeMount /etc/ld.so.preload")]
    #[case::written("/containers/0/volumeMounts/1/readOnly", json!(false), "volumeMount /conf")]
    #[case::directory("/containers/0/workingDir", json!("/x"), "workingDir")]
    #[case::image("/containers/0/image", json!("x"), "image x")]
    #[case::user("/containers/0/securityContext/runAsUser", json!(1), "securityContext {\"privileged\":true,\"runAsUser\":1}")]
    #[case::account("/serviceAccountName", json!("x"), "serviceAccountName")]
    #[case::hosts("/hostAliases", json!([{"ip": "1.2.3.4", "hostnames": ["x"]}]), "hostAliases")]
    #[case::first("/initContainers", json!([{"name": "x", "image": "x"}]), "image x")]
    #[case::processes("/hostPID", json!(true), "hostPID true")]
    #[case::node("/volumes/3/hostPath/path", json!("/"), "hostPath /")]
    fn what_decides_what_a_pod_does_is_a_power(#[case] field: &str, #[case] value: Value, #[case] shown: &str) {
        let (mut changed, (parent, name)) = (live(), field.rsplit_once('/').unwrap());
        match changed.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
            fields => fields[name] = value,
        }
        let live = of(live());
        let new: Vec<String> = of(changed).difference(&live).map(Power::shown).collect();
        assert!(new.iter().any(|power| power == shown), "{new:?}");
    }

    /// A chart says less than the API server, names volumes otherwise, and has other numbers.
    #[test]
    fn what_the_api_server_adds_and_numbers_are_none() {
        let rendered = json!({"hostNetwork": true, "serviceAccountName": "demo", "enableServiceLinks": false,
            "tolerations": [{"operator": "Exists"}], "volumes": [
                {"name": "a", "configMap": {"name": "demo-script", "defaultMode": 493}},
                {"name": "b", "emptyDir": {}}, {"name": "unused", "emptyDir": {}}],
            "containers": [{"name": "other", "image": "fuse:1", "args": [], "command": ["/entrypoint.sh"],
                "securityContext": {"runAsUser": 0, "privileged": true},
                "env": [{"name": "OPTS", "value": "-Dport=20000 -Dhost=10.0.0.1"},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                "livenessProbe": {"exec": {"command": ["ls"]}, "periodSeconds": 20},
                "volumeMounts": [{"name": "a", "mountPath": "/entrypoint.sh", "subPath": "entrypoint.sh", "readOnly": false},
                    {"name": "b", "mountPath": "/tmp"}]}]});
        let live = of(live());
        let new: Vec<String> = of(rendered).difference(&live).map(Power::shown).collect();
        assert_eq!(new, [""; 0]);
    }
}
