//! The processor time that the calls of one plugin may take together.

use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use wasser_share::{Allowance, Others};

/// What a call takes beyond this is slow. Those of the built-in plugins take less than a
/// millisecond, those of an interpreter some more.
const QUICK: Duration = Duration::from_millis(20);

/// The share of one plugin, and its calls that wait for it.
#[derive(Debug)]
pub struct Processor {
    all: Allowance,
    slow: Allowance,
    /// Those that have to wait begin one after another: together, they would use the share of many.
    one: Semaphore,
    others: Others,
}

impl Processor {
    /// Slow calls give way to these.
    pub fn new(others: &Others) -> Self {
        Self {
            all: Allowance::many(),
            slow: Allowance::slow(),
            one: Semaphore::new(1),
            others: others.clone(),
        }
    }

    /// Waits until a call may begin, and keeps others that have to wait from beginning until the
    /// permit is dropped.
    pub async fn begin(&self) -> Option<SemaphorePermit<'_>> {
        if self.pause().is_zero() {
            return None;
        }
        let permit = self.one.acquire().await.ok();
        loop {
            let pause = self.pause();
            if pause.is_zero() {
                return permit;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.others.rest(), if self.others.are_at_work() => {}
            }
        }
    }

    /// Counts what a call has taken.
    pub fn add(&self, spent: Duration) {
        let now = Instant::now();
        self.all.add(now, spent);
        self.slow.add(now, spent.saturating_sub(QUICK));
    }

    /// Whether calls have been slow lately, so that those of others come first.
    pub fn is_strained(&self) -> bool {
        !self.slow.pause(Instant::now()).is_zero()
    }

    fn pause(&self) -> Duration {
        let now = Instant::now();
        let all = self.all.pause(now);
        if self.others.are_at_work() {
            all.max(self.slow.pause(now))
        } else {
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn only_slow_calls_put_a_plugin_behind_others() {
        let others = Others::default();
        let quick = Processor::new(&others);
        for _ in 0..1000 {
            quick.add(QUICK);
        }
        assert!(!quick.is_strained() && quick.pause().is_zero());
        let slow = Processor::new(&others);
        for _ in 0..4 {
            slow.add(Duration::from_millis(500));
        }
        assert!(slow.is_strained() && slow.pause().is_zero());
        let _at_work = others.begin();
        assert!(!slow.pause().is_zero() && quick.pause().is_zero());
    }

    #[tokio::test]
    async fn calls_that_have_to_wait_begin_one_after_another() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let _at_work = others.begin();
        assert!(processor.begin().await.is_none());
        processor.slow.add(Instant::now(), Duration::from_millis(1_005));
        let first = processor.begin().await;
        assert!(first.is_some());
        processor.slow.add(Instant::now(), Duration::from_millis(5));
        let mut second = processor.begin().boxed();
        assert!((&mut second).now_or_never().is_none());
        tokio::time::sleep(processor.pause() * 2).await;
        assert!((&mut second).now_or_never().is_none(), "the first one is still there");
        drop(first);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn slow_calls_go_on_when_nobody_else_is_at_work() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let at_work = others.begin();
        processor.add(Duration::from_secs(10));
        let mut call = processor.begin().boxed();
        assert!((&mut call).now_or_never().is_none());
        drop(at_work);
        assert!(call.await.is_some());
    }
}
