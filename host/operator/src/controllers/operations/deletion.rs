//! The end of an operation: what it has made is removed, and then its finalizer.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DynamicObject, Patch};
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;
use wasser_chart::Policy;
use wasser_engine::operations::operation::resource;
use wasser_engine::{EngineError, OrGone, owner_reference, patch_params};

use super::all::Operations;
use super::ending;
use crate::controllers::next::Next;

/// The kinds of objects that the chart of an operation has.
pub const KINDS: [&str; 5] = ["ConfigMap", "CronJob", "Job", "Service", "StatefulSet"];

/// Returns what the chart of an operation may have, as far as its end is concerned.
pub fn policy(kind: OperationKind, object: &DynamicObject) -> Policy {
    let owner: OwnerReference = owner_reference(kind.as_str(), &object.name_any(), &object.uid().unwrap_or_default());
    Policy {
        namespace: object.namespace().unwrap_or_default(),
        kinds: KINDS.map(str::to_owned).into(),
        owner,
        ..Policy::default()
    }
}

/// Removes what an operation has made. Returns when to look again if its pods still end; what it claims
/// must not be given up before.
///
/// # Errors
/// A request fails.
pub async fn uninstall(
    operations: &Operations,
    kind: OperationKind,
    object: &DynamicObject,
) -> Result<Option<Duration>, EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(object);
    let (release, shared) = (kind.release(&name), &operations.shared);
    let pause = ending::stop(operations, kind, object).await?;
    if !shared.caches.has_record(&namespace, &release) && !operations.has_installed(object) {
        return Ok(pause);
    }
    let config_maps = shared.caches.release_config_maps.has(&namespace, &release);
    let policy = policy(kind, object);
    let outcome = shared
        .releases
        .uninstall(&namespace, &release, &policy, config_maps)
        .await;
    outcome.map_err(|source| EngineError::Release {
        release: format!("{namespace}/{release}"),
        source: Box::new(source),
    })?;
    operations.forget_install(object);
    Ok(pause)
}

/// Lets an operation go once its pods have ended.
pub async fn reconcile(
    operations: &Operations,
    kind: OperationKind,
    object: &DynamicObject,
) -> Result<Next, EngineError> {
    let finalizer = kind.finalizer();
    if !object.finalizers().iter().any(|present| present == finalizer) {
        return Ok(Next::Change);
    }
    if let Some(pause) = uninstall(operations, kind, object).await? {
        return Ok(Next::After(pause));
    }
    let rest: Vec<&String> = object
        .finalizers()
        .iter()
        .filter(|present| *present != finalizer)
        .collect();
    let patch = json!({"metadata": {
        "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": rest,
    }});
    let ObjectKey { namespace, name } = ObjectKey::of(object);
    let api = Api::<DynamicObject>::namespaced_with(operations.shared.client.clone(), &namespace, &resource(kind));
    let attempt = format!("removing the finalizer of {kind} {namespace}/{name}");
    let written = api.patch_metadata(&name, &patch_params(), &Patch::Merge(&patch)).await;
    if let Some(written) = written.or_gone().map_err(EngineError::kube(attempt))? {
        operations.shared.own_writes.wrote(&written);
    }
    Ok(Next::Change)
}
