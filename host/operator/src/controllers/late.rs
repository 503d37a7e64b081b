//! Reconciles that take long go on outside of their kind's workers: one that waits for something that never answers delays no other.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::controller::Action;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long a reconcile may hold a worker. It takes milliseconds; one that takes this long waits for somebody.
const SOON: Duration = Duration::from_secs(1);
/// How many of a kind go on outside of the workers at a time: each holds an instance of the plugin. Further ones stay with their workers.
const OUTSIDE: usize = 64;
/// An outcome that nobody has fetched for so long is that of an object which is gone.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A reconcile outside of the workers.
enum Entry<E> {
    /// It goes on. `again`: something has happened since, so that it is not the last. `stop` ends it.
    Running { again: bool, stop: CancellationToken },
    /// It has ended; the next reconcile of the object fetches what is to follow.
    Ended(Instant, Result<Action, E>),
}

/// The reconciles of one kind that are outside of its workers, by the UID of the object.
pub struct Late<E> {
    soon: Duration,
    places: Arc<Semaphore>,
    entries: Mutex<HashMap<String, Entry<E>>>,
    stop: CancellationToken,
}

impl<E: Send + 'static> Late<E> {
    /// None so far. They end when `stop` does: they go on after the next start.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            soon: SOON,
            places: Arc::new(Semaphore::new(OUTSIDE)),
            entries: Mutex::default(),
            stop,
        }
    }

    /// Runs a reconcile, for as long as a worker may be held; then it goes on by itself, and `wake` asks for another look when it has ended.
    /// There is never more than one of an object. `urgent`: what goes on is of no use any more and makes room, as where the object is deleted.
    pub async fn run<F>(
        self: &Arc<Self>,
        uid: &str,
        urgent: bool,
        wake: impl FnOnce() + Send + 'static,
        work: impl FnOnce() -> F,
    ) -> Result<Action, E>
    where
        F: Future<Output = Result<Action, E>> + Send + 'static,
    {
        if let Some(outcome) = self.known(uid, urgent) {
            return outcome;
        }
        let mut work = Box::pin(work());
        let outside = async {
            tokio::time::sleep(self.soon).await;
            self.places.clone().acquire_owned().await
        };
        let place = tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            place = outside => place,
        };
        let going = Going {
            late: self.clone(),
            uid: uid.to_owned(),
            outcome: None,
            wake: Some(wake),
            _place: place.ok(),
        };
        let stop = self.stop.child_token();
        // One that is urgent itself makes no room.
        let by_others = if urgent { CancellationToken::new() } else { stop.clone() };
        self.lock().insert(
            uid.to_owned(),
            Entry::Running {
                again: false,
                stop: by_others,
            },
        );
        tokio::spawn(async move {
            let mut going = going;
            going.outcome = stop.run_until_cancelled(work).await;
        });
        Ok(Action::await_change())
    }

    /// What is to follow from a reconcile outside of the workers; none if there is none, or if it has ended and something happened since.
    fn known(&self, uid: &str, urgent: bool) -> Option<Result<Action, E>> {
        let mut entries = self.lock();
        if let Some(Entry::Running { again, stop }) = entries.get_mut(uid) {
            *again = true;
            if urgent {
                stop.cancel();
            }
            return Some(Ok(Action::await_change()));
        }
        match entries.remove(uid) {
            Some(Entry::Ended(_, outcome)) => Some(outcome),
            _ => None,
        }
    }

    fn ended(&self, uid: &str, outcome: Option<Result<Action, E>>) {
        let mut entries = self.lock();
        entries.retain(|_, entry| !matches!(entry, Entry::Ended(at, _) if at.elapsed() > FORGOTTEN));
        let running = entries.remove(uid);
        if let (Some(Entry::Running { again: false, .. }), Some(outcome)) = (running, outcome) {
            entries.insert(uid.to_owned(), Entry::Ended(Instant::now(), outcome));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry<E>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that goes on. However it ends, by a panic too, the object is looked at again.
struct Going<E: Send + 'static, W: FnOnce()> {
    late: Arc<Late<E>>,
    uid: String,
    outcome: Option<Result<Action, E>>,
    wake: Option<W>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<E: Send + 'static, W: FnOnce()> Drop for Going<E, W> {
    fn drop(&mut self) {
        self.late.ended(&self.uid, self.outcome.take());
        if let Some(wake) = self.wake.take() {
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{self, Receiver, Sender};

    use super::*;

    type Outcome = Result<Action, &'static str>;

    fn late(soon: Duration) -> Arc<Late<&'static str>> {
        Arc::new(Late {
            soon,
            ..Late::new(CancellationToken::new())
        })
    }

    /// Something to wait for, and what the wake tells.
    fn parts() -> (Sender<Outcome>, Receiver<Outcome>, impl FnOnce() + Send + 'static, Receiver<()>) {
        let ((answer, answered), (wake, woken)) = (oneshot::channel(), oneshot::channel());
        let tell = move || {
            let _ = wake.send(());
        };
        (answer, answered, tell, woken)
    }

    async fn waiting(answered: Receiver<Outcome>) -> Outcome {
        answered.await.unwrap_or(Err("nobody answered"))
    }

    fn never() {}

    #[tokio::test]
    async fn what_ends_soon_is_not_late() {
        let late = late(Duration::from_secs(60));
        let outcome = late.run("a", false, never, || async { Err("no") }).await;
        assert_eq!(outcome, Err("no"));
        assert!(late.lock().is_empty());
    }

    #[tokio::test]
    async fn one_that_waits_lets_go_of_its_worker_and_its_outcome_is_fetched() {
        let late = late(Duration::ZERO);
        let (answer, answered, wake, woken) = parts();
        assert_eq!(late.run("a", false, wake, || waiting(answered)).await, Ok(Action::await_change()));
        let pause = Action::requeue(Duration::from_secs(7));
        answer.send(Ok(pause.clone())).unwrap();
        woken.await.unwrap();
        assert_eq!(late.run("a", false, never, || async { Err("asked again") }).await, Ok(pause));
        assert!(late.lock().is_empty());
    }

    #[tokio::test]
    async fn what_happens_meanwhile_is_looked_at_afterwards_and_not_at_the_same_time() {
        let late = late(Duration::ZERO);
        let (answer, answered, wake, woken) = parts();
        late.run("a", false, wake, || waiting(answered)).await.unwrap();
        assert_eq!(
            late.run("a", false, never, || async { Err("two at once") }).await,
            Ok(Action::await_change())
        );
        answer.send(Err("old")).unwrap();
        woken.await.unwrap();
        assert_eq!(late.run("a", false, never, || async { Err("a new look") }).await, Err("a new look"));
    }

    #[tokio::test]
    async fn what_is_urgent_ends_what_goes_on_but_not_itself() {
        let late = late(Duration::ZERO);
        let (_answer, answered, wake, woken) = parts();
        late.run("a", false, wake, || waiting(answered)).await.unwrap();
        late.run("a", true, never, || async { Err("two at once") }).await.unwrap();
        woken.await.unwrap();
        let (answer, answered, wake, woken) = parts();
        late.run("a", true, wake, || waiting(answered)).await.unwrap();
        late.run("a", true, never, || async { Err("two at once") }).await.unwrap();
        answer.send(Err("to its end")).unwrap();
        woken.await.unwrap();
        assert_eq!(late.run("a", true, never, || async { Err("a new look") }).await, Err("a new look"));
    }

    #[tokio::test]
    async fn one_that_panics_or_is_stopped_is_not_under_way_for_ever() {
        let late = late(Duration::ZERO);
        let (answer, answered, wake, woken) = parts();
        let panics = || async {
            let _ = answered.await;
            panic!("this is what the test is about");
        };
        late.run("a", false, wake, panics).await.unwrap();
        drop(answer);
        woken.await.unwrap();
        assert!(late.lock().is_empty());

        let (_answer, answered, wake, woken) = parts();
        late.run("a", false, wake, || waiting(answered)).await.unwrap();
        late.stop.cancel();
        woken.await.unwrap();
        assert!(late.lock().is_empty());
    }

    #[tokio::test]
    async fn where_too_many_are_late_they_keep_their_workers() {
        let late = Arc::new(Late {
            places: Arc::new(Semaphore::new(1)),
            soon: Duration::ZERO,
            ..Late::new(CancellationToken::new())
        });
        let (first, answered, wake, _) = parts();
        late.run("a", false, wake, || waiting(answered)).await.unwrap();
        let (second, answered, wake, _) = parts();
        let running = tokio::spawn({
            let late = late.clone();
            async move { late.run("b", false, wake, || waiting(answered)).await }
        });
        second.send(Err("b itself")).unwrap();
        assert_eq!(running.await.unwrap(), Err("b itself"));
        drop(first);
    }
}
