//! Writes to Datasets that their controller and their deletion share.

use std::time::Duration;

use kube::api::Patch;
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::dataset::Dataset;
use wasser_engine::{EngineError, OrGone, Shared, patch_params};

/// When to look again at what the watch shows as it was before a write of our own; its event
/// usually comes earlier.
pub(super) const STALE: Duration = Duration::from_secs(1);

/// Sets metadata, provided that the Dataset is still as it was read.
pub(super) async fn patch_metadata(
    dataset: &Dataset,
    shared: &Shared,
    mut metadata: Value,
) -> Result<Option<String>, EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(dataset);
    metadata["resourceVersion"] = json!(dataset.resource_version());
    let params = patch_params();
    let api = Api::<Dataset>::namespaced(shared.client.clone(), &namespace);
    let patch = Patch::Merge(json!({"metadata": metadata}));
    let attempt = format!("setting the finalizers of Dataset {namespace}/{name}");
    let patched = api.patch_metadata(&name, &params, &patch).await.or_gone();
    let Some(written) = patched.map_err(EngineError::kube(attempt))? else {
        return Ok(None);
    };
    shared.own_writes.wrote(&written);
    Ok(written.metadata.resource_version)
}

/// Publishes a warning about a Dataset.
pub(super) async fn event(shared: &Shared, dataset: &Dataset, reason: &str, message: &str) {
    shared
        .events
        .publish(&dataset.object_ref(&()), EventType::Warning, reason, message)
        .await;
}
