//! Who is at work.

use std::future::Future;

use parking_lot::Mutex;
use tokio::sync::watch;

tokio::task_local! {
    /// The work that the running task is part of.
    static OWN: Own;
}

/// Counts the pieces of work that go on and are not slow. What is slow gives way to them.
#[derive(Debug, Clone, Default)]
pub struct Others(watch::Sender<usize>);

/// One that goes on until this is dropped.
#[derive(Debug)]
pub struct AtWork(watch::Sender<usize>);

struct Own {
    others: Others,
    at_work: Mutex<Option<AtWork>>,
}

/// A wait of the running task, which is at work again when this is dropped.
#[derive(Debug)]
#[must_use = "the task is at work again when this is dropped"]
pub struct Idle {
    was_at_work: bool,
}

impl Others {
    /// Counts one more, until what is returned is dropped.
    pub fn begin(&self) -> AtWork {
        self.0.send_modify(|count| *count += 1);
        AtWork(self.0.clone())
    }

    /// Counts a task, but for the time in which it is [`idle`].
    pub async fn count<F: Future>(&self, task: F) -> F::Output {
        let own = Own {
            others: self.clone(),
            at_work: Mutex::new(Some(self.begin())),
        };
        OWN.scope(own, task).await
    }

    /// Whether there is one.
    pub fn are_at_work(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Waits until there is none.
    pub async fn rest(&self) {
        // It fails only without a sender, and this is one.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Says that the running task waits for something that may take long. It is not at work meanwhile,
/// so that nobody gives way to one who waits for him.
pub fn idle() -> Idle {
    let taken = OWN.try_with(|own| own.at_work.lock().take());
    Idle {
        was_at_work: taken.is_ok_and(|taken| taken.is_some()),
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if self.was_at_work {
            // A task that is dropped while it waits is not at work any more.
            let _ = OWN.try_with(|own| *own.at_work.lock() = Some(own.others.begin()));
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn whoever_waits_for_rest_is_woken_by_the_last_one() {
        let others = Others::default();
        let (one, two) = (others.begin(), others.clone().begin());
        let mut rest = pin!(others.rest());
        let mut context = Context::from_waker(Waker::noop());
        assert!(rest.as_mut().poll(&mut context).is_pending());
        drop(one);
        assert!(others.are_at_work() && rest.as_mut().poll(&mut context).is_pending());
        drop(two);
        assert_eq!(rest.as_mut().poll(&mut context), Poll::Ready(()));
        assert!(!others.are_at_work());
    }

    #[test]
    fn a_task_that_waits_for_long_is_not_at_work() {
        let others = Others::default();
        let mut context = Context::from_waker(Waker::noop());
        let (go, gone) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel::<()>();
        let task = async {
            let waiting = idle();
            gone.await.unwrap();
            drop(waiting);
            ended.await.unwrap();
        };
        let mut task = Box::pin(others.count(task));
        assert!(task.as_mut().poll(&mut context).is_pending());
        assert!(!others.are_at_work());
        go.send(()).unwrap();
        assert!(task.as_mut().poll(&mut context).is_pending());
        assert!(others.are_at_work());
        end.send(()).unwrap();
        assert!(task.as_mut().poll(&mut context).is_ready());
        assert!(!others.are_at_work());

        let never = async {
            let _idle = idle();
            std::future::pending::<()>().await;
        };
        let mut task = Box::pin(others.count(never));
        assert!(task.as_mut().poll(&mut context).is_pending());
        drop(task);
        assert!(!others.are_at_work());
    }
}
