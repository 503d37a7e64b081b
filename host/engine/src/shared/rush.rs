//! Many systems that are set up at the same time. What nobody waits for, such as the first sizes of
//! datasets, begins when the rush is over: each read is an exec and two statuses, a sixth of what
//! the API server has to do until a dataset can be used.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many installations within [`WINDOW`] are a rush. Fewer delay nothing.
const MANY: usize = 10;
/// How long an installation counts.
const WINDOW: Duration = Duration::from_secs(2);
/// How long anything waits for the end of a rush.
const LONGEST: Duration = Duration::from_secs(30);

/// The latest installations.
#[derive(Debug, Default)]
pub struct Rush {
    latest: Mutex<VecDeque<Instant>>,
}

impl Rush {
    /// Notes that a release was installed.
    pub fn installed(&self, now: Instant) {
        let mut latest = self.latest.lock();
        latest.push_back(now);
        if latest.len() > MANY {
            latest.pop_front();
        }
    }

    /// Waits until the rush is over that is on, if one is, and not for long.
    pub async fn over(&self) {
        let began = Instant::now();
        while let Some(rest) = self.rest(Instant::now()).filter(|_| began.elapsed() < LONGEST) {
            tokio::time::sleep(rest).await;
        }
    }

    /// How long the rush goes on at least; none if there is none.
    fn rest(&self, now: Instant) -> Option<Duration> {
        let latest = self.latest.lock();
        let first = latest.front().filter(|_| latest.len() >= MANY)?;
        let rest = WINDOW.saturating_sub(now.saturating_duration_since(*first));
        (!rest.is_zero()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn many_installations_within_a_moment_are_a_rush() {
        let (rush, began) = (Rush::default(), Instant::now());
        for _ in 1..MANY {
            rush.installed(began);
        }
        assert_eq!(rush.rest(began), None);
        rush.installed(began + WINDOW / 2);
        assert_eq!(rush.rest(began + WINDOW / 2), Some(WINDOW / 2));
        assert_eq!(rush.rest(began + WINDOW), None);
        // Those that are far apart are none, however many.
        let slowly = Rush::default();
        for number in 0..100 {
            let now = began + WINDOW * number;
            slowly.installed(now);
            assert_eq!(slowly.rest(now), None);
        }
    }

    #[test]
    fn nobody_waits_where_there_is_no_rush() {
        assert!(Rush::default().over().now_or_never().is_some());
    }
}
