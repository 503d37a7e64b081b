//! The rest of a cluster: nodes, the controllers of workloads and volumes, kubelets, the garbage
//! collector, and objects of others.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wasser_test_api_server::ApiServer;

const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];

/// A cluster that is played until this is dropped.
pub struct World(JoinHandle<()>);

impl Drop for World {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    /// Creates nodes and objects of others, and plays the cluster.
    pub fn start(server: &ApiServer) -> Self {
        for node in NODES {
            let labels = json!({"kubernetes.io/hostname": node, "example.org/kept": "yes"});
            server.create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": labels}}));
        }
        neighbours(server);
        let played = server.clone();
        Self(tokio::spawn(async move { played.play(act).await }))
    }
}

/// Objects whose names are like those of a runtime `demo`, and which are not its own.
fn neighbours(server: &ApiServer) {
    server.namespace("other");
    let object = |api: &str, kind: &str, namespace: &str, name: &str, more: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        for (field, value) in more.as_object().into_iter().flatten() {
            object[field] = value.clone();
        }
        server.create(&object);
    };
    let workload = json!({"spec": {"serviceName": "x", "replicas": 0, "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}}});
    let data = json!({"data": {"k": "dg=="}});
    for (namespace, name) in [
        ("other", "demo-worker"),
        ("default", "demo"),
        ("default", "demo-worker-0"),
    ] {
        object("apps/v1", "StatefulSet", namespace, name, workload.clone());
    }
    for (namespace, name) in [
        ("other", "sh.helm.release.v1.demo.v1"),
        ("default", "demo"),
        ("default", "keys"),
    ] {
        object("v1", "Secret", namespace, name, data.clone());
    }
    for (namespace, name) in [("other", "demo-demo-values"), ("default", "demo-values")] {
        object("v1", "ConfigMap", namespace, name, data.clone());
    }
    let volume = json!({"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"],
        "nfs": {"server": "s", "path": "/"}}});
    for name in ["other-demo", "demo"] {
        object("v1", "PersistentVolume", "", name, volume.clone());
    }
}

/// What all parts of the cluster do after a change.
fn act(server: &ApiServer) {
    for set in server.stored("StatefulSet", "") {
        stateful_set(server, &set);
    }
    for set in server.stored("DaemonSet", "") {
        daemon_set(server, &set);
    }
    for pod in server.stored("Pod", "") {
        kubelet(server, &pod);
    }
    for claim in server.stored("PersistentVolumeClaim", "") {
        bind(server, &claim);
    }
    for job in server.stored("Job", "") {
        end(server, &job);
    }
    server.release_protection();
    server.collect();
}

/// Ends a Job at once, with success.
fn end(server: &ApiServer, job: &Value) {
    if job.pointer("/status/conditions").is_some() || is_leaving(job) {
        return;
    }
    let (namespace, name) = (text(job, "/metadata/namespace"), text(job, "/metadata/name"));
    server.edit_status("Job", namespace, name, |status| {
        *status = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True",
            "lastTransitionTime": job["metadata"]["creationTimestamp"]}]});
    });
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_leaving(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// The pods that a workload controls.
fn pods_of(server: &ApiServer, set: &Value) -> Vec<Arc<Value>> {
    let mut pods = server.stored("Pod", text(set, "/metadata/namespace"));
    pods.retain(|pod| pod["metadata"]["ownerReferences"][0]["uid"] == set["metadata"]["uid"]);
    pods
}

/// Brings the pods of a workload to these names and nodes. Returns how many it has, and how many
/// are ready.
fn scale(server: &ApiServer, set: &Value, wanted: &[(String, &str)]) -> (usize, usize) {
    let namespace = text(set, "/metadata/namespace");
    for pod in pods_of(server, set) {
        let name = text(&pod, "/metadata/name");
        if !wanted.iter().any(|(known, _)| known == name) {
            server.delete("Pod", namespace, name);
        }
    }
    for (name, node) in wanted {
        if server.object("Pod", namespace, name).is_some() || is_leaving(set) {
            continue;
        }
        let mut spec = set["spec"]["template"]["spec"].clone();
        spec["nodeName"] = json!(node);
        // The affinity that the operator sets was looked at by the scheduler.
        spec.as_object_mut()
            .into_iter()
            .for_each(|spec| drop(spec.remove("affinity")));
        server.create(&json!({
            "apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {
                "name": name, "namespace": namespace, "labels": set["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": set["kind"], "name": set["metadata"]["name"],
                    "uid": set["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}],
            },
        }));
    }
    let pods = pods_of(server, set);
    let ready = pods
        .iter()
        .filter(|pod| text(pod, "/status/phase") == "Running")
        .count();
    (pods.len(), ready)
}

fn stateful_set(server: &ApiServer, set: &Value) {
    let name = text(set, "/metadata/name");
    let replicas = usize::try_from(set["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap();
    let node = |index: usize| NODES.get(index % NODES.len()).copied().unwrap_or_default();
    let wanted: Vec<(String, &str)> = (0..replicas)
        .map(|index| (format!("{name}-{index}"), node(index)))
        .collect();
    let (exist, ready) = scale(server, set, &wanted);
    let counts = [
        ("replicas", exist),
        ("currentReplicas", exist),
        ("updatedReplicas", exist),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
    ];
    show(server, set, &counts);
}

fn daemon_set(server: &ApiServer, set: &Value) {
    let name = text(set, "/metadata/name");
    let selector = set["spec"]["template"]["spec"]["nodeSelector"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let nodes = server.stored("Node", "");
    let chosen = nodes.iter().filter(|node| {
        selector
            .iter()
            .all(|(key, value)| node["metadata"]["labels"][key] == *value)
    });
    let wanted: Vec<(String, &str)> = chosen
        .map(|node| text(node, "/metadata/name"))
        .map(|node| (format!("{name}-{node}"), node))
        .collect();
    let (exist, ready) = scale(server, set, &wanted);
    let counts = [
        ("desiredNumberScheduled", wanted.len()),
        ("currentNumberScheduled", exist),
        ("updatedNumberScheduled", exist),
        ("numberReady", ready),
        ("numberAvailable", ready),
        ("numberUnavailable", wanted.len().saturating_sub(ready)),
    ];
    show(server, set, &counts);
}

/// Writes the status of a workload.
fn show(server: &ApiServer, set: &Value, counts: &[(&str, usize)]) {
    let shown = &set["status"];
    let is_same = |(field, count): &(&str, usize)| shown[field] == *count;
    if counts.iter().all(is_same) && shown["observedGeneration"] == set["metadata"]["generation"] {
        return;
    }
    let kind = text(set, "/kind");
    let (namespace, name) = (text(set, "/metadata/namespace"), text(set, "/metadata/name"));
    server.edit_status(kind, namespace, name, |status| {
        status["observedGeneration"] = set["metadata"]["generation"].clone();
        for (field, count) in counts {
            status[field] = json!(count);
        }
    });
}

/// Starts a pod, or ends it.
fn kubelet(server: &ApiServer, pod: &Value) {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    if is_leaving(pod) {
        server.delete_with("Pod", namespace, name, &json!({"gracePeriodSeconds": 0}));
        return;
    }
    if text(pod, "/status/phase") == "Running" {
        return;
    }
    let began = "2026-01-02T03:04:05Z";
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let states: Vec<Value> = containers
        .iter()
        .map(|container| {
            json!({"name": container["name"], "image": container["image"], "imageID": "", "ready": true,
                "restartCount": 0, "started": true, "state": {"running": {"startedAt": began}}})
        })
        .collect();
    server.edit_status("Pod", namespace, name, |status| {
        status["phase"] = json!("Running");
        status["podIP"] = json!("10.0.0.1");
        status["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": began}]);
        status["containerStatuses"] = json!(states);
    });
}

/// Binds a claim to the volume that it names.
fn bind(server: &ApiServer, claim: &Value) {
    let (namespace, name) = (text(claim, "/metadata/namespace"), text(claim, "/metadata/name"));
    let volume = text(claim, "/spec/volumeName");
    if is_leaving(claim)
        || text(claim, "/status/phase") == "Bound"
        || server.object("PersistentVolume", "", volume).is_none()
    {
        return;
    }
    server.edit_status("PersistentVolumeClaim", namespace, name, |status| {
        status["phase"] = json!("Bound")
    });
    server.edit_status("PersistentVolume", "", volume, |status| {
        status["phase"] = json!("Bound")
    });
}
