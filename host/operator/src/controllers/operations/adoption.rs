//! What makes an object an operation of Wasser's: its finalizer, and its Dataset as its owner.

use std::sync::Arc;

use kube::api::{DynamicObject, Patch};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::dataset::Dataset;
use wasser_api::{ObjectKey, labels};
use wasser_engine::operations::Operation;
use wasser_engine::operations::operation::resource;
use wasser_engine::{EngineError, patch_params};

use super::all::Operations;

/// Guards an operation by its finalizer, and lets it go with its Dataset. One of two Datasets is enough.
///
/// # Errors
/// The request fails, or somebody else has written to the object since.
pub async fn adopt(operations: &Operations, operation: &mut Operation, dataset: &Dataset) -> Result<(), EngineError> {
    let (kind, object) = (operation.kind, operation.object.clone());
    let uid = dataset.uid().unwrap_or_default();
    let owned = object.owner_references().iter().any(|owner| owner.uid == uid);
    let guarded = object.finalizers().iter().any(|present| present == kind.finalizer());
    let id = labels::dataset_id(&operation.namespace, &dataset.name_any(), &uid);
    let caches = &operations.shared.caches;
    let is_adopted = |end: ObjectKey| {
        let Some(uid) = caches.dataset(&end.namespace, &end.name).and_then(|end| end.uid()) else {
            return false;
        };
        let id = labels::dataset_id(&operation.namespace, &end.name, &uid);
        object.owner_references().iter().any(|owner| owner.uid == uid)
            && object.labels().get(labels::DATASET_ID) == Some(&id)
    };
    if guarded && operation.datasets().into_iter().any(is_adopted) {
        return Ok(());
    }
    let mut owners: Vec<Value> = object.owner_references().iter().map(|owner| json!(owner)).collect();
    if !owned {
        owners.push(
            json!({"apiVersion": wasser_api::API_VERSION, "kind": "Dataset", "name": dataset.name_any(),
            "uid": uid}),
        );
    }
    let mut guards = object.finalizers().to_vec();
    if !guarded {
        guards.push(kind.finalizer().to_owned());
    }
    let patch = json!({"metadata": {
        "uid": object.uid(), "resourceVersion": object.resource_version(), "ownerReferences": owners,
        "finalizers": guards, "labels": {labels::DATASET_ID: id},
    }});
    let client = operations.shared.client.clone();
    let api = Api::<DynamicObject>::namespaced_with(client, &operation.namespace, &resource(kind));
    let attempt = format!("adopting {kind} {}", operation.key());
    let written = api.patch(&operation.name, &patch_params(), &Patch::Merge(&patch)).await;
    let written = written.map_err(EngineError::kube(attempt))?;
    operations.shared.own_writes.wrote(&written);
    operation.object = Arc::new(written);
    Ok(())
}
