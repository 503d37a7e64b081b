//! How often each release was upgraded without a cause, and the pauses that follow.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::shared::backoff::Backoff;

/// The most upgrades within [`WINDOW`] that nothing asks for.
const MOST: usize = 5;
/// How long an upgrade counts.
const WINDOW: Duration = Duration::from_secs(60);
/// The pauses after too many upgrades.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(960),
};

/// Objects of the cluster, each with its generation while it is there.
pub type Generations = BTreeMap<String, Option<i64>>;

/// The versions that a release is made of. As long as they are the same, an upgrade has nothing to
/// bring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The generation of the runtime.
    pub runtime: Option<i64>,
    /// The generation of the Dataset.
    pub dataset: Option<i64>,
    /// The objects of the cluster that the plugin reads for the runtime, such as a profile.
    pub named: Generations,
    /// The digest of the plugin.
    pub component: String,
    /// The digest of the chart.
    pub chart: String,
}

/// The upgrades of one release for one cause.
#[derive(Debug, Default)]
struct History {
    cause: Cause,
    recent: Vec<Instant>,
    pauses: u32,
    until: Option<Instant>,
}

impl History {
    /// Returns the rest of the pause if the release must not be upgraded now.
    fn pause(&mut self, cause: &Cause, now: Instant) -> Option<Duration> {
        let calm = self
            .until
            .is_some_and(|until| now.saturating_duration_since(until) > WINDOW);
        if self.cause != *cause || calm {
            *self = Self {
                cause: cause.clone(),
                ..Self::default()
            };
        }
        match self.until {
            Some(until) => Some(until.saturating_duration_since(now)).filter(|rest| !rest.is_zero()),
            None => {
                self.recent.retain(|at| now.saturating_duration_since(*at) < WINDOW);
                (self.recent.len() >= MOST).then(|| self.start_pause(now))
            }
        }
    }

    /// Counts an upgrade. The one after a pause is a trial: the next pause follows at once.
    fn upgraded(&mut self, now: Instant) {
        self.recent.push(now);
        if self.until.is_some() {
            self.start_pause(now);
        }
    }

    fn start_pause(&mut self, now: Instant) -> Duration {
        let pause = PAUSES.after(self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        self.until = Some(now + pause);
        pause
    }
}

/// The upgrades of all releases, by the UID of the runtime.
#[derive(Debug, Default)]
pub struct Upgrades {
    histories: Mutex<HashMap<String, History>>,
}

impl Upgrades {
    fn of<T>(&self, uid: &str, see: impl FnOnce(&mut History) -> T) -> T {
        let mut histories = self.histories.lock();
        see(histories.entry(uid.to_owned()).or_default())
    }

    /// Returns the rest of the pause if the release of a runtime must not be upgraded now.
    pub fn pause(&self, uid: &str, cause: &Cause) -> Option<Duration> {
        self.of(uid, |history| history.pause(cause, Instant::now()))
    }

    /// Counts an upgrade of the release of a runtime.
    pub fn upgraded(&self, uid: &str) {
        self.of(uid, |history| history.upgraded(Instant::now()));
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.histories.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A cause that differs in one version.
    fn cause(generation: i64) -> Cause {
        Cause {
            runtime: Some(generation),
            ..Cause::default()
        }
    }

    #[test]
    fn a_change_of_what_the_plugin_reads_is_a_cause() {
        let (now, mut history) = (Instant::now(), History::default());
        for generation in 1..=20 {
            let named = Generations::from([("ThinRuntimeProfile files".to_owned(), Some(generation))]);
            let cause = Cause {
                named,
                ..Cause::default()
            };
            assert_eq!(history.pause(&cause, now), None, "{generation}");
            history.upgraded(now);
        }
    }

    /// The pauses in seconds that attempts at these seconds meet, none where one ends in an
    /// upgrade. Each has the generation of the runtime.
    fn attempts(seconds: &[(u64, i64)]) -> Vec<Option<u64>> {
        let start = Instant::now();
        let mut history = History::default();
        let attempt = |(second, generation): &(u64, i64)| {
            let now = start + Duration::from_secs(*second);
            let pause = history.pause(&cause(*generation), now);
            if pause.is_none() {
                history.upgraded(now);
            }
            pause.map(|pause| pause.as_secs())
        };
        seconds.iter().map(attempt).collect()
    }

    #[rstest]
    #[case::a_few(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)], &[None; 5])]
    #[case::too_many(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (25, 1)], &[None, None, None, None, None,
        Some(60), Some(40)])]
    #[case::slowly(&[(0, 1), (15, 1), (30, 1), (45, 1), (60, 1), (75, 1), (90, 1)], &[None; 7])]
    #[case::with_a_cause(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)], &[None; 7])]
    #[case::a_cause_ends_a_pause(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2)], &[None, None, None,
        None, None, Some(60), None])]
    fn a_release_is_not_upgraded_again_and_again(#[case] at: &[(u64, i64)], #[case] pauses: &[Option<u64>]) {
        assert_eq!(attempts(at), pauses);
    }

    #[test]
    fn one_upgrade_follows_each_pause_and_the_pauses_grow_until_it_was_calm() {
        let mut at: Vec<(u64, i64)> = (0..6).map(|second| (second, 1)).collect();
        // The first pause ends at 65, the second at 185, the third at 425; at 500, nobody has asked
        // for more than a minute.
        at.extend([(65, 1), (66, 1), (185, 1), (186, 1), (500, 1), (501, 1)]);
        let pauses = attempts(&at);
        assert_eq!(
            pauses.get(6..),
            Some([None, Some(119), None, Some(239), None, None].as_slice())
        );
    }

    #[test]
    fn pauses_have_a_limit() {
        let mut history = History {
            pauses: 40,
            ..History::default()
        };
        assert_eq!(history.start_pause(Instant::now()), PAUSES.longest);
    }
}
