//! Long reconciles are moved off their worker, so that one waiting for an unresponsive system
//! cannot delay others; and no namespace has so many that others wait for it.
//!
//! An object is never reconciled twice at the same time. An event during a long reconcile leads to
//! another one when that has ended; an event afterwards is answered by a reconcile that begins
//! after it, never by what an earlier one found.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use wasser_engine::{FairPlaces, Place};
use wasser_plugin::Threads;

use super::next::Next;

/// How long a reconcile may hold a worker. It takes milliseconds; one that takes this long waits
/// for somebody.
const SOON: Duration = Duration::from_secs(1);
/// How many of a kind go on outside of the workers at a time: each holds an instance of the plugin.
/// Further ones stay with their workers.
const OUTSIDE: usize = 64;

/// Asks for a reconcile of an object.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// An object that was reconciled outside of the workers, or waits for its turn.
enum Entry {
    /// A reconcile is running. `again`: something has happened since it began. `stop` ends it.
    Running { again: bool, stop: CancellationToken },
    /// It has ended, and asked for another one after some time.
    Waiting(AbortHandle),
    /// Its namespace has too many reconciles under way.
    Queued(AbortHandle),
    /// It was woken, and its reconcile has this place.
    Next(Place),
}

/// What a reconcile is of.
#[derive(Debug, Clone, Copy)]
pub struct Reconciled<'a> {
    /// The UID of the object.
    pub uid: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Whether it cancels a reconcile that is still running, for example because the object was
    /// deleted.
    pub urgent: bool,
}

/// The reconciles of one kind that are outside of its workers, by the UID of the object.
pub struct Overtime {
    soon: Duration,
    /// For all reconciles that are under way.
    shares: FairPlaces,
    /// For those outside of the workers.
    places: Arc<Semaphore>,
    entries: Mutex<HashMap<String, Entry>>,
    stop: CancellationToken,
    threads: Box<dyn Fn() -> Threads + Send + Sync>,
}

impl Overtime {
    /// None so far, of a kind with this number of workers. They end when `stop` does, and go on
    /// after the next start.
    pub fn new(workers: u16, stop: CancellationToken) -> Self {
        Self {
            soon: SOON,
            shares: FairPlaces::new(OUTSIDE + usize::from(workers)),
            places: Arc::new(Semaphore::new(OUTSIDE)),
            entries: Mutex::default(),
            stop,
            threads: Box::new(Threads::here),
        }
    }

    /// With each reconcile on the threads that are right for it when it begins.
    pub fn on(self, threads: impl Fn() -> Threads + Send + Sync + 'static) -> Self {
        Self {
            threads: Box::new(threads),
            ..self
        }
    }

    /// Runs a reconcile for as long as a worker may be held. After that it goes on by itself, and
    /// `wake` asks for the next one when that is due. It does not begin while the namespace has more
    /// than its share under way; `wake` then asks for it later.
    pub async fn run<F>(self: &Arc<Self>, object: Reconciled<'_>, wake: Wake, work: impl FnOnce() -> F) -> Next
    where
        F: Future<Output = Next> + Send + 'static,
    {
        let Reconciled { uid, namespace, urgent } = object;
        let Some(share) = self.admit(object, &wake) else {
            return Next::Change;
        };
        let (work, cancel) = (work(), CancellationToken::new());
        let cancelled = cancel.clone();
        // A task, so that the reconciles of a kind do not share one thread.
        let mut task =
            AbortOnDropHandle::new((self.threads)().spawn(async move { cancelled.run_until_cancelled(work).await }));
        let outside = async {
            tokio::time::sleep(self.soon).await;
            self.places.clone().acquire_owned().await
        };
        let place = tokio::select! {
            biased;
            // It only fails if the process ends, or if the work panics.
            ended = &mut task => return ended.ok().flatten().unwrap_or(Next::After(self.soon)),
            place = outside => place,
        };
        tracing::debug!(
            uid,
            namespace,
            "a reconcile takes long, and goes on outside of the workers"
        );
        let going = Going {
            overtime: self.clone(),
            uid: uid.to_owned(),
            next: None,
            wake,
            _places: (share, place.ok()),
        };
        // One that is urgent itself is not cancelled by further events.
        let by_others = if urgent {
            CancellationToken::new()
        } else {
            cancel.clone()
        };
        self.lock().insert(
            uid.to_owned(),
            Entry::Running {
                again: false,
                stop: by_others,
            },
        );
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let mut going = going;
            let ended = tokio::select! {
                ended = &mut task => ended,
                () = stop.cancelled() => {
                    cancel.cancel();
                    // An object is free for another reconcile only once this one no longer runs.
                    (&mut task).await
                }
            };
            going.next = ended.ok().flatten();
        });
        Next::Change
    }

    /// Forgets an object that is gone, if nothing is running for it.
    pub fn forget(&self, uid: &str) {
        let entry = {
            let mut entries = self.lock();
            let is_running = matches!(entries.get(uid), Some(Entry::Running { .. }));
            if is_running { None } else { entries.remove(uid) }
        };
        match entry {
            Some(Entry::Waiting(task) | Entry::Queued(task)) => task.abort(),
            // Dropping its place may hand it to another.
            Some(Entry::Next(_) | Entry::Running { .. }) | None => {}
        }
    }

    /// A place for a reconcile that may begin now. `None` if one of the object is running outside
    /// of the workers, which another one then follows, or if its namespace has to wait. What an
    /// earlier one asked for is replaced by what the new one will ask for.
    fn admit(self: &Arc<Self>, object: Reconciled<'_>, wake: &Wake) -> Option<Place> {
        let mut entries = self.lock();
        match entries.remove(object.uid) {
            Some(Entry::Running { stop, .. }) => {
                if object.urgent {
                    stop.cancel();
                }
                entries.insert(object.uid.to_owned(), Entry::Running { again: true, stop });
                return None;
            }
            Some(queued @ Entry::Queued(_)) => {
                entries.insert(object.uid.to_owned(), queued);
                return None;
            }
            Some(Entry::Next(place)) => return Some(place),
            Some(Entry::Waiting(timer)) => timer.abort(),
            None => {}
        }
        let place = self.shares.try_take(object.namespace);
        if place.is_none() {
            let queued = self.queue(object, wake.clone());
            entries.insert(object.uid.to_owned(), Entry::Queued(queued));
        }
        place
    }

    /// Waits for a place outside of the workers, and wakes the object when it has one: its
    /// reconcile then begins with what the object is like by then.
    fn queue(self: &Arc<Self>, object: Reconciled<'_>, wake: Wake) -> AbortHandle {
        let (overtime, uid, namespace) = (self.clone(), object.uid.to_owned(), object.namespace.to_owned());
        let wait = async move {
            let waiting = overtime.shares.take(&namespace);
            let Some(place) = overtime.stop.run_until_cancelled(waiting).await else {
                return;
            };
            {
                let mut entries = overtime.lock();
                match entries.get_mut(&uid) {
                    Some(entry @ Entry::Queued(_)) => *entry = Entry::Next(place),
                    _ => return,
                }
            }
            wake();
        };
        tokio::spawn(wait).abort_handle()
    }

    /// A reconcile has ended. None if it was cancelled or has panicked.
    fn ended(self: &Arc<Self>, uid: &str, next: Option<Next>, wake: &Wake) {
        let mut entries = self.lock();
        let again = matches!(entries.remove(uid), Some(Entry::Running { again: true, .. }));
        let pause = match next {
            Some(next) if !again => next,
            _ => Next::After(Duration::ZERO),
        };
        match pause {
            Next::Change => {}
            Next::After(Duration::ZERO) => wake(),
            Next::After(pause) => {
                let (overtime, wake, key) = (self.clone(), wake.clone(), uid.to_owned());
                let timer = tokio::spawn(async move {
                    if overtime
                        .stop
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await
                        .is_some()
                    {
                        overtime.waited(&key);
                        wake();
                    }
                });
                entries.insert(uid.to_owned(), Entry::Waiting(timer.abort_handle()));
            }
        }
    }

    /// The pause of an object is over. Another reconcile of it may have begun by now.
    fn waited(&self, uid: &str) {
        let mut entries = self.lock();
        if matches!(entries.get(uid), Some(Entry::Waiting(_))) {
            entries.remove(uid);
        }
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock()
    }
}

/// A reconcile outside of the workers: however it ends, it is not running for ever.
struct Going {
    overtime: Arc<Overtime>,
    uid: String,
    next: Option<Next>,
    wake: Wake,
    _places: (Place, Option<OwnedSemaphorePermit>),
}

impl Drop for Going {
    fn drop(&mut self) {
        self.overtime.ended(&self.uid, self.next.take(), &self.wake);
    }
}
