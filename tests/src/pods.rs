//! Pods of a real node that use a dataset, and what is to be seen in them.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::manifests::{dataset, runtime, secret, with};
use crate::tools::{kubectl, try_kubectl};
use crate::{Installed, User};

/// Where the pods have the dataset.
pub const DATA: &str = "/data";
/// The label of the pods, with the value `user`.
const LABEL: &str = "app";
/// A directory of the node for the objects of the file system, so that workers, fuse pods and their successors have the same.
const STORE: &str = "/var/lib/wasser-e2e";

/// Wasser, and a Dataset `demo` on a file system of its own, in the database with this number.
pub async fn bound(name: &str, database: u8, change: impl FnOnce(Value) -> Value) -> Installed {
    let installed = Installed::start(name).await;
    installed.apply(&secret(database)).await;
    let store = format!("{STORE}/{database}-{}", installed.namespace);
    let mount = json!([{"name": "store", "mountPath": "/data/store"}]);
    let shared = [
        (
            "/spec/volumes",
            json!([{"name": "store", "hostPath": {"path": store, "type": "DirectoryOrCreate"}}]),
        ),
        // However full the disk is.
        ("/spec/tieredstore/levels/0/low", json!("0.01")),
        ("/spec/worker/volumeMounts", mount.clone()),
        ("/spec/fuse/volumeMounts", mount),
    ];
    let runtime = shared
        .into_iter()
        .fold(runtime("demo"), |runtime, (path, value)| with(runtime, path, value));
    installed.apply(&dataset("demo")).await;
    installed.apply(&change(runtime)).await;
    installed.bound("demo").await;
    installed
}

/// Ends the pods, the Dataset and the namespace, and sees to it that nothing is left.
pub async fn end(installed: Installed) {
    let all = format!("{LABEL}=user");
    let arguments = [
        "delete",
        "pod",
        "-n",
        &installed.namespace,
        "-l",
        &all,
        "--wait",
        "--ignore-not-found",
    ];
    kubectl(&arguments).await;
    installed.delete_dataset("demo").await;
    installed.empty(&["jfs-secret"]).await;
    installed.clean_nodes().await;
    installed.end().await;
}

/// A pod that mounts the Dataset `demo`, with what its volume mount has beside name and path.
pub fn pod(name: &str, mount: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {LABEL: "user"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [container("user", &["sleep", "1000000"], mount)],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]
        }
    })
}

/// A container with the volume `data`.
pub fn container(name: &str, command: &[&str], mut mount: Value) -> Value {
    mount["name"] = json!("data");
    mount["mountPath"] = json!(DATA);
    json!({"name": name, "image": "docker.io/library/busybox:stable", "command": command, "volumeMounts": [mount]})
}

/// Whether a pod is ready.
pub fn is_ready(pod: &DynamicObject) -> Option<()> {
    let conditions = pod.data["status"]["conditions"].as_array()?;
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.iter().any(ready).then_some(())
}

impl User {
    /// Starts a pod and waits until it is ready.
    pub async fn run(&self, pod: &Value) {
        self.apply(pod).await;
        let name = pod["metadata"]["name"].as_str().expect("a name");
        self.object("v1", "Pod", name, "it is ready", is_ready).await;
    }

    /// What a command in the container `user` of a pod prints.
    pub async fn inside(&self, pod: &str, command: &str) -> String {
        kubectl(&["exec", "-n", &self.namespace, pod, "-c", "user", "--", "sh", "-c", command]).await
    }

    /// How often something is mounted at the dataset's place in a pod.
    pub async fn mounted(&self, pod: &str) -> usize {
        let mounts = self.inside(pod, "cat /proc/self/mountinfo").await;
        mounts.lines().filter(|line| line.split(' ').nth(4) == Some(DATA)).count()
    }

    /// The fuse pods that there are and are not being deleted.
    pub async fn fuse_pods(&self) -> BTreeSet<String> {
        let selected = ListParams::default().labels("role=juicefs-fuse");
        let found = self.api("v1", "Pod").list(&selected).await.expect("listing the fuse pods");
        let stays = |pod: &&DynamicObject| pod.metadata.deletion_timestamp.is_none();
        found.items.iter().filter(stays).map(ResourceExt::name_any).collect()
    }

    /// Deletes the fuse pods at once, and waits until others have come and this pod reads this file.
    pub async fn replace_fuse_pods(&self, pod: &str, file: &str) {
        let before = self.fuse_pods().await;
        assert!(!before.is_empty(), "there is no fuse pod");
        for name in &before {
            kubectl(&["delete", "pod", "-n", &self.namespace, name, "--grace-period=0", "--force"]).await;
        }
        let read = ["exec", "-n", &self.namespace, pod, "-c", "user", "--", "cat", file];
        self.eventually(&format!("{pod} reads {file} through the next fuse pod"), || async {
            let now = self.fuse_pods().await;
            (!now.is_empty() && now.is_disjoint(&before) && try_kubectl(&read).await).then_some(())
        })
        .await;
    }
}
