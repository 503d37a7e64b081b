//! Who is at work.

use tokio::sync::watch;

/// Counts the pieces of work that go on and are not slow. What is slow gives way to them.
#[derive(Debug, Clone, Default)]
pub struct Others(watch::Sender<usize>);

/// One that goes on until this is dropped.
#[derive(Debug)]
pub struct AtWork(watch::Sender<usize>);

impl Others {
    /// Counts one more, until what is returned is dropped.
    pub fn begin(&self) -> AtWork {
        self.0.send_modify(|count| *count += 1);
        AtWork(self.0.clone())
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

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

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
}
