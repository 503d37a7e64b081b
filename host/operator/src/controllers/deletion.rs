//! The deletion of a Dataset: it waits for the pods that mount the data, then for its runtime to
//! clean up, and always ends.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, DynamicObject, Preconditions};
use kube::core::ApiResource;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use wasser_api::ObjectKey;
use wasser_api::dataset::Dataset;
use wasser_api::finalizers;
use wasser_api::reasons::events as reasons;
use wasser_engine::{EngineError, OrGone, RuntimeObject, Shared, TOLD, is_conflict_of, is_ours, live_references};

use super::dataset_writes::{STALE, event, patch_metadata};

/// How soon a deletion looks again for who uses the data. No watch shows pods of users.
const USED: Duration = Duration::from_secs(10);
/// The finalizer of a deletion that leaves dependents alone: `kubectl delete --cascade=orphan`.
const ORPHAN: &str = "orphan";
/// The wait for a runtime to clean up.
const CLEAN_UP: &str = "clean-up";
/// What is remembered of a Dataset once nobody uses it.
const UNUSED: &str = "use";

/// Lets the Dataset go once nobody uses it and its runtime has cleaned up.
///
/// The runtime is deleted first, so that a Dataset that is gone leaves nothing, and one that is
/// made again meets nothing of the former. A runtime that only somebody else's finalizer holds is
/// not waited for, nor is one of a kind that nobody serves: the garbage collector deletes these.
pub async fn reconcile(
    dataset: &Dataset,
    shared: &Arc<Shared>,
    runtimes: &[(ApiResource, Arc<RuntimeObject>)],
) -> Result<Action, EngineError> {
    // Whether a runtime is the Dataset's own is only known once the watch has shown its adoption.
    let is_stale = |runtime: &Arc<RuntimeObject>| shared.own_writes.is_stale(&**runtime);
    if shared.own_writes.is_stale(dataset) || runtimes.iter().any(|(_, runtime)| is_stale(runtime)) {
        return Ok(Action::requeue(STALE));
    }
    let uid = dataset.uid().unwrap_or_default();
    if !is_guarded(dataset) {
        shared.forget(&uid);
        return Ok(Action::await_change());
    }
    if !shared.is_gone(&uid, UNUSED) {
        if let Some(user) = user(dataset, shared).await? {
            event(shared, dataset, reasons::ERROR_DELETE_DATASET, &user).await;
            return Ok(Action::requeue(USED));
        }
        shared.remember_gone(&uid, UNUSED);
    }
    if !dataset.finalizers().iter().any(|finalizer| finalizer == ORPHAN) {
        match delete_runtimes(dataset, shared, runtimes).await {
            Ok(None) => {}
            Ok(Some(waiting)) => return Ok(Action::requeue(tell(dataset, shared, &waiting).await)),
            // The watch shows the newer version soon.
            Err(error) if is_conflict_of(&error) => return Ok(Action::requeue(STALE)),
            Err(error) => return Err(error),
        }
    }
    tracing::debug!(
        dataset = dataset.name_any(),
        runtimes = runtimes.len(),
        "nothing holds the Dataset any more; its finalizer is removed"
    );
    remove_finalizer(dataset, shared).await?;
    shared.forget(&uid);
    Ok(Action::await_change())
}

/// Who uses the Dataset. None if nobody does.
async fn user(dataset: &Dataset, shared: &Arc<Shared>) -> Result<Option<String>, EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(dataset);
    if has_claim(shared, &namespace, &name).await? {
        let users = shared.claim_users.of(&shared.client, &namespace, &name).await?;
        if !users.is_empty() {
            return Ok(Some(format!(
                "the pods {} still use the claim {name}; delete them first",
                users.join(", ")
            )));
        }
    }
    let referring = live_references(&shared.caches, dataset);
    Ok((!referring.is_empty()).then(|| {
        format!(
            "the datasets {} are mounted to it; delete them first",
            referring.join(", ")
        )
    }))
}

/// Whether the Dataset has a claim of its own. The watch shows none without the label of a Dataset, such as
/// those of an earlier Fluid, and may be late with others.
async fn has_claim(shared: &Shared, namespace: &str, name: &str) -> Result<bool, EngineError> {
    if let Some(claim) = shared.caches.claim(namespace, name) {
        return Ok(is_ours(&*claim));
    }
    let api = Api::<PersistentVolumeClaim>::namespaced(shared.client.clone(), namespace);
    let attempt = format!("reading PersistentVolumeClaim {namespace}/{name}");
    let claim = api.get_metadata_opt(name).await.map_err(EngineError::kube(attempt))?;
    Ok(claim.is_some_and(|claim| is_ours(&claim)))
}

/// Deletes the runtimes that the Dataset owns. Returns the one that still has something to clean
/// up.
async fn delete_runtimes(
    dataset: &Dataset,
    shared: &Shared,
    runtimes: &[(ApiResource, Arc<RuntimeObject>)],
) -> Result<Option<String>, EngineError> {
    let uid = dataset.uid().unwrap_or_default();
    let mut waiting = None;
    for (resource, runtime) in runtimes.iter().filter(|(_, runtime)| is_owned(runtime, &uid)) {
        if runtime.metadata.deletion_timestamp.is_none() {
            delete(shared, resource, runtime).await?;
        }
        if runtime
            .finalizers()
            .iter()
            .any(|finalizer| finalizers::is_of_runtime(finalizer))
        {
            waiting = Some(format!("{} {}", resource.kind, runtime.name_any()));
        }
    }
    Ok(waiting)
}

fn is_owned(runtime: &RuntimeObject, uid: &str) -> bool {
    runtime.owner_references().iter().any(|owner| owner.uid == uid)
}

async fn delete(shared: &Shared, resource: &ApiResource, runtime: &RuntimeObject) -> Result<(), EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(runtime);
    let api = Api::<DynamicObject>::namespaced_with(shared.client.clone(), &namespace, resource);
    // A newer version may have lost its owner reference to a deletion with `--cascade=orphan`.
    let only = Preconditions {
        uid: runtime.uid(),
        resource_version: runtime.resource_version(),
    };
    let attempt = format!("deleting {} {namespace}/{name}", resource.kind);
    let deleted = api.delete(&name, &DeleteParams::background().preconditions(only)).await;
    // If another one has its name meanwhile, the watch shows it soon.
    deleted.or_another().map(drop).map_err(EngineError::kube(attempt))
}

/// Reports what a deletion that takes long is waiting for. Returns when to look again.
async fn tell(dataset: &Dataset, shared: &Shared, waiting: &str) -> Duration {
    let patience = shared.settings.patience;
    let waited = shared.waited(&dataset.uid().unwrap_or_default(), CLEAN_UP);
    if waited < patience {
        return patience - waited;
    }
    let message = format!("waiting for {waiting} to clean up; its own events say what for");
    shared
        .events
        .publish(
            &dataset.object_ref(&()),
            EventType::Normal,
            reasons::DELETING_DATASET,
            &message,
        )
        .await;
    TOLD
}

fn is_guarded(dataset: &Dataset) -> bool {
    dataset
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == finalizers::DATASET)
}

async fn remove_finalizer(dataset: &Dataset, shared: &Shared) -> Result<(), EngineError> {
    let rest: Vec<String> = dataset
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != finalizers::DATASET)
        .cloned()
        .collect();
    patch_metadata(dataset, shared, json!({"finalizers": rest}))
        .await
        .map(drop)
}
