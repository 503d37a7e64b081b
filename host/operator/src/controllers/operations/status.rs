//! What users see of an operation: its status, and events.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch};
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::k8s::Time;
use wasser_api::operations::{OperationCondition, OperationKind, OperationPhase, OperationStatus};
use wasser_api::{conditions, text};
use wasser_engine::operations::operation::resource;
use wasser_engine::operations::progress;
pub use wasser_engine::operations::progress::PROGRESS;
use wasser_engine::operations::{Operation, Refused};
use wasser_engine::{EngineError, OrGone, Shared, patch_params, status_patch};

use super::all::Operations;

/// Type of the condition of an operation that waits.
const WAITING: &str = "Waiting";
/// Type of the condition of an operation that cannot run, or has failed.
const FAILED: &str = "Failed";
/// What `status.duration` says before the end.
pub const UNFINISHED: &str = "Unfinished";

/// Seconds for which words stay that say why an attempt failed.
const SAID: i64 = 5;

/// An object of any kind of operation, as events refer to it.
pub fn reference(kind: OperationKind, object: &DynamicObject) -> ObjectReference {
    let mut reference = object.object_ref(&resource(kind));
    reference.kind = Some(kind.as_str().to_owned());
    reference.api_version = Some(wasser_api::API_VERSION.to_owned());
    reference
}

/// Publishes an event about an operation.
pub async fn event(
    shared: &Shared,
    kind: OperationKind,
    object: &DynamicObject,
    type_: EventType,
    reason: &str,
    message: &str,
) {
    shared
        .events
        .publish(&reference(kind, object), type_, reason, message)
        .await;
}

/// Publishes an event about an operation that was read.
pub async fn event_of(operations: &Operations, operation: &Operation, type_: EventType, reason: &str, message: &str) {
    event(
        &operations.shared,
        operation.kind,
        &operation.object,
        type_,
        reason,
        message,
    )
    .await;
}

/// Writes what of the status differs, provided that the object is still as it was read.
///
/// # Errors
/// The request fails, or somebody else has written to the object since.
pub async fn write(
    shared: &Shared,
    kind: OperationKind,
    object: &mut Arc<DynamicObject>,
    status: &OperationStatus,
) -> Result<(), EngineError> {
    let shown = object.data.get("status").cloned().unwrap_or(Value::Null);
    let known = wasser_engine::operations::operation::status(object);
    let known = if shown.is_null() { Value::Null } else { to_value(&known) };
    let Some(difference) = status_patch(&shown, &known, &to_value(status)) else {
        return Ok(());
    };
    let ObjectKey { namespace, name } = ObjectKey::of(&**object);
    let body = json!({
        "metadata": {"uid": object.uid(), "resourceVersion": object.resource_version()}, "status": difference,
    });
    let api = Api::<DynamicObject>::namespaced_with(shared.client.clone(), &namespace, &resource(kind));
    let attempt = format!("writing the status of {kind} {namespace}/{name}");
    let written = api.patch_status(&name, &patch_params(), &Patch::Merge(&body)).await;
    if let Some(written) = written.or_gone().map_err(EngineError::kube(attempt))? {
        shared.own_writes.wrote(&written);
        *object = Arc::new(written);
    }
    Ok(())
}

/// Shows that an operation waits, and for what.
pub async fn wait(
    operations: &Operations,
    operation: &mut Operation,
    (type_, reason, message): (EventType, &str, &str),
) -> Result<(), EngineError> {
    let mut status = operation.status.clone();
    status.phase = OperationPhase::Pending;
    if status.duration.is_empty() {
        UNFINISHED.clone_into(&mut status.duration);
    }
    status.waiting_for.operation_complete = operation.spec.run_after().map(|_| operation.awaits_other());
    status.infos.insert(PROGRESS.to_owned(), "waiting".to_owned());
    set_condition(&mut status, WAITING, reason, message);
    event_of(operations, operation, type_, reason, message).await;
    write(&operations.shared, operation.kind, &mut operation.object, &status).await
}

/// Whether an operation was shown to wait for this reason a moment ago. Its status is written at most
/// so often, since each write leads to the next attempt, whose words may be others.
pub fn has_just_said(operation: &Operation, reason: &str) -> bool {
    let said = operation.status.conditions.first();
    said.filter(|said| said.reason.as_deref() == Some(reason))
        .and_then(|said| said.last_probe_time.as_ref())
        .is_some_and(|at| Timestamp::now().as_second() - at.0.as_second() < SAID)
}

/// Ends an operation that cannot run as it is.
pub async fn refuse(
    operations: &Operations,
    kind: OperationKind,
    object: &mut Arc<DynamicObject>,
    refused: &Refused,
) -> Result<(), EngineError> {
    let mut status = wasser_engine::operations::operation::status(object);
    let is_news = status.phase != OperationPhase::Failed;
    status.phase = OperationPhase::Failed;
    "-".clone_into(&mut status.duration);
    status.infos.remove(PROGRESS);
    progress::forget(&mut status.infos, false);
    set_condition(&mut status, FAILED, refused.reason, &refused.message);
    event(
        &operations.shared,
        kind,
        object,
        EventType::Warning,
        refused.reason,
        &refused.message,
    )
    .await;
    write(&operations.shared, kind, object, &status).await?;
    if is_news {
        operations.context.metrics.operations.finished(kind, false, None, None);
    }
    Ok(())
}

/// Makes this the one condition. What already says the same keeps its time.
pub fn set_condition(status: &mut OperationStatus, condition_type: &str, reason: &str, message: &str) {
    let message = text::shown(message);
    let says = |condition: &OperationCondition| {
        condition.condition_type == condition_type
            && condition.reason.as_deref() == Some(reason)
            && condition.message.as_deref() == Some(message.as_str())
    };
    if matches!(status.conditions.as_slice(), [only] if says(only)) {
        return;
    }
    let now = Some(Time(Timestamp::now()));
    status.conditions = vec![OperationCondition {
        condition_type: condition_type.to_owned(),
        status: conditions::TRUE.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_probe_time: now.clone(),
        last_transition_time: now,
    }];
}

fn to_value(status: &OperationStatus) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}
