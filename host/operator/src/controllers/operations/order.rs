//! The order of operations: which one waits for which.

use kube::ResourceExt;
use kube::runtime::events::EventType;
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::operation::status;
use wasser_engine::operations::{Operation, Refused};

use super::all::Operations;

/// Annotation on an operation: `wait` lets it wait for a successor of the operation that has failed,
/// instead of failing with it.
const AFTER_FAILURE: &str = "wasser.fluid.io/after-failure";
/// The longest chain of operations that is followed to find a cycle.
const LONGEST: usize = 1000;

/// What an operation that runs after another one does now.
#[derive(Debug)]
pub enum Turn {
    /// It runs.
    Now,
    /// It waits, for this reason.
    Wait(EventType, &'static str, String),
    /// It never runs.
    Never(Refused),
}

/// Whose turn it is.
pub fn turn(operations: &Operations, operation: &Operation) -> Turn {
    let (true, Some((kind, key))) = (operation.awaits_other(), operation.predecessor()) else {
        return Turn::Now;
    };
    if let Some(cycle) = cycle(operations, operation, kind, &key) {
        let message = format!(
            "{}.spec.runAfter: the operations wait for each other: {cycle}; remove one `runAfter` and create the \
             operation again",
            operation.kind
        );
        return Turn::Never(Refused::new(reasons::DATA_OPERATION_CYCLE, message));
    }
    let Some(before) = operations.object(kind, &key) else {
        let message = format!(
            "waits for {kind} {key}, which does not exist; create it, or this operation again without `runAfter`"
        );
        return Turn::Wait(EventType::Warning, reasons::DATA_OPERATION_NOT_FOUND, message);
    };
    match status(&before).phase {
        OperationPhase::Complete => Turn::Now,
        OperationPhase::Failed => {
            let waits = operation
                .object
                .annotations()
                .get(AFTER_FAILURE)
                .is_some_and(|value| value == "wait");
            let message = format!("{kind} {key}, which it runs after, has failed");
            if waits {
                let message = format!("{message}; it waits until that is created again and complete");
                Turn::Wait(EventType::Warning, reasons::PREDECESSOR_FAILED, message)
            } else {
                let message = format!("{message}; correct that, and create both again");
                Turn::Never(Refused::new(reasons::PREDECESSOR_FAILED, message))
            }
        }
        _ => {
            let message = format!("waits for {kind} {key} to be complete");
            Turn::Wait(EventType::Normal, reasons::DATA_OPERATION_WAITING, message)
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
