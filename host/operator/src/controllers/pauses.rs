//! When an object is looked at again of which no watch says anything.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use wasser_engine::{Backoff, EngineError, Retry, share};

use super::next::Next;

/// The pauses between tries of a failing step.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
};
/// The pauses between tries of what was refused because the object has changed. The watch's event
/// usually comes earlier.
const CONFLICTS: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};
/// How many periods may pass until a runtime is looked at of which everything is watched.
const WATCHED: u32 = 8;

/// When to look again at a runtime of which no watch says anything. Failures have pauses of their
/// own. Those that were looked at together at a start do not stay together.
pub(super) fn pause(
    uid: &str,
    period: Duration,
    outcome: &Result<(), EngineError>,
    is_watched: bool,
) -> Option<Duration> {
    match outcome {
        // One that waits for an upgrade is attended like any other.
        Ok(()) | Err(EngineError::AwaitsTurn { .. }) if is_watched => {
            Some(period * WATCHED - period.mul_f64(share(uid)))
        }
        Ok(()) | Err(EngineError::AwaitsTurn { .. }) => Some(period),
        Err(error) => error.is_refusal().then_some(period),
    }
}

/// How often in a row the reconciles of an object have failed.
#[derive(Default)]
struct Count {
    failures: u32,
    conflicts: u32,
}

/// How often in a row the reconciles of objects have failed, by UID.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<String, Count>>);

impl Failures {
    /// Begins to count anew: the object was reconciled, or is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }

    /// When to try again after a failure.
    pub(super) fn pause(&self, uid: &str, retry: Retry) -> Next {
        if retry != Retry::Conflict
            && let Some(count) = self.0.lock().get_mut(uid)
        {
            count.conflicts = 0;
        }
        match retry {
            Retry::AwaitChange => Next::Change,
            Retry::After(pause) => Next::After(pause),
            Retry::Conflict => self.counted(uid, CONFLICTS, |count| &mut count.conflicts),
            Retry::Backoff => self.backoff(uid),
        }
    }

    /// Counts a failure of an object, and returns the pause after it.
    pub(super) fn backoff(&self, uid: &str) -> Next {
        self.counted(uid, PAUSES, |count| &mut count.failures)
    }

    fn counted(&self, uid: &str, pauses: Backoff, which: impl FnOnce(&mut Count) -> &mut u32) -> Next {
        let mut counts = self.0.lock();
        let count = which(counts.entry(uid.to_owned()).or_default());
        *count += 1;
        Next::After(pauses.after(*count - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use rstest::rstest;

    use super::*;

    fn invalid() -> EngineError {
        EngineError::InvalidSpec {
            field: "spec".to_owned(),
            message: "wrong".to_owned(),
        }
    }

    fn failed() -> EngineError {
        EngineError::Failed {
            method: "desired",
            message: "down".to_owned(),
        }
    }

    #[test]
    fn only_conflicts_in_a_row_make_their_pauses_longer() {
        let failures = Failures::default();
        for _ in 0..8 {
            failures.pause("a", Retry::Conflict);
        }
        failures.pause("a", Retry::After(Duration::from_secs(1)));
        assert_eq!(failures.pause("a", Retry::Conflict), Next::After(CONFLICTS.first));
    }

    #[test]
    fn conflicts_are_tried_again_soon_and_ever_later() {
        let failures = Failures::default();
        let after = |milliseconds: u64| Next::After(Duration::from_millis(milliseconds));
        for pause in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            assert_eq!(failures.pause("uid", Retry::Conflict), after(pause));
        }
        assert_eq!(failures.pause("other", Retry::Conflict), after(50));
        assert_eq!(failures.pause("uid", Retry::Backoff), after(1000));
        failures.forget("uid");
        assert_eq!(failures.pause("uid", Retry::Conflict), after(50));
    }

    #[rstest]
    #[case::everything_is_watched(Ok(()), true, Some(105..=120))]
    #[case::a_pod_was_asked(Ok(()), false, Some(15..=15))]
    #[case::refused(Err(invalid()), true, Some(15..=15))]
    #[case::failed(Err(failed()), true, None)]
    fn a_runtime_is_looked_at_seldom_where_nothing_changes_unseen(
        #[case] outcome: Result<(), EngineError>,
        #[case] is_watched: bool,
        #[case] seconds: Option<RangeInclusive<u64>>,
    ) {
        let found = pause("uid", Duration::from_secs(15), &outcome, is_watched);
        assert_eq!(found.is_some(), seconds.is_some());
        assert!(
            found
                .zip(seconds)
                .is_none_or(|(found, wanted)| wanted.contains(&found.as_secs())),
            "{found:?}"
        );
    }
}
