//! What an object has of its node beyond what was granted, read as a kubelet does. It shares no code
//! with the policy, so that what one of them overlooks is found by the other. Profiles of Seccomp,
//! AppArmor and SELinux, `procMount` and sysctls are not looked at.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use kube::api::DynamicObject;
use serde_json::Value;
use wasser_chart::Policy;

/// Capabilities that the baseline of the Pod Security Standards lets containers have.
const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Every text in the objects of users, whatever its field is about.
#[derive(Default)]
pub struct Said(BTreeSet<String>);

impl Said {
    pub fn of<'v>(objects: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut texts = BTreeSet::new();
        objects.into_iter().for_each(|object| collect(object, &mut texts));
        Self(texts)
    }

    fn has_path(&self, path: &Path) -> bool {
        let is_it = |named: &Path| path == named || (named != Path::new("/") && is_below(path, named));
        self.0.iter().any(|text| paths(text).any(is_it))
    }
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|inner| collect(inner, texts)),
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, texts)),
        Value::String(text) => texts.extend([text.clone()]),
        _ => {}
    }
}

/// The directories that a text may be about.
fn paths(text: &str) -> impl Iterator<Item = &Path> {
    let local = ["local://", "file://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let list = match local {
        Some(path) => path,
        None if text.contains("://") => "",
        None => text,
    };
    list.split([',', ':']).map(|part| Path::new(part.trim()))
}

fn is_below(path: &Path, directory: &Path) -> bool {
    directory.is_absolute() && path.starts_with(directory)
}

/// Whether a path leads where it says.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == Component::ParentDir)
}

/// Whether clients show their node what they mount there.
fn is_of_clients(path: &Path, policy: &Policy, said: &Said) -> bool {
    is_plain(path) && (is_below(path, Path::new(&policy.mount)) || said.has_path(path))
}

fn is_granted(path: &Path, policy: &Policy, said: &Said) -> bool {
    let mounts = policy.powers.fuse || policy.powers.privileged;
    let mut listed = policy.powers.host_paths.iter().map(Path::new);
    let is_listed = listed.any(|directory| path == directory || (mounts && is_below(path, directory)));
    let of_clients = path == Path::new("/dev/fuse") || is_of_clients(path, policy, said);
    is_plain(path) && (is_listed || (mounts && of_clients))
}

/// The name of an image without tag and digest.
fn name(image: &str) -> &str {
    let tagged = image.split('@').next().unwrap_or_default();
    match tagged.rfind(':') {
        Some(at) if !tagged[at..].contains('/') => &tagged[..at],
        _ => tagged,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every specification of pods, wherever it is.
fn specs<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            if !list(&value["containers"]).is_empty() {
                found.push(value);
            }
            fields.values().for_each(|inner| specs(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| specs(inner, found)),
        _ => {}
    }
}

/// What an object has beyond the policy.
pub fn beyond(object: &DynamicObject, policy: &Policy, said: &Said) -> Vec<String> {
    let mut pods = Vec::new();
    specs(&object.data, &mut pods);
    let object = serde_json::to_value(object).unwrap();
    let of_pods = pods.into_iter().flat_map(|spec| of_pods(spec, policy, said));
    of_service(&object, policy).into_iter().chain(of_pods).collect()
}

fn of_service(object: &Value, policy: &Policy) -> Vec<String> {
    let (spec, mut found) = (&object["spec"], Vec::new());
    if object["apiVersion"] != "v1" || object["kind"] != "Service" {
        return found;
    }
    let granted = match spec["type"].as_str() {
        Some("NodePort") => policy.powers.host_network,
        Some("LoadBalancer" | "ExternalName") => false,
        _ => true,
    };
    if !granted || !list(&spec["externalIPs"]).is_empty() {
        found.push(format!("Service: {spec}"));
    }
    found
}

fn of_pods(spec: &Value, policy: &Policy, said: &Said) -> Vec<String> {
    let (powers, mut found) = (&policy.powers, Vec::new());
    let flags = [
        ("hostPID", powers.privileged),
        ("hostIPC", powers.privileged),
        ("hostNetwork", powers.host_network),
    ];
    for (field, granted) in flags {
        if spec[field] == true && !granted {
            found.push(field.to_owned());
        }
    }
    let class = spec["priorityClassName"].as_str().unwrap_or_default();
    if class.starts_with("system-") && !powers.system_priority {
        found.push(format!("priorityClassName: {class}"));
    }
    for volume in list(&spec["volumes"]) {
        let source = &volume["hostPath"];
        let path = source["path"].as_str().unwrap_or_default();
        if !source.is_null() && !is_granted(Path::new(path), policy, said) {
            found.push(format!("hostPath: {source}"));
        }
    }
    for field in ["containers", "initContainers", "ephemeralContainers"] {
        for container in list(&spec[field]) {
            let mut all = of_container(container, policy, said);
            all.extend(shown(spec, container, policy, said));
            found.extend(all.into_iter().map(|what| format!("{field}: {what}")));
        }
    }
    found
}

fn of_container(container: &Value, policy: &Policy, said: &Said) -> Vec<String> {
    let (powers, context, mut found) = (&policy.powers, &container["securityContext"], Vec::new());
    let is_privileged = context["privileged"] == true;
    if is_privileged && !powers.privileged && !powers.fuse {
        found.push("privileged".to_owned());
    }
    let is_more = |capability: &&Value| capability.as_str().is_none_or(|name| !BASELINE.contains(&name));
    let more: Vec<&Value> = list(&context["capabilities"]["add"]).iter().filter(is_more).collect();
    for capability in &more {
        let mounts = powers.fuse && capability.as_str() == Some("SYS_ADMIN");
        if !powers.privileged && !mounts {
            found.push(format!("capability {capability}"));
        }
    }
    let image = container["image"].as_str().unwrap_or_default();
    let is_known = || {
        powers
            .images
            .iter()
            .chain(&said.0)
            .any(|known| name(known) == name(image))
    };
    if (is_privileged || !more.is_empty()) && !is_known() {
        found.push(format!("image {image}"));
    }
    if !powers.host_network {
        found.extend(network(container));
    }
    found
}

/// What a container has of the network of its node.
fn network(container: &Value) -> Vec<String> {
    let is_of_node = |port: &&Value| port["hostPort"].as_i64().is_some_and(|number| number != 0);
    let ports = list(&container["ports"]).iter().filter(is_of_node);
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
    let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
    let calls = probes
        .into_iter()
        .chain(hooks)
        .flat_map(|call| [&call["httpGet"], &call["tcpSocket"]]);
    let elsewhere = calls.filter(|call| call["host"].as_str().is_some_and(|host| !host.is_empty()));
    ports.chain(elsewhere).map(Value::to_string).collect()
}

/// The mounts of a container that its node would see in directories that are not its clients'.
fn shown(spec: &Value, container: &Value, policy: &Policy, said: &Said) -> Vec<String> {
    let is_seen = |mount: &&Value| mount["mountPropagation"] == "Bidirectional";
    let is_elsewhere = |mount: &&Value| {
        let volume = list(&spec["volumes"])
            .iter()
            .find(|volume| volume["name"] == mount["name"]);
        let path = volume.and_then(|volume| volume["hostPath"]["path"].as_str());
        path.is_some_and(|path| !is_of_clients(Path::new(path), policy, said))
    };
    let mounts = list(&container["volumeMounts"]).iter().filter(is_seen);
    let mounts = mounts.filter(|mount| !policy.powers.privileged && is_elsewhere(mount));
    mounts.map(Value::to_string).collect()
}
