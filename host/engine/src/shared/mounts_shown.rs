//! The generations of Datasets whose statuses were given the mounts of their specs.
//!
//! A definition of an earlier Fluid may drop them. They would seem to be missing with every look,
//! and be made again. After a while they are: the definition may be another one by then, or the
//! status was not written.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When the mounts of a generation can be given again.
const AGAIN: Duration = Duration::from_secs(600);

/// The last generation of each Dataset, by the UID of its runtime.
#[derive(Debug, Default)]
pub struct MountsShown {
    last: Mutex<HashMap<String, (i64, Instant)>>,
}

impl MountsShown {
    /// Notes that the status was given the mounts of this generation.
    pub fn note(&self, uid: &str, generation: i64, now: Instant) {
        self.last.lock().insert(uid.to_owned(), (generation, now));
    }

    /// Returns whether it was given those of this generation a short while ago.
    pub fn were_of(&self, uid: &str, generation: i64, now: Instant) -> bool {
        let last = self.last.lock();
        let given = last.get(uid).filter(|(given, _)| *given == generation);
        given.is_some_and(|(_, at)| now.saturating_duration_since(*at) < AGAIN)
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.last.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_a_generation_are_given_once_for_a_while() {
        let (shown, now) = (MountsShown::default(), Instant::now());
        shown.note("u", 2, now);
        assert!(shown.were_of("u", 2, now));
        assert!(!shown.were_of("u", 3, now) && !shown.were_of("v", 2, now));
        assert!(!shown.were_of("u", 2, now + AGAIN));
        shown.forget("u");
        assert!(!shown.were_of("u", 2, now));
    }
}
