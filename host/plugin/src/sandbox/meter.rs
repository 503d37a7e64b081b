//! Measures the time for which a guest's own code has run in a call, without its waiting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use wasser_share::thread;

/// A stopwatch that runs while the guest's call is being polled and has a processor.
#[derive(Debug)]
pub struct Meter {
    /// Nanoseconds of completed polls.
    spent: AtomicU64,
    /// When the current poll began, in nanoseconds of its thread.
    polled_at: AtomicU64,
}

impl Meter {
    /// Returns a stopwatch at zero.
    pub fn new() -> Self {
        Self {
            spent: AtomicU64::new(0),
            polled_at: AtomicU64::new(0),
        }
    }

    /// Resets the stopwatch for the next call.
    pub fn reset(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }

    /// Returns the time that the call has spent so far. The result is only correct on the thread that
    /// polls the call, where the epoch callback asks.
    pub fn spent(&self) -> Duration {
        let running = now().saturating_sub(self.polled_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(running))
    }

    /// Returns the time of completed polls.
    pub fn spent_in_polls(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }
}

fn now() -> u64 {
    u64::try_from(thread::time().as_nanos()).unwrap_or(u64::MAX)
}

/// A future whose polls are measured.
pub struct Metered<F> {
    meter: Arc<Meter>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    /// Measures this future.
    pub fn new(meter: Arc<Meter>, inner: F) -> Self {
        Self {
            meter,
            inner: Box::pin(inner),
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let start = now();
        self.meter.polled_at.store(start, Ordering::Relaxed);
        let polled = self.inner.as_mut().poll(context);
        let end = now();
        self.meter.spent.fetch_add(end.saturating_sub(start), Ordering::Relaxed);
        self.meter.polled_at.store(end, Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_running_does() {
        let meter = Arc::new(Meter::new());
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let call = tokio::spawn(Metered::new(meter.clone(), answered));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(30) {
            tokio::task::yield_now().await;
        }
        answer.send(()).unwrap();
        call.await.unwrap().unwrap();
        assert!(meter.spent.load(Ordering::Relaxed) < 15_000_000);

        let busy = async {
            let begun = thread::time();
            while thread::time() - begun < Duration::from_millis(5) {}
        };
        Metered::new(meter.clone(), busy).await;
        assert!(meter.spent.load(Ordering::Relaxed) >= 5_000_000);
    }
}
