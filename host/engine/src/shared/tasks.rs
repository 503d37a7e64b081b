//! Work that outlives a reconcile: one task per runtime and purpose, whose result the next
//! reconcile picks up.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::shared::backoff::Backoff;
use crate::shared::two_speed_limit::TwoSpeedLimit;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress<T> {
    /// It runs.
    Running,
    /// It ended; the result is handed out until the next start.
    Done(T),
}

/// The longest pause after failures, in periods: 8 min with the usual one.
const LONGEST_PAUSE: u32 = 32;

/// The pause from the start of a task to its next one, after so many failures in a row.
pub fn backoff(period: Duration, failures: u32) -> Duration {
    let pauses = Backoff {
        first: period,
        longest: period * LONGEST_PAUSE,
    };
    pauses.after(failures)
}

struct Entry<T> {
    started: Instant,
    took: Option<Duration>,
    result: Option<T>,
    failures: u32,
    abort: Option<AbortHandle>,
}

/// Background work of one purpose, by the UID of the runtime.
pub struct Tasks<T> {
    entries: Arc<Mutex<HashMap<String, Entry<T>>>>,
    /// How many run at a time, by the kind of the runtimes: each holds a connection to a pod, and
    /// a hung system must not affect the others.
    limits: Mutex<HashMap<String, Arc<TwoSpeedLimit>>>,
}

impl<T: Clone + Send + 'static> Default for Tasks<T> {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
            limits: Mutex::default(),
        }
    }
}

impl<T: Clone + Send + 'static> Tasks<T> {
    /// Where the task of a runtime stands, or none if it never started.
    pub fn progress(&self, uid: &str) -> Option<Progress<T>> {
        let entries = self.entries.lock();
        entries
            .get(uid)
            .map(|entry| entry.result.clone().map_or(Progress::Running, Progress::Done))
    }

    /// Time since the task was last started; none if it never was.
    pub fn age(&self, uid: &str) -> Option<Duration> {
        let entries = self.entries.lock();
        entries.get(uid).map(|entry| entry.started.elapsed())
    }

    /// How long the task took that ended last; none while one runs, or if none ever did.
    pub fn took(&self, uid: &str) -> Option<Duration> {
        let entries = self.entries.lock();
        entries.get(uid).and_then(|entry| entry.took)
    }

    /// How often in a row the task has failed, as counted by [`Tasks::failed`].
    pub fn failures(&self, uid: &str) -> u32 {
        let entries = self.entries.lock();
        entries.get(uid).map_or(0, |entry| entry.failures)
    }

    /// Counts a failure, and returns how many there were in a row.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut entries = self.entries.lock();
        entries.get_mut(uid).map_or(0, |entry| {
            entry.failures += 1;
            entry.failures
        })
    }

    /// Counts from the beginning again, after a success.
    pub fn succeeded(&self, uid: &str) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(uid) {
            entry.failures = 0;
        }
    }

    /// Starts the task of a runtime of this kind unless it runs. `wake` is called when it has
    /// ended, so that the runtime is reconciled.
    pub fn start<F>(&self, uid: &str, kind: &str, wake: impl FnOnce() + Send + 'static, work: F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut entries = self.entries.lock();
        let failures = match entries.get(uid) {
            Some(entry) if entry.result.is_none() => return,
            Some(entry) => entry.failures,
            None => 0,
        };
        let (shared, limit, key) = (self.entries.clone(), self.limit_of(kind), uid.to_owned());
        let handle = tokio::spawn(async move {
            let result = limit.run(work).await;
            if let Some(entry) = shared.lock().get_mut(&key) {
                entry.result = Some(result);
                entry.took = Some(entry.started.elapsed());
            }
            wake();
        });
        entries.insert(
            uid.to_owned(),
            Entry {
                started: Instant::now(),
                took: None,
                result: None,
                failures,
                abort: Some(handle.abort_handle()),
            },
        );
    }

    fn limit_of(&self, kind: &str) -> Arc<TwoSpeedLimit> {
        let mut limits = self.limits.lock();
        limits.entry(kind.to_owned()).or_default().clone()
    }

    /// Forgets a runtime, and stops what still runs for it.
    pub fn forget(&self, uid: &str) {
        let entry = self.entries.lock().remove(uid);
        if let Some(abort) = entry.and_then(|entry| entry.abort) {
            abort.abort();
        }
    }

    /// Runtimes with an entry, for the metric on this cache.
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_runs_once_until_its_result_is_there() {
        let tasks = Tasks::<u32>::default();
        let (wake, woken) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        tasks.start(
            "a",
            "Kind",
            move || {
                let _ = wake.send(());
            },
            async move {
                released.await.unwrap();
                7
            },
        );
        tasks.start("a", "Kind", || (), async { 8 });
        assert_eq!((tasks.progress("a"), tasks.took("a")), (Some(Progress::Running), None));
        release.send(()).unwrap();
        woken.await.unwrap();
        assert_eq!(tasks.progress("a"), Some(Progress::Done(7)));
        assert!(tasks.took("a").is_some());
    }

    #[tokio::test]
    async fn failures_are_counted_across_starts_and_forgotten_with_the_runtime() {
        let tasks = Tasks::<u32>::default();
        for expected in 1..=2 {
            let (wake, woken) = tokio::sync::oneshot::channel();
            tasks.start(
                "a",
                "Kind",
                move || {
                    let _ = wake.send(());
                },
                async { 0 },
            );
            woken.await.unwrap();
            assert_eq!(tasks.failed("a"), expected);
        }
        tasks.forget("a");
        assert_eq!((tasks.failures("a"), tasks.progress("a")), (0, None));
    }

    #[tokio::test]
    async fn a_kind_whose_tasks_never_end_keeps_none_of_another_waiting() {
        let tasks = Tasks::<u32>::default();
        for number in 0..100 {
            tasks.start(&number.to_string(), "Hung", || (), std::future::pending());
        }
        let (wake, woken) = tokio::sync::oneshot::channel();
        let tell = move || {
            let _ = wake.send(());
        };
        tasks.start("a", "Healthy", tell, async { 7 });
        woken.await.unwrap();
        assert_eq!(tasks.progress("a"), Some(Progress::Done(7)));
    }
}
