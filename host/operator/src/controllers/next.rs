//! When an object is reconciled again.

use std::time::Duration;

use kube::runtime::controller::Action;

/// Events within this time lead to one reconcile.
pub const DEBOUNCE: Duration = Duration::from_millis(20);

/// When to look again at what the watch shows as it was before a write of our own.
pub const STALE: Duration = Duration::from_secs(1);

/// How long a reconcile may take by itself; what it waits for has limits, and longer work runs as a
/// task.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The pause after a reconcile that panicked.
pub const AFTER_PANIC: Duration = Duration::from_secs(60);

/// The name of a panic in the metrics of reconciles.
pub const PANICKED: &str = "panic";

/// When an object is reconciled again. A change of it, or of what is watched for it, comes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Only when something changes.
    Change,
    /// After this time.
    After(Duration),
}

impl Next {
    /// The same, but after this time at the latest.
    pub fn or_after(self, latest: Option<Duration>) -> Self {
        match (self, latest) {
            (Self::After(pause), Some(latest)) => Self::After(pause.min(latest)),
            (Self::Change, Some(latest)) => Self::After(latest),
            (next, None) => next,
        }
    }
}

impl From<Next> for Action {
    fn from(next: Next) -> Self {
        match next {
            Next::Change => Self::await_change(),
            Next::After(pause) => Self::requeue(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn after(seconds: u64) -> Next {
        Next::After(Duration::from_secs(seconds))
    }

    #[rstest]
    #[case::nothing_else(Next::Change, None, Next::Change)]
    #[case::a_time(Next::Change, Some(3), after(3))]
    #[case::the_sooner(after(5), Some(3), after(3))]
    #[case::sooner_anyway(after(2), Some(3), after(2))]
    fn the_sooner_time_counts(#[case] next: Next, #[case] latest: Option<u64>, #[case] expected: Next) {
        assert_eq!(next.or_after(latest.map(Duration::from_secs)), expected);
    }
}
