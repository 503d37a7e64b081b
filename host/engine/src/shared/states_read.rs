//! What a read of the cache states of a runtime ended with. It is kept until the next one ends.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::shared::backoff::Backoff;
use crate::shared::sizes_read::Unread;
use crate::shared::tasks::TaskResult;

/// The longest pause, in periods: two minutes with the usual one.
const LONGEST_PAUSE: u32 = 8;

/// The end of a read, and how things were at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesRead {
    /// The states as a status shows them, sorted.
    pub outcome: Result<Vec<(String, String)>, Unread>,
    /// What the states depend on.
    pub situation: Situation,
    /// How many reads in a row have shown the same as the one before.
    pub unchanged: u32,
}

/// Of what is known without a read, what the states depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Situation {
    /// How many pods are ready.
    pub ready: usize,
    /// When the youngest of them had become ready, in seconds since 1970.
    pub ready_since: i64,
    /// The data operations that hold the Dataset, as its status has them.
    pub operations: BTreeMap<String, String>,
}

impl StatesRead {
    /// Returns how many reads in a row have shown the same in the same situation, in which no data
    /// operation runs.
    pub fn calm(&self, now: &Situation) -> u32 {
        if self.outcome.is_ok() && self.situation == *now && now.operations.is_empty() {
            self.unchanged
        } else {
            0
        }
    }
}

/// Returns the pause until the states are read again of a runtime that has been calm for so many
/// reads.
pub fn pause(period: Duration, calm: u32) -> Duration {
    let pauses = Backoff {
        first: period,
        longest: period * LONGEST_PAUSE,
    };
    pauses.after(calm)
}

impl TaskResult for StatesRead {
    fn broken(message: &str) -> Self {
        Self {
            outcome: Err(Unread::Failed(message.to_owned())),
            situation: Situation::default(),
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

    fn situation(ready: usize, ready_since: i64, operation: Option<&str>) -> Situation {
        let operations = operation.map(|name| ("DataLoad".to_owned(), name.to_owned()));
        Situation {
            ready,
            ready_since,
            operations: operations.into_iter().collect(),
        }
    }

    #[rstest]
    #[case::nothing_happened(situation(2, 7, None), situation(2, 7, None), 2)]
    #[case::a_pod_is_ready_anew(situation(2, 7, None), situation(2, 8, None), 0)]
    #[case::a_pod_has_gone(situation(2, 7, None), situation(1, 7, None), 0)]
    #[case::an_operation_runs(situation(2, 7, Some("warm")), situation(2, 7, Some("warm")), 0)]
    #[case::an_operation_has_ended(situation(2, 7, Some("warm")), situation(2, 7, None), 0)]
    fn what_changes_the_states_ends_the_calm(#[case] then: Situation, #[case] now: Situation, #[case] calm: u32) {
        let read = |outcome| StatesRead {
            outcome,
            situation: then.clone(),
            unchanged: 2,
        };
        assert_eq!(read(Ok(vec![])).calm(&now), calm);
        assert_eq!(read(Err(Unread::Failed("down".to_owned()))).calm(&now), 0);
    }
}
