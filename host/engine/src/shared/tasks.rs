//! Work that outlives a reconcile: one task per runtime and purpose, whose result the next
//! reconcile picks up.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use wasser_plugin::Threads;

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

/// The result of a task.
pub trait TaskResult: Clone + Send + 'static {
    /// Returns the result of a task that ended without one, since it panicked.
    fn broken(message: &str) -> Self;
}

/// The result of a task that panicked. The panic itself is in the log.
const PANICKED: &str = "the task panicked; see the log of the operator";

struct Entry<T> {
    /// Distinguishes the task from one that was started for the runtime before it was forgotten.
    number: u64,
    started: Instant,
    took: Option<Duration>,
    result: Option<T>,
    failures: u32,
    abort: Option<AbortHandle>,
}

/// Whose a task is, for the limits on how many run.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The kind of the runtime.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Whether others come first.
    pub is_behind: bool,
}

/// Background work of one purpose, by the UID of the runtime.
pub struct Tasks<T> {
    entries: Arc<Mutex<HashMap<String, Entry<T>>>>,
    /// The number of tasks that were started.
    started: AtomicU64,
    /// How many run at a time, by the kind of the runtimes: each holds a connection to a pod, and
    /// a hung system must not affect the others.
    limits: Mutex<HashMap<String, Arc<TwoSpeedLimit>>>,
    threads: Threads,
}

impl<T: TaskResult> Default for Tasks<T> {
    fn default() -> Self {
        Self::on(Threads::here())
    }
}

impl<T: TaskResult> Tasks<T> {
    /// No task so far; they run on these threads.
    pub fn on(threads: Threads) -> Self {
        Self {
            entries: Arc::default(),
            started: AtomicU64::new(0),
            limits: Mutex::default(),
            threads,
        }
    }

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

    /// Starts the task of a runtime unless it runs. `wake` is called when it has ended, so that the
    /// runtime is reconciled.
    pub fn start<F>(&self, uid: &str, of: Origin<'_>, wake: impl FnOnce() + Send + 'static, work: F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.start_when(std::future::ready(()), uid, of, wake, work);
    }

    /// The same after something else, for which the task waits without a place of others.
    pub fn start_when<F>(
        &self,
        gate: impl Future<Output = ()> + Send + 'static,
        uid: &str,
        of: Origin<'_>,
        wake: impl FnOnce() + Send + 'static,
        work: F,
    ) where
        F: Future<Output = T> + Send + 'static,
    {
        let mut entries = self.entries.lock();
        let failures = match entries.get(uid) {
            Some(entry) if entry.result.is_none() => return,
            Some(entry) => entry.failures,
            None => 0,
        };
        let (shared, limit, key) = (self.entries.clone(), self.limit_of(of.kind), uid.to_owned());
        let namespace = of.namespace.to_owned();
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let handle = self.threads.behind(of.is_behind).spawn(async move {
            gate.await;
            let began = Instant::now();
            let result = limit.run(&namespace, AssertUnwindSafe(work).catch_unwind()).await;
            let result = result.unwrap_or_else(|_| T::broken(PANICKED));
            let mut entries = shared.lock();
            let entry = entries.get_mut(&key).filter(|entry| entry.number == number);
            if let Some(entry) = entry {
                entry.result = Some(result);
                entry.took = Some(began.elapsed());
            }
            drop(entries);
            wake();
        });
        entries.insert(
            uid.to_owned(),
            Entry {
                number,
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

    const HERE: Origin<'_> = of("Kind");

    const fn of(kind: &str) -> Origin<'_> {
        Origin {
            kind,
            namespace: "ns",
            is_behind: false,
        }
    }

    impl TaskResult for u32 {
        fn broken(_message: &str) -> Self {
            Self::MAX
        }
    }

    /// Starts a task and waits until it has ended.
    async fn finish(tasks: &Tasks<u32>, work: impl Future<Output = u32> + Send + 'static) {
        let (wake, woken) = tokio::sync::oneshot::channel();
        let tell = move || {
            let _ = wake.send(());
        };
        tasks.start("a", HERE, tell, work);
        woken.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_with_a_result_and_can_be_started_again() {
        let tasks = Tasks::<u32>::default();
        finish(&tasks, async { panic!("this is what the test is about") }).await;
        assert_eq!(tasks.progress("a"), Some(Progress::Done(u32::MAX)));
        finish(&tasks, async { 7 }).await;
        assert_eq!(tasks.progress("a"), Some(Progress::Done(7)));
    }

    #[tokio::test]
    async fn those_that_pause_keep_nobody_waiting() {
        let tasks = Tasks::<u32>::default();
        let start = |uid: &str, pause| tasks.start_when(tokio::time::sleep(pause), uid, HERE, || (), async { 1 });
        for number in 0..1000 {
            start(&format!("paused-{number}"), Duration::from_secs(3600));
        }
        start("soon", Duration::from_millis(1));
        finish(&tasks, async { 7 }).await;
        while tasks.progress("soon") == Some(Progress::Running) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(tasks.progress("soon"), Some(Progress::Done(1)));
        assert_eq!(tasks.progress("paused-0"), Some(Progress::Running));
    }

    #[tokio::test]
    async fn a_task_that_was_forgotten_does_not_end_the_next_one() {
        let tasks = Tasks::<u32>::default();
        let ((first, former), (second, answered)) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
        let (wake, woken) = tokio::sync::oneshot::channel();
        let tell = move || {
            let _ = wake.send(());
        };
        tasks.start("a", HERE, tell, async move { former.await.unwrap() });
        // As if the abort came when the task no longer waits for anything.
        tasks.entries.lock().remove("a").unwrap();
        tasks.start("a", HERE, || (), async move { answered.await.unwrap() });
        first.send(7).unwrap();
        woken.await.unwrap();
        assert_eq!(tasks.progress("a"), Some(Progress::Running));
        second.send(8).unwrap();
        while tasks.progress("a") == Some(Progress::Running) {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.progress("a"), Some(Progress::Done(8)));
    }

    #[tokio::test]
    async fn a_task_runs_once_until_its_result_is_there() {
        let tasks = Tasks::<u32>::default();
        let (wake, woken) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        tasks.start(
            "a",
            HERE,
            move || {
                let _ = wake.send(());
            },
            async move {
                released.await.unwrap();
                7
            },
        );
        tasks.start("a", HERE, || (), async { 8 });
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
                HERE,
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
            tasks.start(&number.to_string(), of("Hung"), || (), std::future::pending());
        }
        let (wake, woken) = tokio::sync::oneshot::channel();
        let tell = move || {
            let _ = wake.send(());
        };
        tasks.start("a", of("Healthy"), tell, async { 7 });
        woken.await.unwrap();
        assert_eq!(tasks.progress("a"), Some(Progress::Done(7)));
    }
}
