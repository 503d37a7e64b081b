//! Decides when a plugin that keeps failing is not called for a while.

use std::time::{Duration, Instant};

/// Consecutive failures that put a plugin into quarantine. A success resets the count, whatever the
/// runtime, so one runtime whose spec makes the plugin trap does not affect the others.
const THRESHOLD: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The consecutive failures of a plugin. This is a pure state machine; the caller passes the time.
#[derive(Debug, Clone, Default)]
pub struct Quarantine {
    faults: u32,
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
        if self.faults >= THRESHOLD {
            self.until = Some(now + self.wait());
        }
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
