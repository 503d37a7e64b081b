//! Long reconciles are moved off their worker, so that one waiting for an unresponsive system
//! cannot delay others.
//!
//! An object is never reconciled twice at the same time. An event during a long reconcile leads to
//! another one when that has ended; an event afterwards is answered by a reconcile that begins
//! after it, never by what an earlier one found.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::next::Next;

/// How long a reconcile may hold a worker. It takes milliseconds; one that takes this long waits
/// for somebody.
const SOON: Duration = Duration::from_secs(1);
/// How many of a kind go on outside of the workers at a time: each holds an instance of the plugin.
/// Further ones stay with their workers.
const OUTSIDE: usize = 64;

/// Asks for a reconcile of an object.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// An object that was reconciled outside of the workers.
enum Entry {
    /// A reconcile is running. `again`: something has happened since it began. `stop` ends it.
    Running { again: bool, stop: CancellationToken },
    /// It has ended, and asked for another one after some time.
    Waiting(AbortHandle),
}

/// The reconciles of one kind that are outside of its workers, by the UID of the object.
pub struct Overtime {
    soon: Duration,
    places: Arc<Semaphore>,
    entries: Mutex<HashMap<String, Entry>>,
    stop: CancellationToken,
}

impl Overtime {
    /// None so far. They end when `stop` does, and go on after the next start.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            soon: SOON,
            places: Arc::new(Semaphore::new(OUTSIDE)),
            entries: Mutex::default(),
            stop,
        }
    }

    /// Runs a reconcile for as long as a worker may be held. After that it goes on by itself, and
    /// `wake` asks for the next one when that is due.
    ///
    /// `urgent` cancels the reconcile that is still running, for example because the object was
    /// deleted.
    pub async fn run<F>(self: &Arc<Self>, uid: &str, urgent: bool, wake: Wake, work: impl FnOnce() -> F) -> Next
    where
        F: Future<Output = Next> + Send + 'static,
    {
        if self.is_running(uid, urgent) {
            return Next::Change;
        }
        let (work, cancel) = (work(), CancellationToken::new());
        let cancelled = cancel.clone();
        // A task, so that the reconciles of a kind do not share one thread.
        let mut task = AbortOnDropHandle::new(tokio::spawn(async move { cancelled.run_until_cancelled(work).await }));
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
        let going = Going {
            overtime: self.clone(),
            uid: uid.to_owned(),
            next: None,
            wake,
            _place: place.ok(),
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

    /// Whether a reconcile of the object is running outside of the workers; another one then
    /// follows it. What an earlier one asked for is replaced by what the new one will ask for.
    fn is_running(&self, uid: &str, urgent: bool) -> bool {
        let mut entries = self.lock();
        if let Some(Entry::Running { again, stop }) = entries.get_mut(uid) {
            *again = true;
            if urgent {
                stop.cancel();
            }
            return true;
        }
        if let Some(Entry::Waiting(timer)) = entries.remove(uid) {
            timer.abort();
        }
        false
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
                        overtime.lock().remove(&key);
                        wake();
                    }
                });
                entries.insert(uid.to_owned(), Entry::Waiting(timer.abort_handle()));
            }
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
    _place: Option<OwnedSemaphorePermit>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.overtime.ended(&self.uid, self.next.take(), &self.wake);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::sync::oneshot::{self, Receiver};

    use super::*;

    const NOW: Next = Next::After(Duration::ZERO);

    fn overtime(soon: Duration) -> Arc<Overtime> {
        Arc::new(Overtime {
            soon,
            ..Overtime::new(CancellationToken::new())
        })
    }

    /// A wake, and what it leads to.
    fn wake() -> (Wake, UnboundedReceiver<()>) {
        let (sender, receiver) = unbounded_channel();
        let tell = move || {
            let _ = sender.send(());
        };
        (Arc::new(tell), receiver)
    }

    async fn waiting(answered: Receiver<Next>) -> Next {
        answered.await.unwrap_or(NOW)
    }

    /// A reconcile that finds this at once.
    async fn look(overtime: &Arc<Overtime>, urgent: bool, found: Next) -> Next {
        overtime.run("a", urgent, wake().0, || async move { found }).await
    }

    #[tokio::test]
    async fn a_reconcile_that_ends_soon_is_not_late() {
        let overtime = overtime(Duration::from_secs(60));
        assert_eq!(look(&overtime, false, NOW).await, NOW);
        assert!(overtime.lock().is_empty());
    }

    #[tokio::test]
    async fn one_that_waits_lets_go_of_its_worker_and_is_followed_when_it_asked_for_it() {
        let overtime = overtime(Duration::ZERO);
        let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
        assert_eq!(overtime.run("a", false, wake, || waiting(answered)).await, Next::Change);
        let began = std::time::Instant::now();
        answer.send(Next::After(Duration::from_millis(7))).unwrap();
        woken.recv().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(7));
        assert!(overtime.lock().is_empty());
    }

    #[tokio::test]
    async fn an_event_after_the_end_is_answered_by_a_new_look() {
        let overtime = overtime(Duration::ZERO);
        let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
        overtime.run("a", false, wake, || waiting(answered)).await;
        answer.send(Next::After(Duration::from_secs(120))).unwrap();
        while !matches!(overtime.lock().get("a"), Some(Entry::Waiting(_))) {
            tokio::task::yield_now().await;
        }
        let new = Next::After(Duration::from_secs(3));
        assert_eq!(look(&overtime, false, new).await, new);
        // What the earlier one asked for is forgotten.
        assert!(overtime.lock().is_empty());
        assert!(woken.try_recv().is_err());
    }

    #[tokio::test]
    async fn an_event_meanwhile_leads_to_another_look_afterwards_and_not_at_the_same_time() {
        let overtime = overtime(Duration::ZERO);
        let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
        overtime.run("a", false, wake, || waiting(answered)).await;
        assert_eq!(look(&overtime, false, NOW).await, Next::Change);
        answer.send(Next::Change).unwrap();
        woken.recv().await.unwrap();
        assert_eq!(look(&overtime, false, NOW).await, NOW);
    }

    #[tokio::test]
    async fn an_urgent_one_cancels_what_is_running_but_not_itself() {
        let overtime = overtime(Duration::ZERO);
        let ((_answer, answered), (first, mut woken)) = (oneshot::channel(), wake());
        overtime.run("a", false, first, || waiting(answered)).await;
        look(&overtime, true, NOW).await;
        woken.recv().await.unwrap();
        let ((answer, answered), (second, mut woken)) = (oneshot::channel(), wake());
        overtime.run("a", true, second, || waiting(answered)).await;
        look(&overtime, true, NOW).await;
        answer.send(Next::Change).unwrap();
        woken.recv().await.unwrap();
        assert_eq!(look(&overtime, true, NOW).await, NOW);
    }

    #[tokio::test]
    async fn one_that_panics_or_is_stopped_does_not_run_for_ever() {
        let overtime = overtime(Duration::ZERO);
        let ((answer, answered), (first, mut woken)) = (oneshot::channel::<Next>(), wake());
        let panics = || async {
            let _ = answered.await;
            panic!("this is what the test is about");
        };
        overtime.run("a", false, first, panics).await;
        drop(answer);
        woken.recv().await.unwrap();
        assert!(overtime.lock().is_empty());

        let ((_answer, answered), (second, mut woken)) = (oneshot::channel(), wake());
        overtime.run("a", false, second, || waiting(answered)).await;
        overtime.stop.cancel();
        woken.recv().await.unwrap();
        assert!(overtime.lock().is_empty());
    }

    #[tokio::test]
    async fn where_too_many_are_late_they_keep_their_workers() {
        let overtime = Arc::new(Overtime {
            places: Arc::new(Semaphore::new(1)),
            soon: Duration::ZERO,
            ..Overtime::new(CancellationToken::new())
        });
        let (first, answered) = oneshot::channel::<Next>();
        overtime.run("a", false, wake().0, || waiting(answered)).await;
        let (second, answered) = oneshot::channel();
        let running = tokio::spawn({
            let overtime = overtime.clone();
            async move { overtime.run("b", false, wake().0, || waiting(answered)).await }
        });
        let own = Next::After(Duration::from_secs(9));
        second.send(own).unwrap();
        assert_eq!(running.await.unwrap(), own);
        drop(first);
    }
}
