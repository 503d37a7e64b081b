//! The threads on which guests run, and what calls them.
//!
//! A guest computes for ten milliseconds before it lets others go on, and there can be many. On
//! threads of their own they delay each other, and not the renewal of the lease, the probes, the
//! watches, or the connections to the API server. Those of a plugin that takes much have one thread,
//! which gets what the others leave.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use wasser_share::{Others, thread};

use crate::engine::error::HostError;

/// As many as the operator has for everything else.
const THREADS: usize = 2;

/// Where to run what calls guests.
#[derive(Clone, Default)]
pub struct Threads {
    own: Option<Arc<Own>>,
    is_behind: bool,
    /// The tasks on all threads but the one that is behind.
    others: Others,
}

/// Threads that end when nobody uses them any more.
struct Own {
    threads: Option<Runtime>,
    behind: Option<Runtime>,
}

impl Threads {
    /// Starts threads for guests.
    pub fn start() -> Result<Self, HostError> {
        let failed = |error| HostError::Engine(format!("starting the threads of guests: {error}"));
        let threads = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("guests")
            .build()
            .map_err(failed)?;
        let behind = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("guests-behind")
            .on_thread_start(thread::comes_last)
            .build()
            .map_err(failed)?;
        Ok(Self {
            own: Some(Arc::new(Own {
                threads: Some(threads),
                behind: Some(behind),
            })),
            is_behind: false,
            others: Others::default(),
        })
    }

    /// The threads of whoever spawns.
    pub fn here() -> Self {
        Self::default()
    }

    /// The thread that gets what the others leave, if `is_behind`.
    #[must_use]
    pub fn behind(&self, is_behind: bool) -> Self {
        Self {
            own: self.own.clone(),
            is_behind,
            others: self.others.clone(),
        }
    }

    /// Returns who is at work on the threads that come first.
    pub fn others(&self) -> &Others {
        &self.others
    }

    fn runtime(&self) -> Option<&Runtime> {
        let own = self.own.as_ref()?;
        if self.is_behind {
            own.behind.as_ref()
        } else {
            own.threads.as_ref()
        }
    }

    /// Runs a task on these threads. What it waits for, and tasks that it spawns, are those of the
    /// caller's runtime.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let others = (!self.is_behind).then(|| self.others.clone());
        let task = async move {
            match others {
                Some(others) => others.count(task).await,
                None => task.await,
            }
        };
        match self.runtime() {
            Some(runtime) => runtime.spawn(Within {
                outer: Handle::current(),
                task: Some(Box::pin(task)),
            }),
            None => tokio::spawn(task),
        }
    }

    /// Runs a task on these threads, which ends when this future is dropped. A panic goes on in the
    /// caller.
    pub async fn carry<F>(&self, task: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match AbortOnDropHandle::new(self.spawn(task)).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // It is only aborted when nobody waits for it, or when the threads end.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Waiting for threads is not possible everywhere where the last user can go.
        for runtime in [self.threads.take(), self.behind.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// A task that belongs to another runtime than the one whose threads poll it.
struct Within<F> {
    outer: Handle,
    task: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.outer.enter();
        match &mut this.task {
            Some(task) => task.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Within<F> {
    fn drop(&mut self) {
        let _inside = self.outer.enter();
        self.task = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    fn name() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn tasks_that_compute_do_not_delay_those_of_the_caller() {
        let threads = Threads::start().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let compute = |stop: Arc<AtomicBool>| async move {
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                while began.elapsed() < Duration::from_millis(10) {}
                tokio::task::yield_now().await;
            }
            name()
        };
        let busy: Vec<_> = (0..16).map(|_| threads.spawn(compute(stop.clone()))).collect();
        // One thread renews the lease here.
        for _ in 0..100 {
            let began = Instant::now();
            tokio::task::yield_now().await;
            assert!(began.elapsed() < Duration::from_secs(1));
        }
        stop.store(true, Ordering::Relaxed);
        for task in busy {
            assert_eq!(task.await.unwrap(), "guests");
        }
    }

    #[tokio::test]
    async fn what_takes_much_is_behind_the_others() {
        let threads = Threads::start().unwrap();
        let here = || async { (name(), rustix::process::getpriority_process(None).unwrap()) };
        let usual = rustix::process::getpriority_process(None).unwrap();
        assert_eq!(threads.carry(here()).await, ("guests".to_owned(), usual));
        let behind = threads.behind(true);
        let (name, niceness) = behind.carry(here()).await;
        assert_eq!((name.as_str(), niceness), ("guests-behind", usual.max(10)));
    }

    #[tokio::test]
    async fn what_a_task_waits_for_and_spawns_is_of_the_caller() {
        let threads = Threads::start().unwrap();
        let here = name();
        let task = async {
            // The threads of guests have no clock.
            tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>())
                .await
                .unwrap_err();
            (name(), tokio::spawn(async { name() }).await.unwrap())
        };
        assert_eq!(threads.carry(task).await, ("guests".to_owned(), here));
    }

    #[tokio::test]
    async fn a_task_ends_with_whoever_waits_for_it() {
        let threads = Threads::start().unwrap();
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let task = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        {
            let mut carried = std::pin::pin!(threads.carry(task));
            assert!(futures::poll!(&mut carried).is_pending());
        }
        ended.await.unwrap_err();
    }

    #[tokio::test]
    #[should_panic(expected = "in a guest's thread")]
    async fn a_panic_reaches_the_caller() {
        Threads::start()
            .unwrap()
            .carry(async { panic!("in a guest's thread") })
            .await
    }
}
