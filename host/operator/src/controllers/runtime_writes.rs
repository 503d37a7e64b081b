//! What the runtime controller writes to a runtime and its Dataset besides their statuses.

use std::sync::Arc;

use kube::api::{DynamicObject, Patch};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::dataset::Dataset;
use wasser_api::{finalizers, labels};
use wasser_engine::{EngineError, Request, is_not_found, patch_params};

/// Whether the runtime belongs to its Dataset, carries its label, and is guarded by the finalizer.
///
/// It need not belong to a Dataset that is being deleted: a deletion with `--cascade=orphan` takes
/// the owner reference away, and the runtime is to stay.
pub(super) fn is_adopted(request: &Request, dataset: &Dataset) -> bool {
    let finalizer = finalizers::runtime(&request.identity.runtime_type);
    (is_leaving(dataset) || is_owned(request, dataset))
        && request.runtime.labels().get(labels::DATASET_ID) == Some(&request.identity.dataset_id())
        && request.runtime.finalizers().contains(&finalizer)
}

fn is_leaving(dataset: &Dataset) -> bool {
    dataset.metadata.deletion_timestamp.is_some()
}

fn is_owned(request: &Request, dataset: &Dataset) -> bool {
    let uid = dataset.uid().unwrap_or_default();
    request.runtime.owner_references().iter().any(|owner| owner.uid == uid)
}

/// Whether the runtime may get an owner reference to its Dataset. One that has lost it may have lost
/// it to a deletion that the watch of Datasets does not show yet, so the API server is asked.
async fn may_be_owned(request: &Request, dataset: &Dataset) -> Result<bool, EngineError> {
    if is_leaving(dataset) {
        return Ok(false);
    }
    let finalizer = finalizers::runtime(&request.identity.runtime_type);
    if !request.runtime.finalizers().contains(&finalizer) {
        return Ok(true);
    }
    let api = Api::<Dataset>::namespaced(request.shared.client.clone(), &request.identity.namespace);
    let attempt = format!("reading Dataset {}", request.identity.display());
    let found = api.get_metadata_opt(&request.identity.name).await;
    let found = found.map_err(EngineError::kube(attempt))?.map(|found| found.metadata);
    Ok(found.is_some_and(|found| found.uid == dataset.metadata.uid && found.deletion_timestamp.is_none()))
}

/// AddFinalizerAndRequeue, with the owner reference and the label in the same write. The reconcile
/// goes on: what follows does not depend on the answer, and the watch brings the object back
/// anyway.
pub(super) async fn add_finalizer(request: &mut Request, dataset: &Dataset) -> Result<(), EngineError> {
    let uid = dataset.uid().unwrap_or_default();
    let finalizer = finalizers::runtime(&request.identity.runtime_type);
    let mut owners: Vec<Value> = request
        .runtime
        .owner_references()
        .iter()
        .map(|owner| json!(owner))
        .collect();
    if !is_owned(request, dataset) && may_be_owned(request, dataset).await? {
        owners.push(
            json!({"apiVersion": wasser_api::API_VERSION, "kind": "Dataset", "name": request.identity.name,
            "uid": uid}),
        );
    }
    let mut guards = request.runtime.finalizers().to_vec();
    if !guards.contains(&finalizer) {
        guards.push(finalizer);
    }
    let patch = json!({"metadata": {
        "resourceVersion": request.runtime.resource_version(),
        "ownerReferences": owners,
        "labels": {labels::DATASET_ID: request.identity.dataset_id()},
        "finalizers": guards,
    }});
    let updated = patch_runtime(request, &patch, "adopting").await?;
    request.runtime = Arc::new(updated.into());
    Ok(())
}

/// Lets a runtime go of which everything is gone.
pub(super) async fn remove_finalizer(request: &Request) -> Result<(), EngineError> {
    let finalizer = finalizers::runtime(&request.identity.runtime_type);
    let rest: Vec<&String> = request
        .runtime
        .finalizers()
        .iter()
        .filter(|present| **present != finalizer)
        .collect();
    let patch = json!({"metadata": {"resourceVersion": request.runtime.resource_version(), "finalizers": rest}});
    match patch_runtime(request, &patch, "removing the finalizer of").await {
        Ok(_) => Ok(()),
        Err(EngineError::Kube { source, .. }) if is_not_found(&source) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn patch_runtime(request: &Request, patch: &Value, attempt: &str) -> Result<DynamicObject, EngineError> {
    let api = Api::<DynamicObject>::namespaced_with(
        request.shared.client.clone(),
        &request.identity.namespace,
        &request.resource,
    );
    let params = patch_params();
    let attempt = format!("{attempt} {} {}", request.identity.kind, request.identity.display());
    let mut updated = api
        .patch(&request.identity.name, &params, &Patch::Merge(patch))
        .await
        .map_err(EngineError::kube(attempt))?;
    request.shared.own_writes.wrote(&updated);
    updated.managed_fields_mut().clear();
    Ok(updated)
}

/// Puts the label `fluid.io/dataset-id` on the Dataset, by which tools find what belongs together.
pub(super) async fn label_dataset(request: &mut Request, dataset: &Dataset) -> Result<(), EngineError> {
    let id = request.identity.dataset_id();
    if dataset.labels().get(labels::DATASET_ID) == Some(&id) {
        return Ok(());
    }
    let api = Api::<Dataset>::namespaced(request.shared.client.clone(), &request.identity.namespace);
    let params = patch_params();
    let patch = json!({"metadata": {"labels": {labels::DATASET_ID: id}}});
    let attempt = format!("labelling Dataset {}", request.identity.display());
    let labelled = api
        .patch_metadata(&request.identity.name, &params, &Patch::Merge(&patch))
        .await
        .map_err(EngineError::kube(attempt))?;
    request.shared.own_writes.wrote(&labelled);
    // The status write that may follow has to name the version that this write made.
    let mut fresh = dataset.clone();
    fresh.metadata.resource_version = labelled.metadata.resource_version;
    fresh.metadata.labels = labelled.metadata.labels;
    request.dataset = Some(Arc::new(fresh));
    Ok(())
}
