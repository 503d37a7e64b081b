//! How far operations are while they run: the figures that their pods print, read at a bounded rate.
//!
//! This is the one thing about operations that no watch tells, so running pods are asked: every ten
//! seconds, a few at a time, the end of their logs. An operation that does not run costs nothing, and
//! neither does one that ends before the second round. What cannot be read is logged for developers
//! and nothing else: nobody waits for a figure. Reconciles write the status; a round only wakes
//! those whose figures have changed.

pub mod seen;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{AsyncReadExt, FutureExt, StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;
use wasser_api::reasons::events as reasons;
use wasser_engine::Trouble;
use wasser_engine::operations::Operation;
use wasser_engine::operations::progress::Done;
use wasser_engine::operations::run::{self, Run};

use super::all::Operations;
use super::status;
use super::words::of_job;
use seen::{Running, Said};

/// Operations that are asked at the same time.
const AT_ONCE: usize = 4;
/// Pods of one operation that one round asks at most.
const PODS: usize = 8;
/// How long the pods of one operation may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines and bytes of a log that are read.
const LINES: i64 = 64;
const BYTES: i64 = 64 << 10;

/// Asks the pods of what runs, until stopped.
pub async fn run(operations: Arc<Operations>, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(operations.context.settings.progress_period);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(rounds.tick()).await.is_some() {
        let due = operations.progress.due(running(&operations), Instant::now());
        let asks: Vec<BoxFuture<'_, ()>> = due.into_iter().map(|it| ask(&operations, it).boxed()).collect();
        let asked = stream::iter(asks).buffer_unordered(AT_ONCE).collect::<()>();
        stop.run_until_cancelled(asked).await;
    }
}

/// The operations that run, with their Jobs.
fn running(operations: &Operations) -> Vec<Running> {
    let of = |(kind, key): (OperationKind, ObjectKey)| {
        let operation = Operation::read(kind, operations.object(kind, &key)?).ok()?;
        let (namespace, name) = (&operation.namespace, operation.job());
        let job = if operation.is_cron() {
            let schedule = operations.cron_job(namespace, &name)?;
            let own = operation.owns(&schedule.metadata).then_some(schedule)?;
            operations.newest_job(&own)?
        } else {
            let job = operations.job(namespace, &name)?;
            operation.owns(&job.metadata).then_some(job)?
        };
        let Run::Active { wanted, .. } = run::of(&job) else {
            return None;
        };
        Some(Running {
            operation,
            job,
            pods_wanted: usize::try_from(wanted).unwrap_or(1),
        })
    };
    operations.index.running().into_iter().filter_map(of).collect()
}

async fn ask(operations: &Operations, running: Running) {
    let operation = &running.operation;
    let said = match tokio::time::timeout(PATIENCE, pods(operations, &running)).await {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => {
            tracing::debug!(operation = %operation.key(), %error, "the progress of an operation could not be read");
            return;
        }
        Err(_) => {
            tracing::debug!(operation = %operation.key(), "the pods of an operation did not say in time how far they are");
            return;
        }
    };
    if let Some((pod, Trouble { reason, message, .. })) = &said.trouble {
        let Operation { kind, name, .. } = operation;
        let message = format!(
            "{kind} {name}: its pod {pod} does not start: {reason}: {message}; correct that, and create the operation \
             again if it cannot start as it is"
        );
        let reason = reasons::DATA_OPERATION_EXECUTION_FAILED;
        status::event_of(operations, operation, EventType::Warning, reason, &message).await;
    }
    let (changed, event) = operations.progress.note(&running, said, Instant::now());
    if changed {
        operations.wake(operation.kind, operation.key());
    }
    if let Some(message) = event {
        let reason = reasons::DATA_OPERATION_PROGRESS;
        status::event_of(operations, operation, EventType::Normal, reason, &message).await;
    }
}

/// What the pods of an operation say.
async fn pods(operations: &Operations, running: &Running) -> kube::Result<Said> {
    let api = Api::<Pod>::namespaced(operations.shared.client.clone(), &running.operation.namespace);
    // What the API server has in memory will do.
    let found = api.list(&of_job(&running.job).match_any()).await?;
    let trouble = found.items.iter().find_map(trouble);
    let mut pods: Vec<Pod> = found.items.into_iter().filter(is_running).collect();
    if pods.len() > PODS {
        let round = operations.progress.rounds(&running.operation.uid);
        let first = round.saturating_mul(PODS) % pods.len();
        pods.rotate_left(first);
    }
    let mut said = Said {
        trouble,
        ..Said::default()
    };
    for pod in pods.iter().take(PODS) {
        let known_by = match running.pods_wanted {
            0 | 1 => String::new(),
            _ => pod
                .spec
                .as_ref()
                .and_then(|spec| spec.node_name.clone())
                .unwrap_or_default(),
        };
        match log(&api, pod).await {
            Ok(log) => said.done.extend(Done::of(&log).map(|done| (known_by, done))),
            Err(error) => tracing::debug!(pod = pod.name_any(), %error, "the log of a pod could not be read"),
        }
    }
    Ok(said)
}

/// The name of a pod that does not start, and why. What a container has said before it ended is not
/// shown: it may be secret.
fn trouble(pod: &Pod) -> Option<(String, Trouble)> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let trouble = Trouble::of(pod).filter(|_| phase == Some("Pending"))?;
    (trouble.reason != "CrashLoopBackOff").then(|| (pod.name_any(), trouble))
}

fn is_running(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}

/// The end of the log of a pod's first container.
async fn log(api: &Api<Pod>, pod: &Pod) -> kube::Result<String> {
    let containers = pod
        .spec
        .as_ref()
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default();
    let wanted = LogParams {
        container: containers.first().map(|container| container.name.clone()),
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let answer = api.log_stream(&pod.name_any(), &wanted).await?;
    let mut log = Vec::new();
    // A server may ignore the limit.
    let most = u64::try_from(BYTES).unwrap_or_default();
    let mut answer = std::pin::pin!(answer.take(most));
    answer.read_to_end(&mut log).await.map_err(kube::Error::ReadEvents)?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}
