//! Since when something of a runtime is not as it should be, and what the events of it said.
//!
//! A pod that is not ready is nothing to report for a moment: all are that while they start. The
//! times are those of this process, so that no clock of another machine matters; after a restart
//! they begin again.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::shared::backoff::Backoff;
use crate::watched::trouble::Trouble;

/// The pauses between looks at events that said nothing.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(20),
    longest: Duration::from_secs(600),
};

/// What is waited for, by the UID of the runtime and a key of its own for each thing.
#[derive(Debug, Default)]
pub struct Unready {
    waits: Mutex<HashMap<String, HashMap<String, Wait>>>,
}

#[derive(Debug)]
struct Wait {
    since: Instant,
    looks: u32,
    next_look: Instant,
    found: Option<Trouble>,
}

impl Unready {
    /// How long something has been waited for; the first time, it begins now.
    pub fn age(&self, uid: &str, key: &str, now: Instant) -> Duration {
        let mut waits = self.lock();
        let wait = waits.entry(uid.to_owned()).or_default().entry(key.to_owned());
        let wait = wait.or_insert_with(|| Wait {
            since: now,
            looks: 0,
            next_look: now,
            found: None,
        });
        now.duration_since(wait.since)
    }

    /// Whether the events of what is waited for are to be read now. Then they are not for a while.
    pub fn is_due(&self, uid: &str, key: &str, now: Instant) -> bool {
        let mut waits = self.lock();
        let wait = waits.get_mut(uid).and_then(|waits| waits.get_mut(key));
        let Some(wait) = wait.filter(|wait| wait.next_look <= now) else {
            return false;
        };
        wait.next_look = now + PAUSES.after(wait.looks);
        wait.looks += 1;
        true
    }

    /// Keeps what the events said.
    pub fn found(&self, uid: &str, key: &str, trouble: Option<Trouble>) {
        if let Some(wait) = self.lock().get_mut(uid).and_then(|waits| waits.get_mut(key)) {
            wait.found = trouble;
        }
    }

    /// What the events said last, and how long until they are read again.
    pub fn said(&self, uid: &str, key: &str, now: Instant) -> (Option<Trouble>, Duration) {
        let waits = self.lock();
        let wait = waits.get(uid).and_then(|waits| waits.get(key));
        wait.map_or((None, PAUSES.longest), |wait| {
            (wait.found.clone(), wait.next_look.saturating_duration_since(now))
        })
    }

    /// Forgets what of a runtime is no longer waited for.
    pub fn keep(&self, uid: &str, keys: &BTreeSet<String>) {
        let mut waits = self.lock();
        if keys.is_empty() {
            waits.remove(uid);
        } else if let Some(waits) = waits.get_mut(uid) {
            waits.retain(|key, _| keys.contains(key));
        }
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Wait>>> {
        self.waits.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_begins_once_and_ends_when_it_is_not_kept() {
        let (unready, now) = (Unready::default(), Instant::now());
        let later = now + Duration::from_secs(7);
        assert_eq!(unready.age("a", "pod", now), Duration::ZERO);
        assert_eq!(unready.age("a", "pod", later), Duration::from_secs(7));
        unready.age("a", "other", now);
        unready.keep("a", &BTreeSet::from(["pod".to_owned()]));
        assert_eq!(unready.age("a", "pod", later), Duration::from_secs(7));
        assert_eq!(unready.age("a", "other", later), Duration::ZERO);
        unready.keep("a", &BTreeSet::new());
        assert_eq!(unready.age("a", "pod", later), Duration::ZERO);
    }

    #[test]
    fn events_are_read_once_and_then_less_and_less_often() {
        let (unready, begin) = (Unready::default(), Instant::now());
        unready.age("a", "pod", begin);
        let due = |second: &u64| unready.is_due("a", "pod", begin + Duration::from_secs(*second));
        let seconds: Vec<u64> = (0..2000).filter(due).collect();
        assert_eq!(seconds, [0, 20, 60, 140, 300, 620, 1220, 1820]);
    }

    #[test]
    fn what_the_events_said_is_kept_for_as_long_as_the_wait() {
        let (unready, now) = (Unready::default(), Instant::now());
        unready.age("a", "pod", now);
        assert!(unready.is_due("a", "pod", now));
        unready.found("a", "pod", Some(Trouble::new("FailedMount", "no")));
        let (said, again) = unready.said("a", "pod", now + Duration::from_secs(5));
        assert_eq!(
            (said.unwrap().reason.as_str(), again),
            ("FailedMount", Duration::from_secs(15))
        );
        unready.forget("a");
        assert_eq!(unready.said("a", "pod", now).0, None);
    }
}
