//! Whose turn it is to start something. Reconciles that follow what runs are short and need none, so
//! that what has ended is told at once, however many operations are to be started.

use std::sync::Arc;

use kube::api::DynamicObject;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;

use super::all::Operations;
use super::reconcile;

/// The turns of one kind.
#[derive(Clone)]
pub struct Turns {
    /// Reconciles that start something at the same time.
    free: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Turns {
    /// Returns as many turns as there are workers, which end when the controller is stopped.
    pub fn new(workers: u16, stop: CancellationToken) -> Self {
        Self {
            free: Arc::new(Semaphore::new(workers.into())),
            stop,
        }
    }

    /// Waits for a turn, if this object needs one. Returns the object as it is by then; nothing if it
    /// is gone or the controller is stopped.
    pub async fn take(
        &self,
        operations: &Operations,
        kind: OperationKind,
        object: Arc<DynamicObject>,
    ) -> Option<(Arc<DynamicObject>, Option<OwnedSemaphorePermit>)> {
        if reconcile::is_followed(operations, kind, &object) {
            return Some((object, None));
        }
        let turn = tokio::select! {
            turn = self.free.clone().acquire_owned() => turn.ok()?,
            () = self.stop.cancelled() => return None,
        };
        let object = operations.object(kind, &ObjectKey::of(&*object))?;
        Some((object, Some(turn)))
    }
}
