//! Pods of a test's own on a real node: those that use a dataset, and those that look after directories of the node.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::User;
use crate::tools::{kubectl, kubectl_says};

/// Where a pod has what it mounts.
pub const DATA: &str = "/data";
/// How long such a pod may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// The label of all of these pods.
const LABEL: &str = "app=user";

impl User {
    /// Runs a pod that mounts the claim of a Dataset, and waits until it is ready.
    pub async fn run_with_claim(&self, pod: &str, claim: &str) {
        self.run_with(pod, json!({"persistentVolumeClaim": {"claimName": claim}})).await;
    }

    /// Runs a pod that mounts a directory of its node, which is made if it is not there, and waits until it is ready.
    pub async fn run_with_directory(&self, pod: &str, directory: &str) {
        self.run_with(pod, json!({"hostPath": {"path": directory, "type": "DirectoryOrCreate"}}))
            .await;
    }

    async fn run_with(&self, name: &str, mut volume: Value) {
        volume["name"] = json!("data");
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "user"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "user", "image": "docker.io/library/busybox:stable", "command": ["sleep", "1000000"],
                    "volumeMounts": [{"name": "data", "mountPath": DATA, "mountPropagation": "HostToContainer"}]
                }],
                "volumes": [volume]
            }
        });
        self.apply(&pod).await;
        // The client of a dataset may have to start first.
        self.object_within(PATIENCE, "v1", "Pod", name, "it is ready", is_ready).await;
    }

    /// What a command in such a pod prints; fails if it fails.
    pub async fn inside(&self, pod: &str, command: &str) -> String {
        kubectl(&["exec", "-n", &self.namespace, pod, "-c", "user", "--", "sh", "-c", command]).await
    }

    /// What a command in such a pod prints and complains about, whether it succeeds or not.
    pub async fn inside_says(&self, pod: &str, command: &str) -> String {
        kubectl_says(&["exec", "-n", &self.namespace, pod, "-c", "user", "--", "sh", "-c", command]).await
    }

    /// Deletes one of these pods.
    pub async fn end_pod(&self, pod: &str) {
        kubectl(&["delete", "pod", pod, "-n", &self.namespace, "--wait", "--ignore-not-found"]).await;
    }

    /// Deletes all of these pods.
    pub async fn end_pods(&self) {
        kubectl(&["delete", "pod", "-n", &self.namespace, "-l", LABEL, "--wait", "--ignore-not-found"]).await;
    }
}

/// Whether all containers of a pod are ready.
pub fn is_ready(pod: &DynamicObject) -> Option<()> {
    let conditions = pod.data["status"]["conditions"].as_array()?;
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.iter().any(ready).then_some(())
}
