//! The Datasets of what runs, as the lists after a start show it.

use kube::api::DynamicObject;
use wasser_api::operations::OperationPhase;
use wasser_engine::operations::Operation;
use wasser_engine::operations::operation::status;

use super::all::Operations;
use super::{reconcile, target};

/// Claims the Datasets of the operations that run, whoever has started them. After a restart nothing
/// else says that others have to wait for these.
pub fn hold_what_runs(operations: &Operations) {
    let may_run = |object: &DynamicObject| {
        let is_cron = object
            .data
            .pointer("/spec/policy")
            .is_some_and(|policy| policy == "Cron");
        is_cron || !status(object).phase.is_finished()
    };
    for (kind, object) in operations.all() {
        if !may_run(&object) {
            continue;
        }
        let Ok(operation) = Operation::read(kind, object) else {
            continue;
        };
        if operation.status.phase == OperationPhase::Executing || reconcile::is_active(operations, &operation) {
            let datasets = target::caches(operations, &operation);
            let id = (kind, operation.key());
            operations.claims.hold(&datasets, &operation.uid, &id);
        }
    }
}
