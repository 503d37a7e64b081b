//! How often the status of a runtime that is not yet serving is written.
//!
//! While pods start, the counts of a status change several times within a second, and nobody needs
//! each of them; with many runtimes at once they are most of what the API server has to do. What
//! counts, that a runtime is ready or has failed, is always written at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The least time between two such writes.
const PERIOD: Duration = Duration::from_secs(2);

/// When each runtime's progress was last shown, by UID.
#[derive(Debug, Default)]
pub struct StatusThrottle {
    shown: Mutex<HashMap<String, Instant>>,
}

impl StatusThrottle {
    /// Notes that progress is shown now, or that there is nothing to show yet.
    pub fn restart(&self, uid: &str) {
        self.shown.lock().insert(uid.to_owned(), Instant::now());
    }

    /// How long to wait before progress is shown; none if it is due.
    pub fn wait(&self, uid: &str) -> Option<Duration> {
        let shown = self.shown.lock();
        let rest = PERIOD.saturating_sub(shown.get(uid)?.elapsed());
        (rest > Duration::ZERO).then_some(rest)
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.shown.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_due_at_first_and_then_after_a_while() {
        let status_throttle = StatusThrottle::default();
        assert_eq!(status_throttle.wait("a"), None);
        status_throttle.restart("a");
        assert!(status_throttle.wait("a").is_some_and(|rest| rest <= PERIOD));
        assert_eq!(status_throttle.wait("b"), None);
        status_throttle.forget("a");
        assert_eq!(status_throttle.wait("a"), None);
    }
}
