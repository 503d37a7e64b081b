//! The objects of a test's namespace: made as users make them, and looked at.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::expect::PATIENCE;
use crate::{User, manifests};

/// The kinds that are looked for where nothing may be left.
const KINDS: [(&str, &str); 15] = [
    ("data.fluid.io/v1alpha1", "Dataset"),
    ("data.fluid.io/v1alpha1", "JuiceFSRuntime"),
    ("data.fluid.io/v1alpha1", "AlluxioRuntime"),
    ("data.fluid.io/v1alpha1", "JindoRuntime"),
    ("data.fluid.io/v1alpha1", "ThinRuntime"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "Pod"),
];

/// The kinds of users' objects that have no namespace.
const CLUSTER_SCOPED: [&str; 1] = ["ThinRuntimeProfile"];

/// How the API server serves a kind.
pub fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// Whether a Dataset is Bound, and its status has mounts of exactly these names.
pub fn has_mounts(status: &Value, names: &[&str]) -> bool {
    let mounts = status["mounts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<&str> = mounts.iter().filter_map(|mount| mount["name"].as_str()).collect();
    shown == names && status["phase"] == "Bound"
}

impl User {
    /// The objects of a kind in the test's namespace.
    pub fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(api_version, kind))
    }

    /// The objects of a kind, in the test's namespace where the kind has namespaces.
    pub fn api_of(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        if CLUSTER_SCOPED.contains(&kind) {
            Api::all_with(self.client.clone(), &resource(api_version, kind))
        } else {
            self.api(api_version, kind)
        }
    }

    /// The Datasets.
    pub fn datasets(&self) -> Api<DynamicObject> {
        self.api("data.fluid.io/v1alpha1", "Dataset")
    }

    /// The runtimes.
    pub fn runtimes(&self) -> Api<DynamicObject> {
        self.api("data.fluid.io/v1alpha1", "JuiceFSRuntime")
    }

    /// Applies an object as `kubectl apply` does: fields that are no longer in it go.
    pub async fn apply(&self, object: &Value) -> DynamicObject {
        self.try_apply(object)
            .await
            .unwrap_or_else(|error| panic!("applying {object}: {error}"))
    }

    /// Applies an object, or says why not.
    pub async fn try_apply(&self, object: &Value) -> kube::Result<DynamicObject> {
        let text = |key: &str| object[key].as_str().expect("apiVersion and kind");
        let api = self.api_of(text("apiVersion"), text("kind"));
        let name = object["metadata"]["name"].as_str().expect("a name");
        api.patch(name, &PatchParams::apply("user").force(), &Patch::Apply(object))
            .await
    }

    /// Applies the Secret, a Dataset and its runtime, all as [`manifests`] has them.
    pub async fn create(&self, name: &str) {
        self.apply(&manifests::secret(1)).await;
        self.apply(&manifests::dataset(name)).await;
        self.apply(&manifests::runtime(name)).await;
    }

    /// Applies all objects of a file in `tests/e2e/manifests`, as they are there.
    pub async fn apply_file(&self, name: &str) {
        for object in manifests::file(name) {
            self.apply(&object).await;
        }
    }

    /// Merges a patch into a runtime of this kind, as `kubectl patch` does.
    pub async fn patch(&self, kind: &str, name: &str, patch: &Value) {
        let api = self.api("data.fluid.io/v1alpha1", kind);
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.unwrap_or_else(|error| panic!("patching {kind} {name}: {error}"));
    }

    /// Waits until fields of a runtime's status are as they should be; `null` says that a field is
    /// not there.
    pub async fn status(&self, kind: &str, name: &str, wanted: &Value) {
        let fields = wanted.as_object().expect("fields of a status");
        let reached = |runtime: &DynamicObject| {
            let status = &runtime.data["status"];
            fields
                .iter()
                .all(|(field, value)| status[field] == *value)
                .then_some(())
        };
        let what = format!("the status has {wanted}");
        self.object("data.fluid.io/v1alpha1", kind, name, &what, reached).await;
    }

    /// Waits until a Dataset is Bound.
    pub async fn bound(&self, name: &str) -> DynamicObject {
        self.phase(name, "Bound").await
    }

    /// Waits until a Dataset is in a phase.
    pub async fn phase(&self, name: &str, phase: &str) -> DynamicObject {
        let api = self.datasets();
        let reached = || async {
            api.get(name)
                .await
                .ok()
                .filter(|dataset| dataset.data["status"]["phase"] == phase)
        };
        self.eventually(&format!("the Dataset {name} is {phase}"), reached)
            .await
    }

    /// Waits until an object is there, and gives something.
    pub async fn object<T>(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        what: &str,
        look: impl Fn(&DynamicObject) -> Option<T>,
    ) -> T {
        self.object_within(PATIENCE, api_version, kind, name, what, look).await
    }

    /// Waits until an object is there, and gives something, for this long.
    pub async fn object_within<T>(
        &self,
        patience: Duration,
        api_version: &str,
        kind: &str,
        name: &str,
        what: &str,
        look: impl Fn(&DynamicObject) -> Option<T>,
    ) -> T {
        let api = self.api(api_version, kind);
        let found = || async {
            api.get_opt(name)
                .await
                .expect("reading an object")
                .as_ref()
                .and_then(&look)
        };
        self.eventually_within(patience, &format!("{kind} {name}: {what}"), found)
            .await
    }

    /// Waits until a Dataset has a condition of this type that is true, and gives its message.
    pub async fn condition(&self, name: &str, kind: &str) -> String {
        self.condition_saying(name, kind, &[]).await.0
    }

    /// Waits until a Dataset has a condition of this type that is true and says all of this, and
    /// gives its message and since when it is so.
    pub async fn condition_saying(&self, name: &str, kind: &str, texts: &[&str]) -> (String, Timestamp) {
        let look = |dataset: &DynamicObject| {
            let conditions = dataset.data["status"]["conditions"].as_array()?;
            let found = conditions
                .iter()
                .find(|condition| condition["type"] == kind && condition["status"] == "True")?;
            let message = found["message"]
                .as_str()
                .filter(|message| texts.iter().all(|text| message.contains(text)))?;
            Some((message.to_owned(), found["lastTransitionTime"].as_str()?.parse().ok()?))
        };
        let what = format!("the condition {kind} says {texts:?}");
        self.object("data.fluid.io/v1alpha1", "Dataset", name, &what, look)
            .await
    }

    /// Waits for an event about an object.
    pub async fn event(&self, reason: &str, uid: &str) -> Event {
        self.event_saying(reason, uid, "").await
    }

    /// Waits for an event about an object whose note contains this.
    pub async fn event_saying(&self, reason: &str, uid: &str, text: &str) -> Event {
        self.event_within(PATIENCE, reason, uid, text).await
    }

    /// The same, for this long.
    pub async fn event_within(&self, patience: Duration, reason: &str, uid: &str, text: &str) -> Event {
        let events = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        let about = |event: &Event| {
            let says = event.message.as_deref().unwrap_or_default().contains(text);
            event.reason.as_deref() == Some(reason) && event.involved_object.uid.as_deref() == Some(uid) && says
        };
        let found = || async {
            events
                .list(&ListParams::default())
                .await
                .expect("listing events")
                .into_iter()
                .find(about)
        };
        self.eventually_within(patience, &format!("event {reason} {text:?}"), found)
            .await
    }

    /// Deletes an object, and does not wait.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        self.api(api_version, kind)
            .delete(name, &DeleteParams::default())
            .await
            .unwrap_or_else(|error| panic!("deleting {kind} {name}: {error}"));
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, api_version: &str, kind: &str, name: &str) {
        let api = self.api(api_version, kind);
        let gone = || async {
            api.get_opt(name)
                .await
                .expect("reading an object")
                .is_none()
                .then_some(())
        };
        self.eventually(&format!("{kind} {name} is gone"), gone).await;
    }

    /// Deletes an object and waits until another one of its name exists.
    pub async fn delete_until_put_back(&self, api_version: &str, kind: &str, name: &str) {
        let api = self.api(api_version, kind);
        let first = api.get(name).await.expect("reading an object").uid();
        self.delete(api_version, kind, name).await;
        let another = |object: &DynamicObject| (object.uid() != first).then_some(());
        self.object(api_version, kind, name, "it is put back", another).await;
    }

    /// Deletes a Dataset, and with it its runtime, and waits until both are gone.
    pub async fn delete_dataset(&self, name: &str) {
        self.delete("data.fluid.io/v1alpha1", "Dataset", name).await;
        self.gone("data.fluid.io/v1alpha1", "Dataset", name).await;
        for (api_version, kind) in KINDS.into_iter().filter(|(_, kind)| kind.ends_with("Runtime")) {
            self.gone(api_version, kind, name).await;
        }
    }

    /// Waits until only what the test has put there is left: the Secret, the registrations, and
    /// what every namespace has.
    pub async fn empty(&self, own: &[&str]) {
        let empty = || async {
            let mut left = Vec::new();
            for (api_version, kind) in KINDS {
                let found = self
                    .api(api_version, kind)
                    .list(&ListParams::default())
                    .await
                    .expect("listing");
                let names = found.items.iter().map(ResourceExt::name_any);
                left.extend(
                    names
                        .filter(|name| !own.contains(&name.as_str()) && !usual(kind, name))
                        .map(|name| format!("{kind} {name}")),
                );
            }
            let volumes = Api::<k8s_openapi::api::core::v1::PersistentVolume>::all(self.client.clone());
            let volumes = volumes.list(&ListParams::default()).await.expect("listing volumes");
            let ours = |name: &String| name.starts_with(&format!("{}-", self.namespace));
            left.extend(
                volumes
                    .items
                    .iter()
                    .map(ResourceExt::name_any)
                    .filter(ours)
                    .map(|name| format!("PersistentVolume {name}")),
            );
            left.is_empty().then_some(())
        };
        self.eventually("nothing is left in the namespace", empty).await;
    }

    /// Every label of every node that belongs to a dataset of this namespace.
    pub async fn node_labels(&self) -> BTreeMap<String, String> {
        let nodes = Api::<Node>::all(self.client.clone())
            .list(&ListParams::default())
            .await
            .expect("listing nodes");
        let ours = |(key, value): &(&String, &String)| {
            key.contains(&format!("-{}-", self.namespace)) || value.starts_with(&format!("{}_", self.namespace))
        };
        let all = nodes.iter().flat_map(|node| node.labels().iter());
        all.filter(ours)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Waits until no node has a label of a dataset of this namespace.
    pub async fn clean_nodes(&self) {
        self.eventually("no node has labels of this namespace", || async {
            self.node_labels().await.is_empty().then_some(())
        })
        .await;
    }

    /// Sets the number of workers of a JuiceFSRuntime as `kubectl scale` does.
    pub async fn scale(&self, name: &str, replicas: u32) {
        self.scale_kind("JuiceFSRuntime", name, replicas).await;
    }

    /// Sets the number of workers of a runtime of this kind.
    pub async fn scale_kind(&self, kind: &str, name: &str, replicas: u32) {
        let patch = json!({"spec": {"replicas": replicas}});
        let api = self.api("data.fluid.io/v1alpha1", kind);
        api.patch_scale(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .expect("scaling a runtime");
    }

    /// The objects of the namespace with what matters of their status, for messages.
    pub(crate) async fn objects(&self) -> String {
        let mut text = format!("--- namespace {}\n", self.namespace);
        for (api_version, kind) in KINDS {
            let Ok(found) = self.api(api_version, kind).list(&ListParams::default()).await else {
                continue;
            };
            for object in found.items.iter().filter(|object| !usual(kind, &object.name_any())) {
                let deleting = if object.metadata.deletion_timestamp.is_some() {
                    " (being deleted)"
                } else {
                    ""
                };
                let status = if kind == "Dataset" || kind == "StatefulSet" || kind.ends_with("Runtime") {
                    object.data["status"].to_string()
                } else {
                    String::new()
                };
                let phase = object.data["status"]["phase"].as_str().unwrap_or_default();
                let _ = writeln!(text, "{kind} {}{deleting} {phase} {status}", object.name_any());
            }
        }
        let events = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        for event in events
            .list(&ListParams::default())
            .await
            .map(|list| list.items)
            .unwrap_or_default()
        {
            let object = &event.involved_object;
            let (kind, name) = (
                object.kind.as_deref().unwrap_or_default(),
                object.name.as_deref().unwrap_or_default(),
            );
            let _ = writeln!(
                text,
                "event {} on {kind} {name}: {}",
                event.reason.unwrap_or_default(),
                event.message.unwrap_or_default()
            );
        }
        text
    }
}

/// What every namespace has, and that of an operator.
fn usual(kind: &str, name: &str) -> bool {
    matches!(
        (kind, name),
        ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default") | ("Secret", "wasser-record-key")
    )
}
