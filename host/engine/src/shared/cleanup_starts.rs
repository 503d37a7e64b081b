//! When the clean-up of each runtime first had to reach nodes, so that one that cannot be reached
//! is not waited for without end.

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;

/// When the clean-up of a runtime first had to reach nodes.
#[derive(Debug, Default)]
pub struct CleanupStarts {
    first: Mutex<HashMap<String, Instant>>,
}

impl CleanupStarts {
    /// The first time for a runtime; now if there was none before.
    pub fn first(&self, uid: &str) -> Instant {
        let mut first = self.first.lock();
        *first.entry(uid.to_owned()).or_insert_with(Instant::now)
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.first.lock().remove(uid);
    }
}
