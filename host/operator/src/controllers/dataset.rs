//! The Dataset controller: the finalizer, the first status, and a deletion that waits for the pods that still mount the data.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use wasser_api::conditions::{self, Wanted};
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetStatus, Reference};
use wasser_api::reasons::dataset::FAILED_TO_SETUP;
use wasser_api::reasons::events as reasons;
use wasser_api::{finalizers, labels, names};
use wasser_engine::cluster::Cluster;
use wasser_engine::create_volume::is_ours;
use wasser_engine::error::EngineError;
use wasser_engine::write::apply_dataset_status;
use wasser_engine::{FIELD_MANAGER, patch_params};

/// How soon a blocked deletion looks again.
const BLOCKED: Duration = Duration::from_secs(10);

/// When to look again at what the watch shows as it was before a write of our own; its event usually comes earlier.
const STALE: Duration = Duration::from_secs(1);

/// When a Dataset that refers to another one looks again for a plugin that serves it.
const NO_PLUGIN: Duration = Duration::from_secs(30);

/// How long a Dataset may be without a runtime before its user is told: most are applied together.
const ALONE: Duration = Duration::from_secs(5);

/// Brings one Dataset to where its spec and its deletion timestamp want it. `alone` is how long it may have been known that it has no
/// runtime; none if it has one.
///
/// `references` gives the kind of the runtime that a Dataset gets which refers to another one, if a plugin lends its kind to that.
pub async fn reconcile(
    mut dataset: Arc<Dataset>,
    cluster: &Arc<Cluster>,
    alone: Option<Duration>,
    references: impl FnOnce() -> Option<ApiResource>,
) -> Result<Action, EngineError> {
    if let Err(invalid) = names::check_dns1035(&dataset.name_any()) {
        event(cluster, &dataset, reasons::ERROR_CREATE_DATASET, &invalid.to_string()).await;
        return Ok(Action::await_change());
    }
    if dataset.metadata.deletion_timestamp.is_some() {
        return reconcile_deletion(&dataset, cluster).await;
    }
    if cluster.versions.is_stale(&*dataset) {
        return Ok(Action::requeue(STALE));
    }
    if !dataset.finalizers().iter().any(|finalizer| finalizer == finalizers::DATASET) {
        let version = add_finalizer(&dataset, cluster).await?;
        Arc::make_mut(&mut dataset).metadata.resource_version = version;
    }
    let mut status = dataset.status.clone().unwrap_or_default();
    if status.phase == DatasetPhase::Unset {
        status.phase = DatasetPhase::NotBound;
        apply_dataset_status(cluster, &dataset, &status).await?;
        return Ok(alone.map_or_else(Action::await_change, |_| Action::requeue(ALONE)));
    }
    match (alone, Reference::of(&dataset.spec.mounts)) {
        (_, Err(invalid)) => return refuse(&dataset, cluster, status, &format!("Dataset.spec.mounts: {invalid}")).await,
        (Some(_), Ok(Some(_))) => match references() {
            Some(resource) => {
                create_runtime(&dataset, cluster, &resource).await?;
                return Ok(Action::await_change());
            }
            None => {
                let message = "Dataset.spec.mounts: no plugin is registered whose setting `dataset-references` is true; it serves Datasets that refer to others";
                refuse(&dataset, cluster, status, message).await?;
                return Ok(Action::requeue(NO_PLUGIN));
            }
        },
        _ => {}
    }
    match alone {
        Some(alone) if !conditions::was_set_up(&status.conditions) => wait_for_runtime(&dataset, cluster, status, alone).await,
        _ => Ok(Action::await_change()),
    }
}

/// Tells the user of a Dataset that nothing serves it. A runtime that comes later wakes it.
async fn wait_for_runtime(
    dataset: &Dataset,
    cluster: &Arc<Cluster>,
    status: DatasetStatus,
    alone: Duration,
) -> Result<Action, EngineError> {
    let age = dataset
        .creation_timestamp()
        .map(|created| Timestamp::now().duration_since(created.0).unsigned_abs());
    let alone = alone.min(age.unwrap_or_default());
    if alone < ALONE {
        return Ok(Action::requeue(ALONE - alone));
    }
    let message = format!(
        "Dataset.metadata.name: there is no runtime {} in the namespace {} of a kind that a plugin is registered for; create one",
        dataset.name_any(),
        dataset.namespace().unwrap_or_default()
    );
    refuse(dataset, cluster, status, &message).await
}

/// Tells the user why nothing happens: an event, and a condition. A change of the Dataset starts anew.
async fn refuse(dataset: &Dataset, cluster: &Arc<Cluster>, mut status: DatasetStatus, message: &str) -> Result<Action, EngineError> {
    event(cluster, dataset, reasons::ERROR_CREATE_DATASET, message).await;
    let wanted = Wanted {
        condition_type: conditions::dataset::NOT_READY,
        holds: true,
        reason: FAILED_TO_SETUP,
        message,
    };
    if conditions::set_dataset(&mut status.conditions, &wanted, Time(Timestamp::now())) {
        apply_dataset_status(cluster, dataset, &status).await?;
    }
    Ok(Action::await_change())
}

/// Gives a Dataset that refers to another one the runtime by which it is served. Nothing is in its spec.
async fn create_runtime(dataset: &Dataset, cluster: &Arc<Cluster>, resource: &ApiResource) -> Result<(), EngineError> {
    let (namespace, name) = (dataset.namespace().unwrap_or_default(), dataset.name_any());
    let runtime = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "ownerReferences": [{"apiVersion": wasser_api::API_VERSION, "kind": "Dataset", "name": name, "uid": dataset.uid()}],
        },
        "spec": {},
    });
    let api = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), &namespace, resource);
    let params = PatchParams::apply(FIELD_MANAGER);
    let applied = api.patch(&name, &params, &Patch::Apply(&runtime)).await;
    let attempt = format!("creating {} {namespace}/{name}", resource.kind);
    applied.map(drop).map_err(EngineError::kube(attempt))
}

/// Lets the Dataset go once nobody uses it. The runtime is collected after it, and cleans up for itself.
async fn reconcile_deletion(dataset: &Dataset, cluster: &Arc<Cluster>) -> Result<Action, EngineError> {
    let (namespace, name) = (dataset.namespace().unwrap_or_default(), dataset.name_any());
    let claim = cluster.caches.claim(&namespace, &name);
    if claim.is_some_and(|claim| is_ours(&*claim)) {
        let users = cluster.users.of(&cluster.client, &namespace, &name).await?;
        if !users.is_empty() {
            let message = format!("the pods {} still use the claim {name}; delete them first", users.join(", "));
            event(cluster, dataset, reasons::ERROR_DELETE_DATASET, &message).await;
            return Ok(Action::requeue(BLOCKED));
        }
    }
    let referring = live_references(dataset, cluster);
    if !referring.is_empty() {
        let message = format!("the datasets {} are mounted to it; delete them first", referring.join(", "));
        event(cluster, dataset, reasons::ERROR_DELETE_DATASET, &message).await;
        return Ok(Action::requeue(BLOCKED));
    }
    remove_finalizer(dataset, cluster).await?;
    let uid = dataset.uid().unwrap_or_default();
    cluster.events.forget(&uid);
    cluster.versions.forget(&uid);
    Ok(Action::await_change())
}

/// The virtual datasets that still mount this one.
fn live_references(dataset: &Dataset, cluster: &Cluster) -> Vec<String> {
    let references = dataset.status.as_ref().map(|status| status.dataset_ref.clone()).unwrap_or_default();
    let lives = |reference: &String| {
        reference
            .split_once('/')
            .is_some_and(|(namespace, name)| cluster.caches.dataset(namespace, name).is_some())
    };
    references.into_iter().filter(lives).collect()
}

/// Adds the finalizer, and the label by which tools find what belongs together. The answer is the version that this made.
async fn add_finalizer(dataset: &Dataset, cluster: &Cluster) -> Result<Option<String>, EngineError> {
    let mut all = dataset.finalizers().to_vec();
    all.push(finalizers::DATASET.to_owned());
    let namespace = dataset.namespace().unwrap_or_default();
    let id = labels::dataset_id(&namespace, &dataset.name_any(), &dataset.uid().unwrap_or_default());
    patch_metadata(dataset, cluster, json!({"finalizers": all, "labels": {labels::DATASET_ID: id}})).await
}

async fn remove_finalizer(dataset: &Dataset, cluster: &Cluster) -> Result<(), EngineError> {
    let rest: Vec<String> = dataset
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != finalizers::DATASET)
        .cloned()
        .collect();
    if rest.len() == dataset.finalizers().len() {
        return Ok(());
    }
    patch_metadata(dataset, cluster, json!({"finalizers": rest})).await.map(drop)
}

/// Sets metadata, provided that the Dataset is still as it was read.
async fn patch_metadata(dataset: &Dataset, cluster: &Cluster, mut metadata: Value) -> Result<Option<String>, EngineError> {
    let (namespace, name) = (dataset.namespace().unwrap_or_default(), dataset.name_any());
    metadata["resourceVersion"] = json!(dataset.resource_version());
    let params = patch_params();
    let api = Api::<Dataset>::namespaced(cluster.client.clone(), &namespace);
    let patch = Patch::Merge(json!({"metadata": metadata}));
    match api.patch_metadata(&name, &params, &patch).await {
        Ok(written) => {
            cluster.versions.wrote(&written);
            Ok(written.metadata.resource_version)
        }
        Err(error) if wasser_engine::error::is_not_found(&error) => Ok(None),
        Err(error) => Err(EngineError::kube(format!("setting the finalizers of Dataset {namespace}/{name}"))(
            error,
        )),
    }
}

async fn event(cluster: &Cluster, dataset: &Dataset, reason: &str, message: &str) {
    cluster.events.publish(&dataset.object_ref(&()), true, reason, message).await;
}
