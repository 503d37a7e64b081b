//! What Fluid leaves on a cluster, written by the field managers that Fluid has.
//!
//! The files next to this one say what differs between runtimes; labels, owners, annotations and
//! Helm's record are the same in all. The end-to-end tests use them on a real API server.

pub mod helm;

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

/// A runtime of each kind.
pub const ALL: [&str; 6] = [
    include_str!("juicefs.yaml"),
    include_str!("alluxio.yaml"),
    include_str!("jindo.yaml"),
    include_str!("thin.yaml"),
    include_str!("vineyard.yaml"),
    include_str!("efc.yaml"),
];
/// Time of everything.
pub(super) const THEN: &str = "2026-01-02T03:04:05Z";

/// Where Fluid's Helm keeps its records: `helmDriver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    ConfigMap,
    Secret,
}

/// A Dataset and its runtime, as a file describes them.
pub struct Left {
    pub name: String,
    pub kind: String,
    pub(super) case: Value,
    client: Client,
    /// What the runtime has as an owner.
    pub(super) owner: Value,
    /// Values, manifest and hooks of the release.
    pub(super) installed: (Value, String, Value),
}

impl Left {
    /// Reads a file.
    pub fn read(client: Client, text: &str) -> Self {
        let case: Value = yaml_serde::from_str(text).unwrap();
        let word = |key: &str| case[key].as_str().unwrap().to_owned();
        Self {
            name: word("name"),
            kind: word("kind"),
            client,
            owner: Value::Null,
            installed: Default::default(),
            case,
        }
    }

    /// Changes the file before it is used.
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        self.case.pointer_mut(parent).unwrap()[field] = value;
        self
    }

    /// Does what Fluid and its users have done.
    pub async fn leave(mut self, driver: Driver) -> Self {
        if !self.case["profile"].is_null() {
            let profile = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntimeProfile",
                "metadata": {"name": "files"}, "spec": self.case["profile"]});
            self.create(profile, "kubectl-create").await;
        }
        let dataset = self.custom("Dataset", "dataset", "fluid-dataset-controller-finalizer", json!([]));
        let dataset = self.create(dataset, "kubectl-create").await;
        let finalizer = format!("{}-runtime-controller-finalizer", self.word("manager"));
        let owners = json!([{"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "name": self.name,
            "uid": dataset.metadata.uid}]);
        let runtime = self.custom(&self.kind, "runtime", &finalizer, owners);
        let runtime = self.create(runtime, "kubectl-create").await;
        self.owner = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": self.kind, "name": self.name,
            "uid": runtime.metadata.uid, "controller": true, "blockOwnerDeletion": false});
        self.install().await;
        self.record(driver).await;
        self.volume().await;
        self.statuses().await;
        self
    }

    pub(super) fn word(&self, key: &str) -> &str {
        self.case[key].as_str().unwrap_or_default()
    }

    /// What the names of workloads begin with, and this end.
    pub fn workload(&self, end: &str) -> String {
        format!("{}{}{end}", self.name, self.word("infix"))
    }

    /// Puts the labels on a node that Fluid puts there, if one of its workers runs there.
    pub fn label(&self, index: usize, labels: &mut Value) {
        let workers = self.case["workloads"]["worker"]["replicas"].as_u64().unwrap_or(0);
        if (index as u64) < workers {
            let (id, engine) = (self.id(), self.word("engine"));
            let size = &self.case["cache"]["size"];
            labels["fluid.io/dataset-num"] = json!("1");
            labels[format!("fluid.io/s-{id}")] = json!("true");
            labels[format!("fluid.io/s-{engine}-{id}")] = json!("true");
            labels[format!("fluid.io/s-h-{engine}-t-{id}")] = size.clone();
            let medium = self.case["cache"]["medium"].as_str().unwrap();
            labels[format!("fluid.io/s-h-{engine}-{medium}-{id}")] = size.clone();
        }
    }

    fn custom(&self, kind: &str, spec: &str, finalizer: &str, owners: Value) -> Value {
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": self.case[spec], "metadata": {
            "name": self.name, "namespace": "default", "finalizers": [finalizer], "ownerReferences": owners,
            "labels": {"fluid.io/dataset-id": self.id()},
        }})
    }

    pub(super) fn id(&self) -> String {
        format!("default-{}", self.name)
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    pub(super) async fn create(&self, object: Value, manager: &str) -> DynamicObject {
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        let content = serde_json::from_value(object.clone()).unwrap();
        self.api(&object).create(&params, &content).await.unwrap()
    }

    pub(super) async fn patch(&self, object: &Value, patch: Value, manager: &str) {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        let patched = self.api(object).patch(name, &params, &Patch::Merge(patch)).await;
        patched.unwrap();
    }

    async fn show(&self, kind: &str, status: Value, manager: &str) {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let object =
            json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"namespace": "default"}});
        let patch = Patch::Merge(json!({"status": status}));
        self.api(&object)
            .patch_status(&self.name, &params, &patch)
            .await
            .unwrap();
    }

    async fn volume(&self) {
        let (id, volume) = (self.id(), &self.case["volume"]);
        let mut labels = json!({format!("fluid.io/s-{id}"): "true"});
        // An earlier Fluid did not have this label.
        if volume["unlabelled"] != true {
            labels["fluid.io/dataset-id"] = json!(id);
        }
        let modes = json!(["ReadOnlyMany"]);
        let mut attributes = json!({"fluid_path": volume["path"], "mount_type": volume["type"], "runtime_name": self.name,
            "runtime_namespace": "default", "mount_pod_node_selector_key": format!("fluid.io/f-{id}")});
        for (key, value) in volume["attributes"].as_object().into_iter().flatten() {
            attributes[key] = value.clone();
        }
        let metadata = |name: &str| json!({"name": name, "labels": labels, "annotations": {"CreatedBy": "fluid"}});
        let spec = json!({"accessModes": modes, "capacity": {"storage": "100Pi"}, "storageClassName": "fluid",
            "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"apiVersion": "v1",
                "kind": "PersistentVolumeClaim", "namespace": "default", "name": self.name},
            "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": id, "volumeAttributes": attributes}});
        let object = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata(&id), "spec": spec});
        self.create(object, self.word("manager")).await;
        let mut claim = metadata(&self.name);
        claim["namespace"] = json!("default");
        if let Some(generation) = self.case["workloads"]["fuse"]["generation"].as_str() {
            claim["labels"]["fuse.runtime.fluid.io/generation"] = json!(generation);
        }
        let spec = json!({"accessModes": modes, "resources": {"requests": {"storage": "100Pi"}},
            "storageClassName": "fluid", "volumeName": id});
        let object = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": claim, "spec": spec});
        self.create(object, self.word("manager")).await;
    }

    async fn statuses(&self) {
        let (manager, status) = (self.word("manager"), &self.case["status"]);
        let condition = |type_: &str, reason: &str, message: &str| {
            json!({"type": type_, "status": "True", "reason": reason, "message": message,
                "lastTransitionTime": THEN, "lastUpdateTime": THEN, "lastProbeTime": THEN})
        };
        let term = json!({"weight": 100, "preference": {"matchExpressions": [
            {"key": format!("fluid.io/f-{}", self.id()), "operator": "In", "values": ["true"]}]}});
        let mut runtime = status["runtime"].clone();
        let number = |part: &str| self.case["workloads"][part]["replicas"].as_u64().unwrap_or(0);
        for (word, count) in [("Master", number("master")), ("Worker", number("worker")), ("Fuse", 1)] {
            for name in [
                format!("current{word}NumberScheduled"),
                format!("desired{word}NumberScheduled"),
                format!("{}NumberReady", word.to_lowercase()),
            ] {
                runtime[name] = json!(count);
            }
        }
        runtime["cacheStates"] = status["cacheStates"].clone();
        runtime["setupDuration"] = json!("5s");
        runtime["conditions"] = json!([
            condition("WorkersReady", "Workers are ready", "The workers are ready."),
            condition("FusesReady", "Fuses are ready", "The fuses are ready."),
        ]);
        runtime["cacheAffinity"] = json!({
            "preferredDuringSchedulingIgnoredDuringExecution": [term],
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []},
        });
        self.show(&self.kind, runtime, manager).await;
        let mut bound = json!({"category": "Accelerate", "name": self.name, "namespace": "default",
            "type": self.kind.to_lowercase().trim_end_matches("runtime")});
        if !self.case["masterReplicas"].is_null() {
            bound["masterReplicas"] = self.case["masterReplicas"].clone();
        }
        let mut ready = condition("Ready", "DatasetReady", "The ddc runtime is ready.");
        ready.as_object_mut().unwrap().remove("lastProbeTime");
        let mut dataset = json!({"phase": "Bound", "mounts": self.case["dataset"]["mounts"], "runtimes": [bound],
            "cacheStates": status["cacheStates"], "conditions": [ready]});
        if !self.case["hcfs"].is_null() {
            dataset["hcfs"] = self.case["hcfs"].clone();
        }
        self.show("Dataset", dataset, manager).await;
    }
}
