//! Pods that use datasets, on nodes that have containers.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};

use crate::manifests::with;
use crate::tools::{kubectl, kubectl_says};
use crate::{User, sweep};

/// Where these pods have the dataset.
pub const DATA: &str = "/data";

/// A pod that mounts a claim. `mount` is added to the name and path of its volume mount.
pub fn pod(name: &str, claim: &str, mount: Value) -> Value {
    pod_with(name, json!({"persistentVolumeClaim": {"claimName": claim}}), mount)
}

/// A pod that mounts something. `mount` is added to the name and path of its volume mount.
fn pod_with(name: &str, volume: Value, mount: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "user"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [container("user", &["sleep", "1000000"], mount)],
            "volumes": [with(volume, "/name", json!("data"))]
        }
    })
}

/// A container with the volume `data`.
pub fn container(name: &str, command: &[&str], mount: Value) -> Value {
    let mount = with(with(mount, "/name", json!("data")), "/mountPath", json!(DATA));
    json!({"name": name, "image": "docker.io/library/busybox:stable", "command": command, "volumeMounts": [mount]})
}

/// Something if a pod is ready.
pub fn is_ready(pod: &DynamicObject) -> Option<()> {
    let conditions = pod.data["status"]["conditions"].as_array()?;
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.iter().any(ready).then_some(())
}

/// Whether the controller of a workload has seen its present spec, by which it makes pods.
pub fn is_observed(workload: &DynamicObject) -> bool {
    workload.data["status"]["observedGeneration"].as_i64() == workload.metadata.generation
}

impl User {
    /// Creates a pod and waits until it is ready.
    pub async fn run(&self, pod: &Value) {
        self.apply(pod).await;
        let name = pod["metadata"]["name"].as_str().expect("a name");
        self.object("v1", "Pod", name, "it is ready", is_ready).await;
    }

    /// Runs a pod that mounts the claim of a Dataset, and whatever is mounted there later.
    pub async fn run_with_claim(&self, name: &str, claim: &str) {
        self.run(&pod(name, claim, json!({"mountPropagation": "HostToContainer"})))
            .await;
    }

    /// Runs a pod that mounts a directory of its node, which is made if it is not there.
    pub async fn run_with_directory(&self, name: &str, directory: &str) {
        let volume = json!({"hostPath": {"path": directory, "type": "DirectoryOrCreate"}});
        self.run(&pod_with(name, volume, json!({}))).await;
    }

    /// What a command in a pod prints and complains about, whether it succeeds or not.
    pub async fn inside_says(&self, pod: &str, command: &str) -> String {
        self.exec_says(pod, "user", &["sh", "-c", command]).await
    }

    /// What a command in a pod prints.
    pub async fn inside(&self, pod: &str, command: &str) -> String {
        self.exec(pod, "user", &["sh", "-c", command]).await
    }

    /// What a command in any container of a pod prints; fails if it fails.
    pub async fn exec(&self, pod: &str, container: &str, command: &[&str]) -> String {
        kubectl(&[&["exec", "-n", &self.namespace, pod, "-c", container, "--"], command].concat()).await
    }

    /// What a command in any container of a pod prints and complains about, whether it succeeds or
    /// not.
    pub async fn exec_says(&self, pod: &str, container: &str, command: &[&str]) -> String {
        kubectl_says(&[&["exec", "-n", &self.namespace, pod, "-c", container, "--"], command].concat()).await
    }

    /// How often something is mounted at the dataset's place in a pod.
    pub async fn mounted(&self, pod: &str) -> usize {
        let mounts = self.inside(pod, "cat /proc/self/mountinfo").await;
        mounts
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some(DATA))
            .count()
    }

    /// The pods with a label that are not being deleted.
    pub async fn pods_with(&self, label: &str) -> BTreeSet<String> {
        let selected = ListParams::default().labels(label);
        let found = self.api("v1", "Pod").list(&selected).await.expect("listing pods");
        let stays = |pod: &&DynamicObject| pod.metadata.deletion_timestamp.is_none();
        found.items.iter().filter(stays).map(ResourceExt::name_any).collect()
    }

    /// Kills the pods with a label, and waits until there are others.
    pub async fn replace_pods(&self, label: &str) {
        let before = self.pods_with(label).await;
        assert!(!before.is_empty(), "there is no pod with {label}");
        for pod in &before {
            kubectl(&[
                "delete",
                "pod",
                "-n",
                &self.namespace,
                pod,
                "--grace-period=0",
                "--force",
            ])
            .await;
        }
        let replaced = || async {
            let now = self.pods_with(label).await;
            (!now.is_empty() && now.is_disjoint(&before)).then_some(())
        };
        self.eventually(&format!("there are other pods with {label}"), replaced)
            .await;
    }

    /// Has the kubelet look at the ConfigMaps and Secrets of pods. It does so about once a minute,
    /// and at once when a pod changes.
    pub async fn hurry(&self, label: &str) {
        let now = format!(
            "hurry={}",
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .expect("it is not 1970")
                .as_millis()
        );
        for pod in self.pods_with(label).await {
            kubectl(&["annotate", "pod", "-n", &self.namespace, &pod, "--overwrite", &now]).await;
        }
    }

    /// Waits until the API server lets the webhook change pods such as this one, which is never
    /// created.
    pub async fn webhook_works(&self, probe: &Value) {
        let pods = self.api("v1", "Pod");
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let probe: DynamicObject = serde_json::from_value(probe.clone()).expect("a pod");
        let asked = || async {
            let created = pods.create(&parameters, &probe).await.ok()?;
            created
                .annotations()
                .contains_key("fluid.io/datasets-in-use")
                .then_some(())
        };
        self.eventually("the API server asks the webhook", asked).await;
    }

    /// Deletes one of these pods, and waits until it is gone.
    pub async fn delete_pod(&self, pod: &str) {
        kubectl(&[
            "delete",
            "pod",
            pod,
            "-n",
            &self.namespace,
            "--wait",
            "--ignore-not-found",
        ])
        .await;
    }

    /// Deletes the pods that use datasets, and waits until they are gone.
    pub async fn delete_pods(&self) {
        sweep::pods(&self.namespace).await;
    }
}
