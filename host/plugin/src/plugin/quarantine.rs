//! A plugin that fails again and again is not called for a while.

use std::time::{Duration, Instant};

/// Failures in a row that put a plugin into quarantine. Successes in between, of whatever runtime, start the count anew: a runtime whose
/// own spec makes the plugin trap does not take the others with it.
const THRESHOLD: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The record of a plugin. A pure state machine: it is told the time.
#[derive(Debug, Clone, Default)]
pub struct Quarantine {
    faults: u32,
    until: Option<Instant>,
}

/// How a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is called.
    Good {
        /// Failures in a row so far.
        faults: u32,
    },
    /// It is not called.
    Quarantined {
        /// Failures in a row.
        faults: u32,
        /// Time until it is tried again.
        wait: Duration,
    },
}

impl Quarantine {
    /// How the plugin stands now.
    pub fn standing(&self, now: Instant) -> Standing {
        match self
            .until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|wait| !wait.is_zero())
        {
            Some(wait) => Standing::Quarantined { faults: self.faults, wait },
            None => Standing::Good { faults: self.faults },
        }
    }

    /// Whether a call may be made now. After a wait, one call is let through; the others wait for what becomes of it.
    pub fn admit(&mut self, now: Instant) -> Standing {
        let standing = self.standing(now);
        if matches!(standing, Standing::Good { .. }) && self.until.is_some() {
            self.until = Some(now + self.wait());
        }
        standing
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed by the plugin's fault.
    pub fn failed(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        if self.faults >= THRESHOLD {
            self.until = Some(now + self.wait());
        }
    }

    /// Doubles with each failure after the threshold.
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
    fn the_wait_has_an_end() {
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
