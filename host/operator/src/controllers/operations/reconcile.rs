//! One operation, brought one step further.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::DynamicObject;
use kube::runtime::events::EventType;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::run::{self, Run};
use wasser_engine::operations::{Operation, Refused, check};
use wasser_engine::{EngineError, is_conflict_of};

use super::all::Operations;
use super::install::{self, Problem};
use super::target::{self, Found};
use super::{conclusion, deletion, edits, start, status};
use crate::controllers::next::{Next, STALE};

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
        return deletion::reconcile(operations, kind, &object).await;
    }
    let mut operation = match Operation::read(kind, object.clone()) {
        Ok(operation) => operation,
        Err(refused) => {
            status::refuse(operations, kind, &mut object, &refused).await?;
            return Ok(Next::Change);
        }
    };
    if let Some(next) = edits::change_policy(operations, &operation).await? {
        return Ok(next);
    }
    if operation.status.phase.is_finished() && !operation.is_cron() {
        if operation.status.phase == OperationPhase::Failed && is_active(operations, &operation) {
            return end(operations, &operation).await;
        }
        return conclusion::keep(operations, &operation).await;
    }
    match step(operations, &mut operation).await {
        Ok(next) => Ok(next),
        Err(Problem::Refused(refused)) => {
            status::refuse(operations, kind, &mut operation.object, &refused).await?;
            end(operations, &operation).await
        }
        Err(Problem::Failed(error)) => {
            if !is_conflict_of(&error) {
                tell(operations, &mut operation, &error).await;
            }
            Err(error)
        }
    }
}

/// Ends an operation that cannot go on, and lets others go on once its pods have ended.
async fn end(operations: &Operations, operation: &Operation) -> Result<Next, EngineError> {
    if let Some(pause) = deletion::uninstall(operations, operation.kind, &operation.object).await? {
        return Ok(Next::After(pause));
    }
    operations.let_go(&operation.uid);
    Ok(Next::Change)
}

/// Says why an attempt failed: an operation that has nothing running waits for the next attempt.
async fn tell(operations: &Operations, operation: &mut Operation, error: &EngineError) {
    let (reason, message) = (reasons::DATA_OPERATION_EXECUTION_FAILED, error.to_string());
    if running(operations, operation).is_some() || status::has_just_said(operation, reason) {
        status::event_of(operations, operation, EventType::Warning, reason, &message).await;
        return;
    }
    let told = status::wait(operations, operation, (EventType::Warning, reason, &message)).await;
    if let Err(error) = told {
        tracing::debug!(kind = %operation.kind, operation = %operation.key(), %error, "a failure could not be shown");
    }
}

async fn step(operations: &Arc<Operations>, operation: &mut Operation) -> Result<Next, Problem> {
    check(operation, &operations.shared.settings.tenant_rules).map_err(Problem::Refused)?;
    if let Some(runs) = running(operations, operation) {
        stop_if_dataset_is_gone(operations, operation)?;
        complete_record(operations, operation).await;
        return Ok(match runs {
            Runs::Once(job) => conclusion::follow(operations, operation, &job).await?,
            Runs::Scheduled(schedule) => {
                edits::keep_schedule(operations, operation, &schedule).await?;
                conclusion::follow_schedule(operations, operation, &schedule).await?
            }
        });
    }
    start::start(operations, operation).await
}

/// Writes the record of a release that was interrupted between the Job and its record. What runs is
/// followed without one as well, and is what is recorded: now, something else might be planned.
async fn complete_record(operations: &Arc<Operations>, operation: &Operation) {
    let recorded = operations
        .shared
        .caches
        .has_record(&operation.namespace, &operation.release());
    if recorded || operations.has_installed(&operation.object) {
        return;
    }
    let Found::Ready(targets) = target::find(operations, operation) else {
        return;
    };
    let Some(target) = targets.first() else {
        return;
    };
    if let Err(problem) = install::record(operations, operation, target).await {
        tracing::debug!(kind = %operation.kind, operation = %operation.key(), %problem, "what runs was not recorded");
    }
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

/// Whether a run of an operation goes on.
pub fn is_active(operations: &Operations, operation: &Operation) -> bool {
    let job = match running(operations, operation) {
        Some(Runs::Once(job)) => Some(job),
        Some(Runs::Scheduled(schedule)) => operations.newest_job(&schedule),
        None => None,
    };
    job.is_some_and(|job| matches!(run::of(&job), Run::Active { .. }))
}

/// Whether all that is left to do for an operation is to follow what runs, or to keep what has ended.
pub fn is_followed(operations: &Operations, kind: OperationKind, object: &Arc<DynamicObject>) -> bool {
    let follows = |operation: Operation| {
        let is_over = operation.status.phase.is_finished() && !operation.is_cron();
        is_over || running(operations, &operation).is_some()
    };
    Operation::read(kind, object.clone()).is_ok_and(follows)
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
