//! The order of operations: which one waits for which.

use k8s_openapi::api::core::v1::NodeAffinity;
use kube::runtime::events::EventType;
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::operation::status;
use wasser_engine::operations::{Operation, Refused, place};

use super::all::Operations;

/// The longest chain of operations that is followed to find a cycle.
const LONGEST: usize = 1000;

/// What an operation that runs after another one does now.
#[derive(Debug)]
pub enum Turn {
    /// It runs, and follows another one to this place if it has to.
    Now(Option<NodeAffinity>),
    /// It waits, for this reason.
    Wait(EventType, &'static str, String),
    /// It never runs.
    Never(Refused),
}

/// Whose turn it is.
pub fn turn(operations: &Operations, operation: &Operation) -> Turn {
    let (true, Some((kind, key))) = (operation.awaits_other(), operation.predecessor()) else {
        return Turn::Now(None);
    };
    if let Some(cycle) = cycle(operations, operation, kind, &key) {
        let message = format!(
            "{}.spec.runAfter: the operations wait for each other: {cycle}; remove one `runAfter` and create the \
             operation again",
            operation.kind
        );
        return Turn::Never(Refused::new(reasons::DATA_OPERATION_CYCLE, message));
    }
    if let Some(turn) = unless_complete(operations, operation, kind, &key) {
        return turn;
    }
    followed_place(operations, operation)
}

/// The place of the operation that this one follows, which need not be the one before.
fn followed_place(operations: &Operations, operation: &Operation) -> Turn {
    let Some((strategy, (kind, key))) = operation.followed() else {
        return Turn::Now(None);
    };
    let is_required = strategy.policy == place::REQUIRE;
    match unless_complete(operations, operation, kind, &key) {
        // Where there is nothing to prefer, it runs anywhere.
        Some(Turn::Wait(EventType::Warning, ..) | Turn::Never(_)) if !is_required => return Turn::Now(None),
        Some(turn) => return turn,
        None => {}
    }
    let ran = operations
        .object(kind, &key)
        .and_then(|object| status(&object).node_affinity);
    let missing = place::missing(strategy, serde_json::to_value(&ran).ok().as_ref());
    if missing.is_empty() {
        return Turn::Now(ran);
    }
    let message = format!(
        "{}.spec.runAfter.affinityStrategy: requires nodes like those of {kind} {key}, whose status.nodeAffinity has no \
         {}; write the policy Prefer or other labels, and create the operation again",
        operation.kind,
        missing.join(", ")
    );
    Turn::Never(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message))
}

/// What an operation does while another one is not complete. None if that is.
fn unless_complete(
    operations: &Operations,
    operation: &Operation,
    kind: OperationKind,
    key: &ObjectKey,
) -> Option<Turn> {
    let Some(before) = operations.object(kind, key) else {
        let message = format!(
            "waits for {kind} {key}, which does not exist; create it, or this operation again without `runAfter`"
        );
        return Some(Turn::Wait(
            EventType::Warning,
            reasons::DATA_OPERATION_NOT_FOUND,
            message,
        ));
    };
    match status(&before).phase {
        OperationPhase::Complete => None,
        OperationPhase::Failed => {
            let message = format!("{kind} {key}, which it runs after, has failed");
            Some(if operation.waits_after_failure() {
                let message = format!("{message}; it waits until that is created again and complete");
                Turn::Wait(EventType::Warning, reasons::PREDECESSOR_FAILED, message)
            } else {
                let message = format!("{message}; correct that, and create both again");
                Turn::Never(Refused::new(reasons::PREDECESSOR_FAILED, message))
            })
        }
        _ => {
            let message = format!("waits for {kind} {key} to be complete");
            Some(Turn::Wait(EventType::Normal, reasons::DATA_OPERATION_WAITING, message))
        }
    }
}

/// The circle that an operation is in, for people.
fn cycle(operations: &Operations, operation: &Operation, kind: OperationKind, key: &ObjectKey) -> Option<String> {
    let own = (operation.kind, operation.key());
    let mut chain = format!("{} {}", own.0, own.1);
    let mut next = (kind, key.clone());
    for _ in 0..LONGEST {
        chain.push_str(&format!(" → {} {}", next.0, next.1));
        if next == own {
            return Some(chain);
        }
        let object = operations.object(next.0, &next.1)?;
        let read = Operation::read(next.0, object).ok()?;
        if !read.awaits_other() || read.status.phase.is_finished() {
            return None;
        }
        next = read.predecessor()?;
    }
    None
}
