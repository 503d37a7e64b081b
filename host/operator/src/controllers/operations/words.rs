//! The last words of the pods of an operation: why it failed, or how much it did.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use wasser_api::operations::OperationKind;
use wasser_api::text;
use wasser_engine::EngineError;
use wasser_engine::operations::{Operation, figures as engine};

use super::all::Operations;

/// Bytes of the last words of a pod that are shown.
const WORDS: usize = 300;

/// Returns why the pods of a Job have failed: what the scripts of charts leave for that, and the exit
/// code for programs of users, whose words may be secret.
pub async fn fault(operations: &Operations, operation: &Operation, job: &Job) -> Result<Option<String>, EngineError> {
    let ended = ended(pods(operations, operation, job).await?);
    let failed = ended.into_iter().filter(|(_, state)| state.exit_code != 0);
    let last = failed.max_by_key(|(_, state)| state.finished_at.as_ref().map(|at| at.0));
    Ok(last.map(|(container, state)| {
        let said = state.message.as_deref().map(str::trim).filter(|said| !said.is_empty());
        match said.filter(|_| operation.kind != OperationKind::DataProcess) {
            Some(said) => text::bounded(said, WORDS).into_owned(),
            None => format!("container {container} ended with exit code {}", state.exit_code),
        }
    }))
}

/// Returns the figures that pods of a Job which has succeeded leave for `status.infos`.
pub fn figures(operation: &Operation, pods: Vec<Pod>) -> BTreeMap<String, String> {
    if operation.kind == OperationKind::DataProcess {
        return BTreeMap::new();
    }
    let ended = ended(pods);
    let worked = ended.into_iter().filter(|(_, state)| state.exit_code == 0);
    let last = worked.max_by_key(|(_, state)| state.finished_at.as_ref().map(|at| at.0));
    let said = last.and_then(|(_, state)| state.message).unwrap_or_default();
    engine::read(&said)
}

/// Returns the pods of a Job. The watch of pods is one of the pods of runtimes, so they are asked for.
///
/// # Errors
/// The request fails.
pub async fn pods(operations: &Operations, operation: &Operation, job: &Job) -> Result<Vec<Pod>, EngineError> {
    let api = Api::<Pod>::namespaced(operations.shared.client.clone(), &operation.namespace);
    let attempt = format!("looking for the pods of Job {}/{}", operation.namespace, job.name_any());
    let pods = api.list(&of_job(job)).await.map_err(EngineError::kube(attempt))?;
    Ok(pods.items)
}

/// Which pods are those of a Job, whatever their names.
pub fn of_job(job: &Job) -> ListParams {
    ListParams::default().labels(&format!(
        "batch.kubernetes.io/controller-uid={}",
        job.uid().unwrap_or_default()
    ))
}

/// The containers that have ended, by name.
fn ended(pods: Vec<Pod>) -> Vec<(String, ContainerStateTerminated)> {
    let statuses = pods
        .into_iter()
        .filter_map(|pod| pod.status?.container_statuses)
        .flatten();
    statuses
        .filter_map(|container| Some((container.name, container.state?.terminated?)))
        .collect()
}
