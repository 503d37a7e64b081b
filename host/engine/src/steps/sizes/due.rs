//! When the sizes of a Dataset are read again.

use std::time::Duration;

use crate::shared::backoff::Backoff;
use crate::shared::tasks::backoff;

/// The pause between two reads of what somebody may write, while the cache does not show that
/// anybody does.
const WRITABLE: Duration = Duration::from_secs(120);
/// The pause between two reads of what nobody may write through the Dataset.
const READ_ONLY: Duration = Duration::from_secs(1800);
/// The shortest pause that a plugin can ask for.
const SOONEST: Duration = Duration::from_secs(1);
/// How many times as long as the last read took the pause is at least.
const SHARE: u32 = 20;

/// How the last read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// With sizes.
    Read,
    /// The plugin reads none.
    NotSupported,
    /// Nobody could be asked, after so many others in a row; the plugin wants to be asked again
    /// after this time.
    Later(Duration, u32),
    /// With a failure, after so many others in a row.
    Failed(u32),
}

/// What the pause until the next read depends on.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How the last read ended.
    pub last: Last,
    /// How long it took.
    pub took: Duration,
    /// Whether a pod has become ready since.
    pub ready_anew: bool,
    /// Whether pods may write to the Dataset.
    pub writable: bool,
    /// Whether the cache states are others than at the last read.
    pub states_changed: bool,
    /// Whether more is cached than there is.
    pub exceeded: bool,
    /// The pause between two looks at a healthy runtime.
    pub period: Duration,
}

impl Look {
    /// The pause from the start of the last read to the next one. None: not before something
    /// changes.
    pub fn pause(&self) -> Option<Duration> {
        match self.last {
            Last::NotSupported => None,
            Last::Later(..) | Last::Failed(_) if self.ready_anew => Some(Duration::ZERO),
            // A node that cannot be reached is as ready as before for a while, or for ever.
            Last::Later(after, before) => {
                let first = after.clamp(SOONEST, self.period.max(SOONEST));
                let longest = backoff(self.period, u32::MAX);
                Some(Backoff { first, longest }.after(before))
            }
            Last::Failed(before) => Some(backoff(self.period, before)),
            Last::Read => {
                let soon = self.exceeded || (self.writable && self.states_changed);
                let pause = match (soon, self.writable) {
                    (true, _) => self.period,
                    (false, true) => WRITABLE.max(self.period),
                    (false, false) => READ_ONLY.max(self.period),
                };
                Some(pause.max(self.took * SHARE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn look(last: Last) -> Look {
        Look {
            last,
            took: seconds(0),
            ready_anew: false,
            writable: false,
            states_changed: false,
            exceeded: false,
            period: seconds(15),
        }
    }

    #[rstest]
    #[case::nobody_writes(look(Last::Read), Some(1800))]
    #[case::nobody_writes_here_and_the_cache_fills(Look { states_changed: true, ..look(Last::Read) }, Some(1800))]
    #[case::somebody_may_write(Look { writable: true, ..look(Last::Read) }, Some(120))]
    #[case::somebody_uses_it(Look { writable: true, states_changed: true, ..look(Last::Read) }, Some(15))]
    #[case::more_is_cached_than_there_is(Look { exceeded: true, ..look(Last::Read) }, Some(15))]
    #[case::a_long_read(Look { writable: true, took: seconds(12), ..look(Last::Read) }, Some(240))]
    #[case::a_pod_restarted(Look { ready_anew: true, ..look(Last::Read) }, Some(1800))]
    #[case::no_sizes(Look { ready_anew: true, ..look(Last::NotSupported) }, None)]
    #[case::nobody_to_ask(look(Last::Later(seconds(2), 0)), Some(2))]
    #[case::nobody_to_ask_yet(look(Last::Later(seconds(2), 2)), Some(8))]
    #[case::nobody_to_ask_for_ever(look(Last::Later(seconds(2), 1000)), Some(480))]
    #[case::nobody_to_ask_for_long(look(Last::Later(seconds(60), 0)), Some(15))]
    #[case::at_once(look(Last::Later(seconds(0), 0)), Some(1))]
    #[case::somebody_came(Look { ready_anew: true, ..look(Last::Later(seconds(2), 9)) }, Some(0))]
    #[case::failed_once(look(Last::Failed(0)), Some(15))]
    #[case::failed_often(look(Last::Failed(3)), Some(120))]
    #[case::failed_for_ever(look(Last::Failed(1000)), Some(480))]
    #[case::failed_and_somebody_came(Look { ready_anew: true, ..look(Last::Failed(5)) }, Some(0))]
    fn the_pause_follows_from_what_may_have_changed(#[case] look: Look, #[case] pause: Option<u64>) {
        assert_eq!(look.pause(), pause.map(seconds));
    }
}
