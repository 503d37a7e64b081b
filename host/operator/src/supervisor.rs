//! Supervision of what the process cannot do without.
//!
//! A task that has to run until the process stops ends the process if it ends earlier: its
//! container starts again, which a task that is gone never does. A panic in a reconcile concerns
//! one object and is answered by trying again. A thread that hangs shows in `/healthz`.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a task may keep a thread before the thread is taken to hang. Calls of plugins yield
/// every few milliseconds, and charts are rendered in threads of their own.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// Watches over tasks.
#[derive(Default)]
pub struct Supervisor {
    /// The first task that has ended too early.
    fallen: watch::Sender<Option<String>>,
    /// The task that each thread is running, and since when.
    turns: Mutex<HashMap<ThreadId, (Arc<str>, Instant)>>,
    /// For how many nanoseconds each task has had a thread.
    busy: Mutex<BTreeMap<Arc<str>, Arc<AtomicU64>>>,
}

impl Supervisor {
    /// Spawns a task that has to run until `stop` is cancelled.
    pub fn spawn<F>(self: &Arc<Self>, what: &str, stop: &CancellationToken, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ending = Ending {
            supervisor: self.clone(),
            what: what.to_owned(),
            stop: stop.clone(),
        };
        let task = self.measure(what, self.observe(what, task));
        tokio::spawn(async move {
            let _ending = ending;
            task.await;
        })
    }

    /// Waits until a task has ended that should still run. Returns its description.
    pub async fn fallen(&self) -> String {
        let mut fallen = self.fallen.subscribe();
        // The sender is this object's own, so that there is always something to wait for.
        let first = fallen.wait_for(Option::is_some).await;
        first.ok().and_then(|first| first.clone()).unwrap_or_default()
    }

    /// Does some work. Returns `None` if it panics, which is logged.
    pub async fn catch<T>(self: &Arc<Self>, what: &str, work: impl Future<Output = T>) -> Option<T> {
        match AssertUnwindSafe(self.observe(what, work)).catch_unwind().await {
            Ok(done) => Some(done),
            Err(panic) => {
                tracing::error!(
                    what,
                    panic = text(&*panic),
                    "this panicked, which is a defect of Wasser; it is tried again"
                );
                None
            }
        }
    }

    /// Returns the task that has kept a thread for too long, if there is one.
    pub fn hanging(&self, now: Instant) -> Option<String> {
        let turns = self.turns.lock();
        let mut too_long = turns
            .values()
            .filter(|(_, since)| now.saturating_duration_since(*since) >= LONGEST_TURN);
        let (what, since) = too_long.next()?;
        let seconds = now.saturating_duration_since(*since).as_secs();
        Some(format!("{what} has kept a thread for {seconds} s"))
    }

    /// Returns for how long the tasks have had a thread, by their descriptions.
    pub fn busy(&self) -> Vec<(Arc<str>, Duration)> {
        let busy = self.busy.lock();
        let time = |nanoseconds: &AtomicU64| Duration::from_nanos(nanoseconds.load(Ordering::Relaxed));
        busy.iter()
            .map(|(task, nanoseconds)| (task.clone(), time(nanoseconds)))
            .collect()
    }

    /// Sums up how long the task has a thread.
    fn measure<F: Future>(&self, what: &str, task: F) -> impl Future<Output = F::Output> + use<F> {
        let busy = self.busy.lock().entry(what.into()).or_default().clone();
        let mut task = Box::pin(task);
        poll_fn(move |context| {
            let began = Instant::now();
            let polled = task.as_mut().poll(context);
            let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            busy.fetch_add(took, Ordering::Relaxed);
            polled
        })
    }

    /// Notes when the work has a thread.
    fn observe<F: Future>(self: &Arc<Self>, what: &str, work: F) -> impl Future<Output = F::Output> + use<F> {
        let (supervisor, what, mut work) = (self.clone(), Arc::<str>::from(what), Box::pin(work));
        poll_fn(move |context| {
            let _turn = Turn::begin(&supervisor, what.clone());
            work.as_mut().poll(context)
        })
    }
}

/// A task's turn on this thread.
struct Turn<'a>(&'a Supervisor);

impl<'a> Turn<'a> {
    fn begin(supervisor: &'a Supervisor, what: Arc<str>) -> Self {
        supervisor
            .turns
            .lock()
            .insert(thread::current().id(), (what, Instant::now()));
        Self(supervisor)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.turns.lock().remove(&thread::current().id());
    }
}

/// Reports that a task has ended, however that happened.
struct Ending {
    supervisor: Arc<Supervisor>,
    what: String,
    stop: CancellationToken,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            tracing::error!(
                what = self.what,
                "a task has ended that has to run for as long as the process"
            );
            self.supervisor.fallen.send_if_modified(|fallen| {
                let is_first = fallen.is_none();
                fallen.get_or_insert_with(|| self.what.clone());
                is_first
            });
        }
    }
}

/// The message of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_too_early_is_reported_and_one_that_was_stopped_is_not() {
        let (supervisor, stop) = (Arc::new(Supervisor::default()), CancellationToken::new());
        let stopped = stop.clone().cancelled_owned();
        let orderly = supervisor.spawn("the orderly task", &stop, stopped);
        stop.cancel();
        orderly.await.unwrap();
        assert_eq!(*supervisor.fallen.borrow(), None);

        let runs = CancellationToken::new();
        let panics = async { panic!("this is what the test is about") };
        supervisor.spawn("the broken task", &runs, panics).await.unwrap_err();
        supervisor.spawn("a later one", &runs, async {}).await.unwrap();
        assert_eq!(supervisor.fallen().await, "the broken task");
    }

    #[tokio::test]
    async fn a_panic_is_caught() {
        let supervisor = Arc::new(Supervisor::default());
        assert_eq!(supervisor.catch("work", async { 7 }).await, Some(7));
        let panics = async { panic!("this is what the test is about") };
        assert_eq!(supervisor.catch::<()>("work", panics).await, None);
        assert!(supervisor.turns.lock().is_empty());
    }

    #[tokio::test]
    async fn a_task_that_keeps_its_thread_hangs() {
        let supervisor = Arc::new(Supervisor::default());
        let looks = supervisor.clone();
        let look = async move {
            let now = Instant::now();
            (looks.hanging(now), looks.hanging(now + LONGEST_TURN))
        };
        let (now, later) = supervisor.observe("the work", look).await;
        assert_eq!(
            (now, later.as_deref()),
            (None, Some("the work has kept a thread for 60 s"))
        );
        assert_eq!(supervisor.hanging(Instant::now() + LONGEST_TURN), None);
    }

    #[tokio::test]
    async fn tasks_are_measured_while_they_have_a_thread() {
        let supervisor = Arc::<Supervisor>::default();
        let stop = CancellationToken::new();
        stop.cancel();
        let computes = async {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(2) {}
            tokio::task::yield_now().await;
        };
        supervisor
            .spawn("the watch of something", &stop, computes)
            .await
            .unwrap();
        let waits = std::future::ready(());
        supervisor.spawn("the watch of nothing", &stop, waits).await.unwrap();
        let busy = supervisor.busy();
        let [(nothing, _), (something, took)] = busy.as_slice() else {
            panic!("{busy:?}")
        };
        assert_eq!(
            [&**nothing, &**something],
            ["the watch of nothing", "the watch of something"]
        );
        assert!(*took >= Duration::from_millis(2), "{took:?}");
    }
}
