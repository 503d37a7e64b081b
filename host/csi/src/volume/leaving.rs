//! Clients that leave: the mounts of those whose label was removed.
//!
//! A client serves its mount until it has ended. A pod that comes meanwhile would be bound to a file
//! system that ends under it, so the label is set again once the mount is gone.
//!
//! A new process does not know them: then the pod has to wait for recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::mount::mountinfo::Mount;

/// The mount of a client that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    id: u32,
    device: String,
    since: Instant,
}

impl Left {
    /// Returns whether this is the mount, and not that of a successor.
    pub fn is(&self, mount: &Mount) -> bool {
        mount.id == self.id && mount.device == self.device
    }
}

/// The mounts of clients that leave, by the label of the clients.
#[derive(Debug, Default)]
pub struct Leaving(Mutex<BTreeMap<String, Left>>);

impl Leaving {
    /// Notes that the client with this mount leaves. One that is known already leaves since then.
    pub fn put(&self, label: &str, mount: &Mount) {
        let mut known = self.0.lock();
        if !known.get(label).is_some_and(|left| left.is(mount)) {
            let left = Left {
                id: mount.id,
                device: mount.device.clone(),
                since: Instant::now(),
            };
            known.insert(label.to_owned(), left);
        }
    }

    /// Returns the mount of the clients with a label that leave. One that is still there after
    /// `patience` belongs to a client that stays.
    pub fn get(&self, label: &str, patience: Duration) -> Option<Left> {
        let mut known = self.0.lock();
        if known.get(label).is_some_and(|left| left.since.elapsed() >= patience) {
            known.remove(label);
        }
        known.get(label).cloned()
    }

    /// Forgets the mount.
    pub fn remove(&self, label: &str) {
        self.0.lock().remove(label);
    }
}
