//! The Dataset controller: the finalizer, the first status, and what a Dataset without a runtime is
//! waiting for.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_api::ObjectKey;
use wasser_api::conditions::{self, Wanted};
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetRuntime, DatasetStatus, Reference};
use wasser_api::reasons::dataset::FAILED_TO_SETUP;
use wasser_api::reasons::events as reasons;
use wasser_api::{finalizers, labels, names};
use wasser_engine::{EngineError, FIELD_MANAGER, RuntimeObject, Shared, namesake, write_dataset_status};

use super::dataset_writes::{STALE, event, patch_metadata};
use super::deletion;
use super::unserved::{self, Unserved};

/// How long a Dataset may be without a runtime before its user learns of it: most are applied
/// together.
const ALONE: Duration = Duration::from_secs(5);

/// How long a Dataset may be without a phase, which its runtime shows with the first thing that is
/// worth a write.
const FIRST: Duration = Duration::from_secs(1);

/// The wait for a runtime.
const RUNTIME: &str = "runtime";

/// What is known of the surroundings of a Dataset.
pub struct Facts {
    /// The runtimes of its name, of every kind that is served, each with how the API server serves
    /// its kind.
    pub runtimes: Vec<(ApiResource, Arc<RuntimeObject>)>,
    /// Whether all runtimes that it may have are known; after a start, some may not be listed yet.
    pub runtimes_known: bool,
    /// The kind of the runtime that a Dataset gets which refers to another one. None if no plugin
    /// serves references.
    pub for_references: Option<ApiResource>,
    /// The operator's own namespace.
    pub namespace: String,
    /// What is known of what nobody serves.
    pub unserved: Arc<Unserved>,
}

/// Brings one Dataset to where its spec and its deletion timestamp want it.
pub async fn reconcile(mut dataset: Arc<Dataset>, shared: &Arc<Shared>, facts: Facts) -> Result<Action, EngineError> {
    let alone = facts.runtimes.is_empty();
    // Deletions come first: what is wrong with an object must not keep it from being deleted.
    if dataset.metadata.deletion_timestamp.is_some() {
        if alone && !facts.runtimes_known {
            return Ok(Action::requeue(ALONE));
        }
        return deletion::reconcile(&dataset, shared, &facts.runtimes).await;
    }
    if let Err(invalid) = names::check_dns1035(&dataset.name_any()) {
        event(shared, &dataset, reasons::ERROR_CREATE_DATASET, &invalid.to_string()).await;
        return Ok(Action::await_change());
    }
    if shared.own_writes.is_stale(&*dataset) {
        return Ok(Action::requeue(STALE));
    }
    let mut status = dataset.status.clone().unwrap_or_default();
    let alone = facts.runtimes.is_empty();
    if let Some(problem) = shared.caches.unreadable.problem(&dataset) {
        // The runtime goes on with what is installed, and reports it.
        if !alone && conditions::was_set_up(&status.conditions) {
            return Ok(Action::await_change());
        }
        return refuse(&dataset, shared, status, &format!("{problem}: correct the field")).await;
    }
    if let Some(holder) = shared.caches.older_namesake(&dataset) {
        return refuse(
            &dataset,
            shared,
            status,
            &format!("{}: {}", namesake::FIELD, namesake::message(&dataset, &holder)),
        )
        .await;
    }
    if !dataset
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == finalizers::DATASET)
    {
        let version = add_finalizer(&dataset, shared).await?;
        Arc::make_mut(&mut dataset).metadata.resource_version = version;
    }
    // What is wrong for a runtime is reported with the runtime, whose reconcile shows the phase as
    // well: two that write one status only make each other's writes fail.
    let uid = dataset.uid().unwrap_or_default();
    if !alone {
        shared.wait_is_over(&uid, RUNTIME);
        facts.unserved.is_served(&uid);
        return Ok(Action::await_change());
    }
    let reference = match Reference::of(&dataset.spec.mounts) {
        Ok(reference) => reference,
        Err(invalid) => return refuse(&dataset, shared, status, &format!("Dataset.spec.mounts: {invalid}")).await,
    };
    if !facts.runtimes_known {
        return Ok(Action::requeue(ALONE));
    }
    if reference.is_some() {
        let Some(resource) = &facts.for_references else {
            let message = "Dataset.spec.mounts: no plugin is registered whose setting `dataset-references` is true; \
                it serves Datasets that refer to others";
            return refuse(&dataset, shared, status, message).await;
        };
        create_runtime(&dataset, shared, resource).await?;
        return Ok(Action::await_change());
    }
    // Not since its creation: the clock of the API server may be ahead.
    let alone_for = shared.waited(&uid, RUNTIME);
    if status.phase == DatasetPhase::Unset {
        let rest = FIRST.saturating_sub(alone_for);
        if !rest.is_zero() {
            return Ok(Action::requeue(rest));
        }
        status.phase = DatasetPhase::NotBound;
        write_dataset_status(shared, &dataset, &status).await?;
        return Ok(Action::requeue(ALONE));
    }
    if alone_for < ALONE {
        return Ok(Action::requeue(ALONE - alone_for));
    }
    if conditions::was_set_up(&status.conditions) {
        let Some(bound) = status.runtimes.first() else {
            return Ok(Action::await_change());
        };
        if facts.unserved.has_runtime(&shared.client, bound).await? {
            return report_unserved(&dataset, shared, bound, &facts).await;
        }
        forget_runtime(&mut status);
    }
    wait_for_runtime(&dataset, shared, status, &facts).await
}

/// What a Dataset shows whose runtime is gone without a word: nobody has cleaned up after it. Which
/// one it was is left, so that the next one removes the volume that leads to it.
fn forget_runtime(status: &mut DatasetStatus) {
    status.phase = DatasetPhase::NotBound;
    status.conditions.clear();
    status.cache_states.clear();
    status.hcfs = None;
}

/// Tells the user of a Dataset that is bound to a runtime of a kind which no plugin serves, such as
/// one that Fluid has left. Nothing of it is touched.
async fn report_unserved(
    dataset: &Dataset,
    shared: &Arc<Shared>,
    bound: &DatasetRuntime,
    facts: &Facts,
) -> Result<Action, EngineError> {
    let mut message = format!(
        "Dataset.status.runtimes: no plugin serves runtimes of the type {}; what runs goes on, and nothing follows \
            changes or cleans up. Register a plugin for it in the namespace {}",
        bound.runtime_type, facts.namespace
    );
    message.push_str(&unserved(shared, facts).await?);
    let uid = dataset.uid().unwrap_or_default();
    // It goes on for as long as nobody does anything about it.
    if facts.unserved.is_news(&uid, &message) {
        event(shared, dataset, reasons::ERROR_PROCESS_DATASET, &message).await;
    }
    Ok(Action::requeue(unserved::again(&uid)))
}

/// Names the registrations that do not serve, if there are any: one of them may be meant.
async fn unserved(shared: &Shared, facts: &Facts) -> Result<String, EngineError> {
    let unserved = facts.unserved.registrations(&shared.client, &facts.namespace).await?;
    if unserved.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        ". If there is one, its plugin may not serve: {}; see the ConfigMaps in the namespace {}",
        unserved.join("; "),
        facts.namespace
    ))
}

/// Tells the user of a Dataset that nothing serves it. A runtime that comes later wakes it.
async fn wait_for_runtime(
    dataset: &Dataset,
    shared: &Arc<Shared>,
    status: DatasetStatus,
    facts: &Facts,
) -> Result<Action, EngineError> {
    let mut message = format!(
        "Dataset.metadata.name: there is no runtime {} in the namespace {} of a kind that a plugin serves; create one",
        dataset.name_any(),
        dataset.namespace().unwrap_or_default()
    );
    message.push_str(&unserved(shared, facts).await?);
    refuse(dataset, shared, status, &message).await
}

/// Tells the user why nothing happens: an event, and a condition. A change of the Dataset starts
/// again.
async fn refuse(
    dataset: &Dataset,
    shared: &Arc<Shared>,
    mut status: DatasetStatus,
    message: &str,
) -> Result<Action, EngineError> {
    event(shared, dataset, reasons::ERROR_CREATE_DATASET, message).await;
    let was_unset = status.phase == DatasetPhase::Unset;
    if was_unset {
        status.phase = DatasetPhase::NotBound;
    }
    let wanted = Wanted {
        condition_type: conditions::dataset::NOT_READY,
        holds: true,
        reason: FAILED_TO_SETUP,
        message,
    };
    if conditions::set_dataset(&mut status.conditions, &wanted, Time(Timestamp::now())) || was_unset {
        write_dataset_status(shared, dataset, &status).await?;
    }
    Ok(Action::await_change())
}

/// Gives a Dataset that refers to another one the runtime by which it is served. Nothing is in its
/// spec.
async fn create_runtime(dataset: &Dataset, shared: &Arc<Shared>, resource: &ApiResource) -> Result<(), EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(dataset);
    let runtime = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "ownerReferences": [{"apiVersion": wasser_api::API_VERSION, "kind": "Dataset", "name": name,
                "uid": dataset.uid()}],
        },
        "spec": {},
    });
    let api = Api::<DynamicObject>::namespaced_with(shared.client.clone(), &namespace, resource);
    let params = PatchParams::apply(FIELD_MANAGER);
    let applied = api.patch(&name, &params, &Patch::Apply(&runtime)).await;
    let attempt = format!("creating {} {namespace}/{name}", resource.kind);
    applied.map(drop).map_err(EngineError::kube(attempt))
}

/// Adds the finalizer, and the label by which tools find what belongs together. The answer is the
/// version that this made.
async fn add_finalizer(dataset: &Dataset, shared: &Shared) -> Result<Option<String>, EngineError> {
    let mut all = dataset.finalizers().to_vec();
    all.push(finalizers::DATASET.to_owned());
    let namespace = dataset.namespace().unwrap_or_default();
    let id = labels::dataset_id(&namespace, &dataset.name_any(), &dataset.uid().unwrap_or_default());
    patch_metadata(
        dataset,
        shared,
        json!({"finalizers": all, "labels": {labels::DATASET_ID: id}}),
    )
    .await
}
