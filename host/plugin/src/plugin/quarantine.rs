//! Decides when a plugin that keeps failing is not called for a while.
//!
//! Each namespace has a quarantine of its own. Specs can make a plugin fail, and however many of
//! them a tenant writes, the plugin is called for the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Consecutive failures that put a plugin into quarantine for a namespace. A success resets the
/// count, whatever the runtime, so one runtime whose spec makes the plugin trap does not affect the
/// others.
const THRESHOLD: u32 = 10;
/// From this number of namespaces on, those are forgotten where nothing has failed for a while.
const PRUNED_FROM: usize = 1024;
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The quarantines of a plugin, by namespace.
#[derive(Debug, Clone, Default)]
pub struct Quarantines(HashMap<String, Quarantine>);

impl Quarantines {
    /// Returns whether a call for a namespace may be made now.
    pub fn admit(&mut self, namespace: &str, now: Instant) -> Standing {
        let quarantine = self.0.get_mut(namespace);
        quarantine.map_or(Standing::Good { faults: 0 }, |quarantine| quarantine.admit(now))
    }

    /// Records that a call for a namespace succeeded.
    pub fn succeeded(&mut self, namespace: &str) {
        self.0.remove(namespace);
    }

    /// Records that a call for a namespace failed by the plugin's fault.
    pub fn failed(&mut self, namespace: &str, now: Instant) {
        if self.0.len() >= PRUNED_FROM {
            self.0.retain(|_, quarantine| quarantine.is_recent(now));
        }
        self.0.entry(namespace.to_owned()).or_default().failed(now);
    }

    /// Returns whether the plugin is called now, for the namespace with the most failures.
    pub fn standing(&self, now: Instant) -> Standing {
        let worst = self.0.values().max_by_key(|quarantine| quarantine.faults);
        worst.map_or(Standing::Good { faults: 0 }, |worst| worst.standing(now))
    }
}

/// The consecutive failures of a plugin. This is a pure state machine; the caller passes the time.
#[derive(Debug, Clone, Default)]
pub struct Quarantine {
    faults: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

/// Whether a plugin is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The plugin is called.
    Good {
        /// Consecutive failures so far.
        faults: u32,
    },
    /// The plugin is not called.
    Quarantined {
        /// Consecutive failures.
        faults: u32,
        /// Time until the next attempt.
        wait: Duration,
    },
}

impl Quarantine {
    /// Returns whether the plugin is called now.
    pub fn standing(&self, now: Instant) -> Standing {
        match self
            .until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|wait| !wait.is_zero())
        {
            Some(wait) => Standing::Quarantined {
                faults: self.faults,
                wait,
            },
            None => Standing::Good { faults: self.faults },
        }
    }

    /// Returns whether a call may be made now. After a wait, one call is admitted; the others wait
    /// for its outcome.
    pub fn admit(&mut self, now: Instant) -> Standing {
        let standing = self.standing(now);
        if matches!(standing, Standing::Good { .. }) && self.until.is_some() {
            self.until = Some(now + self.wait());
        }
        standing
    }

    /// Records that a call succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Records that a call failed by the plugin's fault.
    pub fn failed(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        self.last = Some(now);
        if self.faults >= THRESHOLD {
            self.until = Some(now + self.wait());
        }
    }

    fn is_recent(&self, now: Instant) -> bool {
        self.last
            .is_some_and(|last| now.saturating_duration_since(last) < LONGEST_WAIT * 2)
    }

    /// Returns the wait, which doubles with each failure after the threshold.
    fn wait(&self) -> Duration {
        let doublings = self.faults.saturating_sub(THRESHOLD).min(16);
        FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32, now: Instant) -> Quarantine {
        let mut record = Quarantine::default();
        (0..times).for_each(|_| record.failed(now));
        record
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let now = Instant::now();
        let mut record = failing(9, now);
        assert_eq!(record.admit(now), Standing::Good { faults: 9 });
        record.succeeded();
        record.failed(now);
        assert_eq!(record.admit(now), Standing::Good { faults: 1 });
    }

    #[test]
    fn after_the_wait_one_call_is_let_through_and_the_wait_doubles() {
        let now = Instant::now();
        let mut record = failing(10, now);
        assert_eq!(
            record.admit(now),
            Standing::Quarantined {
                faults: 10,
                wait: Duration::from_secs(5)
            }
        );

        let later = now + Duration::from_secs(5);
        assert_eq!(record.admit(later), Standing::Good { faults: 10 });
        assert!(matches!(record.admit(later), Standing::Quarantined { .. }));
        record.failed(later);
        assert_eq!(
            record.standing(later),
            Standing::Quarantined {
                faults: 11,
                wait: Duration::from_secs(10)
            }
        );

        let much_later = later + Duration::from_secs(10);
        assert!(matches!(record.admit(much_later), Standing::Good { .. }));
        record.succeeded();
        assert_eq!(record.admit(much_later), Standing::Good { faults: 0 });
    }

    #[test]
    fn a_namespace_whose_specs_make_the_plugin_fail_is_alone_with_that() {
        let (mut all, now) = (Quarantines::default(), Instant::now());
        (0..50).for_each(|_| all.failed("one", now));
        all.failed("two", now);
        assert!(matches!(all.admit("one", now), Standing::Quarantined { .. }));
        assert_eq!(all.admit("two", now), Standing::Good { faults: 1 });
        assert_eq!(all.admit("three", now), Standing::Good { faults: 0 });
        assert!(matches!(all.standing(now), Standing::Quarantined { faults: 50, .. }));
        all.succeeded("one");
        assert_eq!(all.standing(now), Standing::Good { faults: 1 });
    }

    #[test]
    fn namespaces_that_are_gone_are_forgotten() {
        let (mut all, now) = (Quarantines::default(), Instant::now());
        (0..PRUNED_FROM).for_each(|number| all.failed(&number.to_string(), now));
        all.failed("later", now + LONGEST_WAIT * 2);
        assert_eq!(all.0.len(), 1);
    }

    #[test]
    fn the_wait_has_a_maximum() {
        let now = Instant::now();
        assert_eq!(
            failing(1000, now).standing(now),
            Standing::Quarantined {
                faults: 1000,
                wait: LONGEST_WAIT
            }
        );
    }
}
