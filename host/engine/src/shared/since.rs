//! Since when something is waited for.
//!
//! The times are those of this process: the clock of another machine may be minutes off, and a wait
//! that is counted from a time which the API server has written may be over before it begins. After
//! a restart, waits begin again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When each wait of an object began, by the object's UID.
#[derive(Debug, Default)]
pub struct Since {
    waits: Mutex<HashMap<String, HashMap<&'static str, Instant>>>,
}

impl Since {
    /// Returns how long an object has waited for this; the first time, the wait begins now.
    pub fn age(&self, uid: &str, what: &'static str, now: Instant) -> Duration {
        let mut waits = self.waits.lock();
        let began = *waits.entry(uid.to_owned()).or_default().entry(what).or_insert(now);
        now.saturating_duration_since(began)
    }

    /// Ends a wait, so that the next one begins anew.
    pub fn over(&self, uid: &str, what: &'static str) {
        let mut waits = self.waits.lock();
        if let Some(of_object) = waits.get_mut(uid) {
            of_object.remove(what);
            if of_object.is_empty() {
                waits.remove(uid);
            }
        }
    }

    /// Forgets an object.
    pub fn forget(&self, uid: &str) {
        self.waits.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_has_its_own_beginning_and_end() {
        let (since, now) = (Since::default(), Instant::now());
        let later = now + Duration::from_secs(7);
        assert_eq!(since.age("a", "pods", now), Duration::ZERO);
        assert_eq!(since.age("a", "claim", later), Duration::ZERO);
        assert_eq!(since.age("a", "pods", later), Duration::from_secs(7));
        since.over("a", "pods");
        assert_eq!(since.age("a", "pods", later), Duration::ZERO);
        since.forget("a");
        assert_eq!(since.age("a", "claim", later + Duration::from_secs(1)), Duration::ZERO);
    }
}
