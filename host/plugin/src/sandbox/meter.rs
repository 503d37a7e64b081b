//! Measures the time for which a guest's own code has run in a call, without its waiting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasser_share::thread;

/// The most that the first poll of a call counts: after a tick of the engine a guest yields.
const FIRST: Duration = Duration::from_millis(10);

/// A stopwatch that runs while the guest's call is being polled and has a processor.
///
/// To ask a thread's clock costs as much as a short call takes. So the first poll of a call, which
/// is the only one of most, goes by the clock on the wall.
#[derive(Debug)]
pub struct Meter {
    epoch: Instant,
    /// Nanoseconds of completed polls.
    spent: AtomicU64,
    /// When the current poll began: in nanoseconds of its thread, or after `epoch` if it is the
    /// first one.
    polled_at: AtomicU64,
    is_first: AtomicBool,
}

impl Meter {
    /// Returns a stopwatch at zero.
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            spent: AtomicU64::new(0),
            polled_at: AtomicU64::new(0),
            is_first: AtomicBool::new(true),
        }
    }

    /// Resets the stopwatch for the next call.
    pub fn reset(&self) {
        self.spent.store(0, Ordering::Relaxed);
        self.is_first.store(true, Ordering::Relaxed);
    }

    /// Returns the time that the call has spent so far. The result is only correct on the thread that
    /// polls the call, where the epoch callback asks.
    pub fn spent(&self) -> Duration {
        self.spent_in_polls().saturating_add(self.running())
    }

    /// Returns the time of completed polls.
    pub fn spent_in_polls(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    fn begin_poll(&self) {
        self.polled_at.store(nanoseconds(self.now()), Ordering::Relaxed);
    }

    fn end_poll(&self) {
        self.spent.fetch_add(nanoseconds(self.running()), Ordering::Relaxed);
        self.is_first.store(false, Ordering::Relaxed);
    }

    fn running(&self) -> Duration {
        let began = Duration::from_nanos(self.polled_at.load(Ordering::Relaxed));
        let running = self.now().saturating_sub(began);
        if self.is_first.load(Ordering::Relaxed) {
            running.min(FIRST)
        } else {
            running
        }
    }

    fn now(&self) -> Duration {
        if self.is_first.load(Ordering::Relaxed) {
            self.epoch.elapsed()
        } else {
            thread::time()
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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
        self.meter.begin_poll();
        let polled = self.inner.as_mut().poll(context);
        self.meter.end_poll();
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the thread busy for some time of a processor.
    fn compute(time: Duration) {
        let begun = thread::time();
        while thread::time() - begun < time {}
    }

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
        assert!(meter.spent_in_polls() < Duration::from_millis(15));

        meter.reset();
        let time = Duration::from_millis(5);
        Metered::new(meter.clone(), async { compute(time) }).await;
        assert!(meter.spent_in_polls() >= time);
    }

    #[tokio::test]
    async fn a_call_is_not_charged_for_what_others_do_on_its_processor() {
        let meter = Arc::new(Meter::new());
        let away = Duration::from_millis(40);
        let call = async {
            for _ in 0..3 {
                std::thread::sleep(away);
                tokio::task::yield_now().await;
            }
            compute(away);
        };
        Metered::new(meter.clone(), call).await;
        let spent = meter.spent_in_polls();
        assert!((away..away * 2).contains(&spent), "{spent:?}");
    }
}
