//! A limit on the time that work takes by itself: what it waits for has limits of its own.

use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A clock that stands still while its owner waits for others.
pub struct OwnTime {
    clock: Mutex<Clock>,
    changed: Notify,
}

/// The time that has been used.
#[derive(Debug)]
struct Clock {
    used: Duration,
    since: Instant,
    waiting: usize,
}

impl Clock {
    fn new(now: Instant) -> Self {
        Self {
            used: Duration::ZERO,
            since: now,
            waiting: 0,
        }
    }

    fn stop(&mut self, now: Instant) {
        if self.waiting == 0 {
            self.used += now - self.since;
        }
        self.waiting += 1;
    }

    fn go_on(&mut self, now: Instant) {
        self.waiting -= 1;
        self.since = now;
    }

    /// The rest of a limit. `None` while the clock stands still.
    fn left(&self, limit: Duration, now: Instant) -> Option<Duration> {
        let used = self.used + (now - self.since);
        (self.waiting == 0).then(|| limit.saturating_sub(used))
    }
}

impl Default for OwnTime {
    fn default() -> Self {
        Self {
            clock: Mutex::new(Clock::new(Instant::now())),
            changed: Notify::new(),
        }
    }
}

impl OwnTime {
    /// Does the work. `None` if it takes longer than this by itself.
    pub async fn limit<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        // The futures of reconciles are large, and whoever wraps them copies them.
        let mut work = Box::pin(work);
        loop {
            let left = self.left(limit);
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.changed.notified() => {}
                () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => {
                    if self.left(limit) == Some(Duration::ZERO) {
                        return None;
                    }
                }
            }
        }
    }

    /// Waits for something that has a limit of its own.
    pub async fn wait<T>(&self, others: impl Future<Output = T>) -> T {
        let others = Box::pin(others);
        // Nobody gives way to one who only waits, such as for a Job of a hook.
        let (_waiting, _idle) = (Waiting::begin(self), wasser_share::idle());
        others.await
    }

    fn left(&self, limit: Duration) -> Option<Duration> {
        self.clock.lock().left(limit, Instant::now())
    }
}

struct Waiting<'a>(&'a OwnTime);

impl<'a> Waiting<'a> {
    fn begin(time: &'a OwnTime) -> Self {
        time.clock.lock().stop(Instant::now());
        time.changed.notify_one();
        Self(time)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.clock.lock().go_on(Instant::now());
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_between_waits_counts() {
        let begin = Instant::now();
        let (at, limit) = (|second| begin + Duration::from_secs(second), Duration::from_secs(60));
        let left = |seconds| Some(Duration::from_secs(seconds));
        let mut clock = Clock::new(begin);
        assert_eq!(clock.left(limit, at(40)), left(20));
        clock.stop(at(40));
        clock.stop(at(50));
        assert_eq!(clock.left(limit, at(500)), None);
        clock.go_on(at(500));
        assert_eq!(clock.left(limit, at(501)), None);
        clock.go_on(at(600));
        assert_eq!(clock.left(limit, at(610)), left(10));
        assert_eq!(clock.left(limit, at(700)), left(0));
    }

    #[tokio::test]
    async fn work_that_waits_for_others_may_take_longer_than_its_limit() {
        let time = OwnTime::default();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let hangs = OwnTime::default();
        let others = async {
            // Takes longer than any own time does.
            assert_eq!(
                hangs
                    .limit(Duration::from_millis(1), std::future::pending::<()>())
                    .await,
                None
            );
            answer.send(7).unwrap();
        };
        let work = time.limit(Duration::ZERO, time.wait(answered));
        let (done, ()) = futures::future::join(work, others).await;
        assert_eq!(done, Some(Ok(7)));
    }
}
