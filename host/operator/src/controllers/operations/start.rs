//! From an operation whose spec is in order to its Job.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Api;
use kube::runtime::events::EventType;
use wasser_api::operations::OperationPhase;
use wasser_api::reasons::events as reasons;
use wasser_engine::EngineError;
use wasser_engine::operations::{Operation, Plan};

use super::adoption::adopt;
use super::all::Operations;
use super::deletion;
use super::install::{self, Problem};
use super::order::{Turn, turn};
use super::placement;
use super::status::{self, PROGRESS, UNFINISHED};
use super::target::{self, Found, Target};
use crate::controllers::next::{Next, STALE};

/// When to look again for a plugin; nothing else tells that it serves now.
const SERVED_SOON: Duration = Duration::from_secs(5);

/// Starts an operation, or shows what it waits for.
pub async fn start(operations: &Arc<Operations>, operation: &mut Operation) -> Result<Next, Problem> {
    match turn(operations, operation) {
        // The one before may be deleted while this one waits for something else.
        Turn::Now(place) => operation.note_turn(place),
        Turn::Wait(type_, reason, message) => {
            operations.let_go(&operation.uid);
            return wait(operations, operation, (type_, reason, &message)).await;
        }
        Turn::Never(refused) => return Err(Problem::Refused(refused)),
    }
    let targets = match target::find(operations, operation) {
        Found::Ready(targets) => targets,
        Found::Wait(type_, reason, message, dataset) => {
            operations.let_go(&operation.uid);
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
    if let Some(likeliest) = targets.first() {
        adopt(operations, operation, &likeliest.dataset).await?;
    }
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
        if let Some(pause) = deletion::uninstall(operations, operation.kind, &operation.object).await? {
            return Ok(Next::After(pause));
        }
    }
    if !operation.is_cron()
        && let Err(obstacle) = operations.claims.claim(
            &target::caches(operations, operation),
            &operation.uid,
            &(operation.kind, operation.key()),
        )
    {
        let (kind, key) = obstacle.operation;
        let message = format!(
            "waits for {kind} {key}, which works on the Dataset {}",
            obstacle.dataset
        );
        let why = (EventType::Normal, reasons::DATA_OPERATION_COLLISION, message.as_str());
        return wait(operations, operation, why).await;
    }
    let (target, plan) = match choose(operations, operation, targets).await {
        Ok(chosen) => chosen,
        Err(problem) => {
            // Others need not wait for what cannot start yet.
            operations.let_go(&operation.uid);
            return Err(problem);
        }
    };
    note_figures(operations, operation, &plan).await?;
    if let Err(problem) = install::install(operations, operation, &target, &plan).await {
        // The Job may be there although its answer was lost.
        if matches!(exists(operations, operation).await, Ok(false)) {
            operations.let_go(&operation.uid);
        }
        return Err(problem);
    }
    if !operation.is_cron() {
        show_start(operations, operation).await?;
    }
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

/// Chooses who does the work, and where.
async fn choose(
    operations: &Arc<Operations>,
    operation: &Operation,
    targets: Vec<Target>,
) -> Result<(Target, Plan), Problem> {
    let (target, plan) = install::choose(operations, operation, targets).await?;
    let plan = placement::keep(operations, operation, &target, plan).await?;
    Ok((target, plan))
}

/// Writes the figures of a plan, which only the plugin knows, before there is a Job.
async fn note_figures(operations: &Operations, operation: &mut Operation, plan: &Plan) -> Result<(), Problem> {
    if plan.infos.is_empty() {
        return Ok(());
    }
    let mut wanted = operation.status.clone();
    if wanted.phase == OperationPhase::Unset {
        wanted.phase = OperationPhase::Pending;
        UNFINISHED.clone_into(&mut wanted.duration);
    }
    wanted.infos.extend(plan.infos.clone());
    status::write(&operations.shared, operation.kind, &mut operation.object, &wanted).await?;
    operation.status = wanted;
    Ok(())
}

/// Shows that an operation runs. Interrupted before, what follows its Job shows it.
async fn show_start(operations: &Operations, operation: &mut Operation) -> Result<(), Problem> {
    let mut wanted = operation.status.clone();
    wanted.phase = OperationPhase::Executing;
    UNFINISHED.clone_into(&mut wanted.duration);
    wanted.conditions.clear();
    wanted.infos.insert(PROGRESS.to_owned(), "running".to_owned());
    status::write(&operations.shared, operation.kind, &mut operation.object, &wanted).await?;
    operation.status = wanted;
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
