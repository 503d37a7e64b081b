//! What users edit of an operation that runs: its policy, and its schedule.

use k8s_openapi::api::batch::v1::CronJob;
use kube::api::Patch;
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_api::labels;
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::Operation;
use wasser_engine::{EngineError, OrGone, patch_params};

use super::all::Operations;
use super::{deletion, status};
use crate::controllers::next::{Next, STALE};

/// Removes what runs an operation by the policy that it had before. None if there is nothing of that.
///
/// # Errors
/// A request fails.
pub async fn change_policy(operations: &Operations, operation: &Operation) -> Result<Option<Next>, EngineError> {
    let (namespace, name) = (&operation.namespace, operation.job());
    let before = if operation.is_cron() {
        operations.job(namespace, &name).map(|job| job.metadata.clone())
    } else {
        operations
            .cron_job(namespace, &name)
            .map(|found| found.metadata.clone())
    };
    let Some(before) = before.filter(|before| operation.owns(before)) else {
        return Ok(None);
    };
    if before.deletion_timestamp.is_none() {
        let message = format!(
            "{}.spec.policy: was changed to {}, so that {name} is removed",
            operation.kind,
            operation.spec.policy().as_str()
        );
        let reason = reasons::DATA_OPERATION_STARTED;
        status::event_of(operations, operation, EventType::Normal, reason, &message).await;
    }
    let pause = deletion::uninstall(operations, operation.kind, &operation.object).await?;
    if pause.is_none() {
        operations.let_go(&operation.uid);
    }
    // The watches are about to show it.
    Ok(Some(Next::After(pause.unwrap_or(STALE))))
}

/// Keeps a CronJob to the schedule of its operation. One that an earlier version has made gets the label by
/// which its Jobs are watched.
///
/// # Errors
/// The request fails.
pub async fn keep_schedule(operations: &Operations, operation: &Operation, found: &CronJob) -> Result<(), EngineError> {
    let wanted = operation.spec.schedule().unwrap_or_default().trim();
    let Some((spec, id)) = found.spec.as_ref().zip(found.labels().get(labels::DATASET_ID)) else {
        return Ok(());
    };
    let of_jobs = spec
        .job_template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.as_ref());
    let is_labelled = of_jobs.is_some_and(|of_jobs| of_jobs.contains_key(labels::DATASET_ID));
    if (spec.schedule == wanted && is_labelled) || found.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let patch = json!({"metadata": {"uid": found.uid()}, "spec": {
        "schedule": wanted, "jobTemplate": {"metadata": {"labels": {labels::DATASET_ID: id}}},
    }});
    let api = Api::<CronJob>::namespaced(operations.shared.client.clone(), &operation.namespace);
    let attempt = format!("changing the CronJob {}/{}", operation.namespace, found.name_any());
    let written = api
        .patch(&found.name_any(), &patch_params(), &Patch::Merge(&patch))
        .await;
    written.or_gone().map_err(EngineError::kube(attempt))?;
    Ok(())
}
