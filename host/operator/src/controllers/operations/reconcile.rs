//! One operation, brought one step further.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{DynamicObject, Patch};
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::dataset::Dataset;
use wasser_api::labels;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::operation::resource;
use wasser_engine::operations::{Operation, Refused, check};
use wasser_engine::{EngineError, is_conflict_of, patch_params};

use super::all::Operations;
use super::install::{self, Problem};
use super::order::{Turn, turn};
use super::status::{self, PROGRESS, UNFINISHED};
use super::target::{self, Found};
use super::{conclusion, deletion};
use crate::controllers::next::Next;

/// When to look again at what the watch shows as it was before a write of our own.
const STALE: Duration = Duration::from_secs(1);
/// When to look again for a plugin; nothing else tells that it serves now.
const SERVED_SOON: Duration = Duration::from_secs(5);

/// Brings an operation to where its spec and its deletion timestamp want it.
pub async fn reconcile(
    operations: &Arc<Operations>,
    kind: OperationKind,
    mut object: Arc<DynamicObject>,
) -> Result<Next, EngineError> {
    if operations.shared.own_writes.is_stale(&*object) {
        return Ok(Next::After(STALE));
    }
    // Deletions come first: what is wrong with an object must not keep it from being deleted.
    if object.metadata.deletion_timestamp.is_some() {
        deletion::reconcile(operations, kind, &object).await?;
        return Ok(Next::Change);
    }
    let mut operation = match Operation::read(kind, object.clone()) {
        Ok(operation) => operation,
        Err(refused) => {
            status::refuse(operations, kind, &mut object, &refused).await?;
            return Ok(Next::Change);
        }
    };
    if operation.status.phase.is_finished() && !operation.is_cron() {
        return conclusion::keep(operations, &operation).await;
    }
    match step(operations, &mut operation).await {
        Ok(next) => Ok(next),
        Err(Problem::Refused(refused)) => {
            deletion::uninstall(operations, kind, &operation.object).await?;
            status::refuse(operations, kind, &mut operation.object, &refused).await?;
            if operations.claims.give_up(&operation.uid) {
                operations.wake_others(&operation);
            }
            Ok(Next::Change)
        }
        Err(Problem::Failed(error)) => {
            if !is_conflict_of(&error) {
                let reason = reasons::DATA_OPERATION_EXECUTION_FAILED;
                status::event_of(operations, &operation, EventType::Warning, reason, &error.to_string()).await;
            }
            Err(error)
        }
    }
}

async fn step(operations: &Arc<Operations>, operation: &mut Operation) -> Result<Next, Problem> {
    check(operation, &operations.shared.settings.tenant_rules).map_err(Problem::Refused)?;
    if let Some(runs) = running(operations, operation) {
        stop_if_dataset_is_gone(operations, operation)?;
        complete_install(operations, operation).await?;
        return Ok(match runs {
            Runs::Once(job) => conclusion::follow(operations, operation, &job).await?,
            Runs::Scheduled(schedule) => conclusion::follow_schedule(operations, operation, &schedule).await?,
        });
    }
    match turn(operations, operation) {
        Turn::Now => {}
        Turn::Wait(type_, reason, message) => {
            return wait(operations, operation, (type_, reason, &message)).await;
        }
        Turn::Never(refused) => return Err(Problem::Refused(refused)),
    }
    let target = match target::find(operations, operation) {
        Found::Ready(target) => target,
        Found::Wait(type_, reason, message, dataset) => {
            operations.claims.give_up(&operation.uid);
            let is_bound = dataset.as_ref().is_some_and(|dataset| {
                dataset
                    .status
                    .as_ref()
                    .is_some_and(|status| !status.runtimes.is_empty())
            });
            if let Some(dataset) = dataset {
                adopt(operations, operation, &dataset).await?;
            }
            let next = wait(operations, operation, (type_, reason, &message)).await?;
            return Ok(next.or_after(is_bound.then_some(SERVED_SOON)));
        }
        Found::Never(refused) => return Err(Problem::Refused(refused)),
    };
    adopt(operations, operation, &target.dataset).await?;
    if operations.has_installed(&operation.object) {
        // The watch is about to show it.
        return Ok(Next::After(STALE));
    }
    if operations
        .shared
        .caches
        .has_record(&operation.namespace, &operation.release())
    {
        if exists(operations, operation).await? {
            return Ok(Next::After(STALE));
        }
        let message = format!("{} was deleted, and is made again", operation.job());
        let reason = reasons::DATA_OPERATION_STARTED;
        status::event_of(operations, operation, EventType::Warning, reason, &message).await;
        deletion::uninstall(operations, operation.kind, &operation.object).await?;
    }
    let dataset = ObjectKey::of(&*target.dataset);
    if !operation.is_cron()
        && let Err(other) = operations
            .claims
            .claim(&dataset, &operation.uid, operation.kind, &operation.name)
    {
        let message = format!("waits for {other}, which works on the Dataset {dataset}");
        return wait(
            operations,
            operation,
            (EventType::Normal, reasons::DATA_OPERATION_COLLISION, &message),
        )
        .await;
    }
    let plan = install::plan(operations, operation, &target).await?;
    let mut wanted = operation.status.clone();
    if !operation.is_cron() {
        wanted.phase = OperationPhase::Executing;
        UNFINISHED.clone_into(&mut wanted.duration);
        wanted.conditions.clear();
        wanted.infos.insert(PROGRESS.to_owned(), "running".to_owned());
        if operation.spec.run_after().is_some() {
            wanted.waiting_for.operation_complete = Some(false);
        }
    }
    wanted.infos.extend(plan.infos.clone());
    if !operation.is_cron() || operation.status.phase != OperationPhase::Unset {
        status::write(&operations.shared, operation.kind, &mut operation.object, &wanted).await?;
    }
    operation.status = wanted;
    install::install(operations, operation, &target, &plan).await?;
    let message = format!(
        "{} {} was started as {}",
        operation.kind,
        operation.name,
        operation.job()
    );
    let reason = reasons::DATA_OPERATION_STARTED;
    status::event_of(operations, operation, EventType::Normal, reason, &message).await;
    Ok(Next::Change)
}

/// Goes on with an installation that was interrupted between the Job and the record of the release.
async fn complete_install(operations: &Arc<Operations>, operation: &Operation) -> Result<(), Problem> {
    let recorded = operations
        .shared
        .caches
        .has_record(&operation.namespace, &operation.release());
    if recorded || operations.has_installed(&operation.object) {
        return Ok(());
    }
    // Without its runtime, the Job is followed as it is; the operation owns it anyway.
    if let Found::Ready(target) = target::find(operations, operation) {
        let plan = install::plan(operations, operation, &target).await?;
        install::install(operations, operation, &target, &plan).await?;
    }
    Ok(())
}

async fn wait(
    operations: &Operations,
    operation: &mut Operation,
    why: (EventType, &str, &str),
) -> Result<Next, Problem> {
    status::wait(operations, operation, why).await?;
    Ok(Next::Change)
}

/// What runs of an operation.
enum Runs {
    /// Its Job.
    Once(Arc<Job>),
    /// Its CronJob.
    Scheduled(Arc<CronJob>),
}

fn running(operations: &Operations, operation: &Operation) -> Option<Runs> {
    let (namespace, job) = (&operation.namespace, operation.job());
    if operation.is_cron() {
        let found = operations.cron_job(namespace, &job)?;
        operation.owns(&found.metadata).then_some(Runs::Scheduled(found))
    } else {
        let found = operations.job(namespace, &job)?;
        operation.owns(&found.metadata).then_some(Runs::Once(found))
    }
}

/// Whether all that is left to do for an operation is to follow what runs, or to keep what has ended.
pub fn is_followed(operations: &Operations, kind: OperationKind, object: &Arc<DynamicObject>) -> bool {
    let follows = |operation: Operation| {
        let is_over = operation.status.phase.is_finished() && !operation.is_cron();
        is_over || running(operations, &operation).is_some()
    };
    Operation::read(kind, object.clone()).is_ok_and(follows)
}

/// Whether the Job or CronJob is there, as the API server itself says.
async fn exists(operations: &Operations, operation: &Operation) -> Result<bool, EngineError> {
    let (client, namespace, name) = (operations.shared.client.clone(), &operation.namespace, operation.job());
    let attempt = format!("looking for {namespace}/{name}");
    let found = if operation.is_cron() {
        let api = Api::<CronJob>::namespaced(client, namespace);
        api.get_metadata_opt(&name)
            .await
            .map(|found| found.map(|it| it.metadata))
    } else {
        let api = Api::<Job>::namespaced(client, namespace);
        api.get_metadata_opt(&name)
            .await
            .map(|found| found.map(|it| it.metadata))
    };
    let found = found.map_err(EngineError::kube(attempt))?;
    Ok(found.is_some_and(|found| operation.owns(&found)))
}

/// The pods of an operation keep the claim of its Dataset from going, and have nothing to work on
/// once it goes.
fn stop_if_dataset_is_gone(operations: &Operations, operation: &Operation) -> Result<(), Problem> {
    for key in operation.datasets() {
        let dataset = operations.shared.caches.dataset(&key.namespace, &key.name);
        if dataset.is_none_or(|dataset| dataset.metadata.deletion_timestamp.is_some()) {
            let message = format!("the Dataset {key} was deleted while the operation was under way");
            return Err(Problem::Refused(Refused::new(reasons::TARGET_DATASET_DELETED, message)));
        }
    }
    Ok(())
}

/// Guards an operation by its finalizer, and lets it go with its Dataset.
async fn adopt(operations: &Operations, operation: &mut Operation, dataset: &Dataset) -> Result<(), EngineError> {
    let (kind, object) = (operation.kind, operation.object.clone());
    let uid = dataset.uid().unwrap_or_default();
    let owned = object.owner_references().iter().any(|owner| owner.uid == uid);
    let guarded = object.finalizers().iter().any(|present| present == kind.finalizer());
    let id = labels::dataset_id(&operation.namespace, &dataset.name_any(), &uid);
    if owned && guarded && object.labels().get(labels::DATASET_ID) == Some(&id) {
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
