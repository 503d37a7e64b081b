//! Passes on that something has changed, to whoever reconciles it.

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wasser_api::ObjectKey;
use wasser_engine::NodeChange;

/// Who learns of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The controllers of runtimes.
    Runtimes,
    /// They and the controller of Datasets.
    All,
}

/// Passes on which datasets something changed for.
#[derive(Default)]
pub struct ChangeBus {
    subscribers: Mutex<Vec<(Audience, UnboundedSender<ObjectKey>)>>,
    nodes: Mutex<Option<UnboundedSender<NodeChange>>>,
}

impl ChangeBus {
    /// From now on, all keys that are touched for this audience. The receiver's queue is drained by
    /// a scheduler that keeps each key once.
    pub fn subscribe(&self, audience: Audience) -> UnboundedReceiver<ObjectKey> {
        let (sender, receiver) = unbounded_channel();
        self.subscribers.lock().push((audience, sender));
        receiver
    }

    /// How many follow changes.
    #[cfg(test)]
    pub fn followers(&self) -> usize {
        self.subscribers.lock().len() + usize::from(self.nodes.lock().is_some())
    }

    /// Something changed for this dataset.
    pub fn touch(&self, key: ObjectKey, who: Audience) {
        self.subscribers
            .lock()
            .retain(|(audience, subscriber)| match (who, audience) {
                (Audience::Runtimes, Audience::All) => !subscriber.is_closed(),
                _ => subscriber.send(key.clone()).is_ok(),
            });
    }

    /// From now on, all changes of nodes. There is one who follows them.
    pub fn follow_nodes(&self) -> UnboundedReceiver<NodeChange> {
        let (sender, receiver) = unbounded_channel();
        *self.nodes.lock() = Some(sender);
        receiver
    }

    /// A node has changed.
    pub fn node_changed(&self, change: NodeChange) {
        if let Some(nodes) = &*self.nodes.lock() {
            // One who no longer follows is gone, like the process soon.
            let _ = nodes.send(change);
        }
    }
}
