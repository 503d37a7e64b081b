//! How the run of an operation goes and ends, as its Job says.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, Preconditions};
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt};
use wasser_api::operations::{OperationKind, OperationPhase, OperationStatus};
use wasser_api::reasons::events as reasons;
use wasser_api::{size, text};
use wasser_engine::operations::operation::resource;
use wasser_engine::operations::run::{self, Run};
use wasser_engine::operations::{Operation, progress};
use wasser_engine::{EngineError, OrGone};

use super::all::Operations;
use super::status::{self, PROGRESS, UNFINISHED};
use super::{nodes, target, words};
use crate::controllers::next::Next;

/// When a finished operation is looked at again that others have not noticed yet.
const SOON: Duration = Duration::from_secs(1);
/// The longest time until a finished operation is looked at again for its end.
const LONGEST: Duration = Duration::from_secs(3600);
/// The wait for the time of a finished operation to be over.
const KEPT: &str = "kept";
/// How much the clock by which an operation has ended may be behind the one here.
const CLOCKS: Duration = Duration::from_secs(300);

/// Shows how the Job of an operation goes, and ends the operation with it.
pub async fn follow(operations: &Operations, operation: &mut Operation, job: &Job) -> Result<Next, EngineError> {
    let mut wanted = operation.status.clone();
    read(operations, operation, job, &mut wanted).await?;
    show(operations, operation, wanted, Some(job)).await
}

/// Shows how the newest Job of a schedule goes.
pub async fn follow_schedule(
    operations: &Operations,
    operation: &mut Operation,
    schedule: &CronJob,
) -> Result<Next, EngineError> {
    let mut wanted = operation.status.clone();
    let times = schedule.status.clone().unwrap_or_default();
    wanted.last_schedule_time = times.last_schedule_time;
    wanted.last_successful_time = times.last_successful_time;
    let newest = operations.newest_job(schedule);
    match &newest {
        Some(job) => read(operations, operation, job, &mut wanted).await?,
        None => {
            if operation.spec.run_after().is_some() {
                wanted.waiting_for.operation_complete = Some(false);
            }
            wanted.phase = OperationPhase::Pending;
            "-".clone_into(&mut wanted.duration);
            wanted.infos.insert(PROGRESS.to_owned(), "scheduled".to_owned());
            let message = format!(
                "waits for its schedule {:?}",
                operation.spec.schedule().unwrap_or_default()
            );
            status::set_condition(&mut wanted, "Waiting", reasons::DATA_OPERATION_WAITING, &message);
        }
    }
    show(operations, operation, wanted, newest.as_deref()).await
}

async fn read(
    operations: &Operations,
    operation: &Operation,
    job: &Job,
    wanted: &mut OperationStatus,
) -> Result<(), EngineError> {
    if operation.spec.run_after().is_some() {
        wanted.waiting_for.operation_complete = Some(false);
    }
    match run::of(job) {
        Run::Active {
            succeeded,
            wanted: pods,
            failed,
        } => {
            wanted.phase = OperationPhase::Executing;
            UNFINISHED.clone_into(&mut wanted.duration);
            wanted.conditions.clear();
            let is_new = operation.status.phase != OperationPhase::Executing;
            if is_new {
                progress::forget(&mut wanted.infos, true);
            }
            let mut figures = operations
                .progress
                .figures(&operation.uid, &job.uid().unwrap_or_default());
            // After a restart, what was shown before is true enough until the pods say more.
            let keeps = figures.is_empty() && !is_new && progress::has_figures(&wanted.infos);
            let progress = match (figures.remove(PROGRESS), pods, failed) {
                (Some(figure), _, 0) => figure,
                (Some(figure), _, failed) => format!("{figure}, attempt {}", failed + 1),
                (None, 2.., _) => format!("{succeeded}/{pods} pods"),
                (None, _, 0) => "running".to_owned(),
                (None, _, failed) => format!("attempt {}", failed + 1),
            };
            if !keeps {
                progress::forget(&mut wanted.infos, true);
                wanted.infos.insert(PROGRESS.to_owned(), progress);
            }
            wanted.infos.extend(figures);
        }
        Run::Ended {
            complete,
            mut condition,
            duration,
            ..
        } => {
            wanted.phase = if complete {
                OperationPhase::Complete
            } else {
                OperationPhase::Failed
            };
            wanted.duration = duration;
            progress::forget(&mut wanted.infos, false);
            // The condition is written once, so its words are asked for once.
            let known = operation.status.conditions.first();
            let is_known = known.is_some_and(|known| known.last_transition_time == condition.last_transition_time);
            if complete {
                wanted.infos.insert(PROGRESS.to_owned(), "100%".to_owned());
                if !is_known {
                    let pods = words::pods(operations, operation, job).await?;
                    wanted.node_affinity = nodes::ran_on(operations, operation, &pods);
                    wanted.infos.remove(nodes::LEFT_OUT);
                    let left_out = nodes::left_out(job, &pods);
                    wanted
                        .infos
                        .extend(left_out.map(|names| (nodes::LEFT_OUT.to_owned(), names)));
                    progress::forget(&mut wanted.infos, true);
                    wanted.infos.extend(words::figures(operation, pods));
                }
            } else {
                wanted.infos.remove(PROGRESS);
                if is_known {
                    return Ok(());
                }
                if let Some(words) = words::fault(operations, operation, job).await? {
                    let message = condition.message.unwrap_or_default();
                    condition.message = Some(text::shown(&format!("{words}. {message}")));
                }
            }
            wanted.conditions = vec![condition];
        }
    }
    Ok(())
}

async fn show(
    operations: &Operations,
    operation: &mut Operation,
    wanted: OperationStatus,
    job: Option<&Job>,
) -> Result<Next, EngineError> {
    let (kind, name) = (operation.kind, &operation.name);
    let changes = operation.status.phase != wanted.phase || operation.status.conditions != wanted.conditions;
    match wanted.phase {
        OperationPhase::Complete if changes => {
            let message = format!("{kind} {name} succeeded");
            let reason = reasons::DATA_OPERATION_SUCCEED;
            status::event_of(operations, operation, EventType::Normal, reason, &message).await;
        }
        OperationPhase::Failed if changes => {
            let why = wanted
                .conditions
                .first()
                .and_then(|condition| condition.message.as_deref());
            let message = format!("{kind} {name} failed: {}", why.unwrap_or_default());
            let reason = reasons::DATA_OPERATION_FAILED;
            status::event_of(operations, operation, EventType::Warning, reason, &message).await;
        }
        OperationPhase::Executing => {
            let datasets = target::caches(operations, operation);
            operations
                .claims
                .hold(&datasets, &operation.uid, &(kind, operation.key()));
        }
        _ => {}
    }
    status::write(&operations.shared, kind, &mut operation.object, &wanted).await?;
    if changes && wanted.phase.is_finished() {
        count(operations, kind, &wanted, job);
    }
    if wanted.phase.is_finished() {
        operations.let_go(&operation.uid);
    }
    Ok(Next::Change)
}

/// Counts a run that has ended.
fn count(operations: &Operations, kind: OperationKind, shown: &OperationStatus, job: Option<&Job>) {
    let seconds = job.and_then(|job| match run::of(job) {
        Run::Ended { seconds, .. } => u32::try_from(seconds).ok().map(f64::from),
        Run::Active { .. } => None,
    });
    let complete = shown.phase == OperationPhase::Complete;
    let bytes = shown.infos.get("bytes").filter(|_| complete);
    let bytes = bytes.and_then(|bytes| u64::try_from(size::parse(bytes).ok()?).ok());
    operations
        .context
        .metrics
        .operations
        .finished(kind, complete, seconds, bytes);
}

/// Keeps an operation that has ended until its time is over.
pub async fn keep(operations: &Operations, operation: &Operation) -> Result<Next, EngineError> {
    operations.let_go(&operation.uid);
    let Some(ttl) = operation.spec.ttl() else {
        return Ok(Next::Change);
    };
    let ended = operation
        .status
        .conditions
        .first()
        .and_then(|condition| condition.last_transition_time.as_ref());
    let age = ended.map_or(0, |ended| Timestamp::now().as_second() - ended.0.as_second());
    let age = Duration::from_secs(u64::try_from(age).unwrap_or_default());
    let rest = rest(ttl, age, operations.shared.waited(&operation.uid, KEPT));
    if !rest.is_zero() {
        return Ok(Next::After(rest.min(LONGEST)));
    }
    // Those that run after it have to see how it has ended.
    if operations.is_awaited(operation) {
        return Ok(Next::After(SOON));
    }
    delete(operations, operation.kind, &operation.object).await?;
    Ok(Next::Change)
}

/// How much longer an operation is kept that is this old, and that this process has known to have ended for
/// as long as `seen`. The age alone would be too much where the clock by which it has ended is behind.
fn rest(ttl: i32, age: Duration, seen: Duration) -> Duration {
    let ttl = Duration::from_secs(u64::try_from(ttl).unwrap_or_default());
    let known = ttl.min(CLOCKS).saturating_sub(seen);
    ttl.saturating_sub(age).max(known)
}

async fn delete(operations: &Operations, kind: OperationKind, object: &DynamicObject) -> Result<(), EngineError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api = Api::<DynamicObject>::namespaced_with(operations.shared.client.clone(), &namespace, &resource(kind));
    let only = Preconditions {
        uid: object.uid(),
        resource_version: None,
    };
    let attempt = format!("deleting {kind} {namespace}/{name}, whose time is over");
    let deleted = api.delete(&name, &DeleteParams::background().preconditions(only)).await;
    deleted.or_another().map(drop).map_err(EngineError::kube(attempt))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_once(0, 0, 0, 0)]
    #[case::just_ended(60, 0, 0, 60)]
    #[case::over(60, 60, 60, 0)]
    #[case::by_a_clock_that_is_behind(60, 90, 0, 60)]
    #[case::long_after_a_start(86_400, 90_000, 300, 0)]
    #[case::just_after_a_start(86_400, 90_000, 0, 300)]
    #[case::in_between(86_400, 3600, 300, 82_800)]
    fn an_operation_is_kept_for_its_time_though_clocks_differ(
        #[case] ttl: i32,
        #[case] age: u64,
        #[case] seen: u64,
        #[case] expected: u64,
    ) {
        let [age, seen, expected] = [age, seen, expected].map(Duration::from_secs);
        assert_eq!(rest(ttl, age, seen), expected);
    }
}
