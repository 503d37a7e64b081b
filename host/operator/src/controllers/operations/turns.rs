//! Whose turn it is. Those that follow what runs, those that start something and those that are
//! deleted do not wait for each other: what has ended is told at once, and what is to stop is
//! stopped, however many operations are to be started.

use std::sync::Arc;

use kube::api::DynamicObject;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;

use super::all::Operations;
use super::reconcile;

/// How many follow what runs at the same time. Most only look at a watch, but of a Dataset that is
/// deleted all operations are stopped at once.
const FOLLOWERS: usize = 64;

/// The turns of one kind.
#[derive(Clone)]
pub struct Turns {
    starts: Arc<Semaphore>,
    deletions: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Turns {
    /// Returns as many turns for starts and for deletions as there are workers. They end when the
    /// controller is stopped.
    pub fn new(workers: u16, stop: CancellationToken) -> Self {
        Self {
            starts: Arc::new(Semaphore::new(workers.into())),
            deletions: Arc::new(Semaphore::new(workers.into())),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            stop,
        }
    }

    /// Waits for a turn. Returns the object as it is by then; nothing if it is gone or the controller is
    /// stopped.
    pub async fn take(
        &self,
        operations: &Operations,
        kind: OperationKind,
        object: Arc<DynamicObject>,
    ) -> Option<(Arc<DynamicObject>, OwnedSemaphorePermit)> {
        let turns = if object.metadata.deletion_timestamp.is_some() {
            &self.deletions
        } else if reconcile::is_followed(operations, kind, &object) {
            &self.followers
        } else {
            &self.starts
        };
        let turn = tokio::select! {
            turn = turns.clone().acquire_owned() => turn.ok()?,
            () = self.stop.cancelled() => return None,
        };
        let object = operations.object(kind, &ObjectKey::of(&*object))?;
        Some((object, turn))
    }
}
