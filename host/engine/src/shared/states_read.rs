//! What a read of the cache states of a runtime ended with. It is kept until the next one ends.

use std::time::Duration;

use crate::shared::sizes_read::Unread;
use crate::shared::tasks::TaskResult;

/// After so many reads that show the same, the pause grows no more: two minutes with the usual
/// period.
const CALM: u32 = 3;

/// The end of a read, and how things were at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesRead {
    /// The states as a status shows them, sorted.
    pub outcome: Result<Vec<(String, String)>, Unread>,
    /// When the youngest ready pod had become ready, in seconds since 1970.
    pub ready_since: i64,
    /// How many reads in a row have shown the same as the one before.
    pub unchanged: u32,
}

impl StatesRead {
    /// Returns how many reads in a row have shown the same while no pod became ready.
    pub fn calm(&self, ready_since: i64) -> u32 {
        if self.outcome.is_ok() && ready_since <= self.ready_since {
            self.unchanged
        } else {
            0
        }
    }
}

/// Returns the pause until a runtime is looked at again that has been calm for so many reads.
pub fn pause(period: Duration, calm: u32) -> Duration {
    period.saturating_mul(1 << calm.min(CALM))
}

impl TaskResult for StatesRead {
    fn broken(message: &str) -> Self {
        Self {
            outcome: Err(Unread::Failed(message.to_owned())),
            ready_since: 0,
            unchanged: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::changed(0, 15)]
    #[case::the_same_once(1, 30)]
    #[case::the_same_for_long(3, 120)]
    #[case::the_same_for_ever(u32::MAX, 120)]
    fn pauses_grow_while_nothing_changes(#[case] calm: u32, #[case] seconds: u64) {
        assert_eq!(pause(Duration::from_secs(15), calm), Duration::from_secs(seconds));
    }

    #[rstest]
    #[case::nothing_happened(Ok(vec![]), 7, 2)]
    #[case::a_pod_is_ready_anew(Ok(vec![]), 8, 0)]
    #[case::it_failed(Err(Unread::Failed("down".to_owned())), 7, 0)]
    fn a_new_pod_or_a_failure_ends_the_calm(
        #[case] outcome: Result<Vec<(String, String)>, Unread>,
        #[case] ready_since: i64,
        #[case] calm: u32,
    ) {
        let read = StatesRead {
            outcome,
            ready_since: 7,
            unchanged: 2,
        };
        assert_eq!(read.calm(ready_since), calm);
    }
}
