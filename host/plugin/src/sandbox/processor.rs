//! The processor time that the calls of one plugin may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use wasser_share::{Allowance, FairPlaces, Others, idle};

use super::meter::Meter;

/// What a call takes beyond this is slow. Those of the built-in plugins take less than a
/// millisecond, those of an interpreter some more.
const QUICK: Duration = Duration::from_millis(20);

/// How slow the first calls of a plugin are expected to be, of which nothing is known: so the second
/// begins when the first has ended. Each that is quick takes a quarter off.
const UNKNOWN: Duration = Duration::from_millis(500);

/// The share of one plugin, and its calls that wait for it.
#[derive(Debug)]
pub struct Processor {
    all: Allowance,
    slow: Allowance,
    /// Those that wait begin one after another: together, they would use the share of many.
    turns: FairPlaces,
    /// Nanoseconds of slowness that a call is expected to take.
    expected: AtomicU64,
    /// A call that had something charged in advance has ended.
    settled: Notify,
    others: Others,
}

/// A call under way, which is charged when this is dropped: also one that nobody waits for any more.
#[derive(Debug)]
pub struct Charge<'a> {
    processor: &'a Processor,
    /// How long the call has waited until it could begin.
    pub waited: Duration,
    /// What was charged in advance.
    reserved: Duration,
    meter: Option<Arc<Meter>>,
}

/// For how long the next call has to wait.
struct Pauses {
    /// For what all calls have used.
    all: Duration,
    /// For what slow ones have used, while others are at work.
    slow: Duration,
}

impl Pauses {
    fn longest(&self) -> Duration {
        self.all.max(self.slow)
    }
}

impl Processor {
    /// Slow calls give way to these.
    pub fn new(others: &Others) -> Self {
        Self {
            all: Allowance::many(),
            slow: Allowance::slow(),
            turns: FairPlaces::new(1),
            expected: AtomicU64::new(nanoseconds(UNKNOWN)),
            settled: Notify::new(),
            others: others.clone(),
        }
    }

    /// Waits until a call for a namespace may begin.
    pub async fn begin(&self, namespace: &str) -> Charge<'_> {
        if self.pauses().longest().is_zero() {
            return self.charge(Duration::ZERO);
        }
        let (began, _idle) = (Instant::now(), idle());
        let _turn = self.turns.take(namespace).await;
        loop {
            let pauses = self.pauses();
            if pauses.longest().is_zero() {
                return self.charge(began.elapsed());
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.longest()) => {}
                () = self.settled.notified() => {}
                // Without others, only that of all calls counts.
                () = self.others.rest(), if pauses.slow > pauses.all => {}
            }
        }
    }

    /// Counts what was no call, but took time.
    pub fn add(&self, spent: Duration) {
        let now = Instant::now();
        self.all.add(now, spent);
        self.slow.add(now, spent.saturating_sub(QUICK));
    }

    /// Whether calls have been slow lately, so that those of others come first.
    pub fn is_strained(&self) -> bool {
        !self.slow.pause(Instant::now()).is_zero()
    }

    fn pauses(&self) -> Pauses {
        let now = Instant::now();
        let slow = if self.others.are_at_work() {
            self.slow.pause(now)
        } else {
            Duration::ZERO
        };
        Pauses {
            all: self.all.pause(now),
            slow,
        }
    }

    /// Charges in advance what a call is expected to take, so that the next one waits for it.
    fn charge(&self, waited: Duration) -> Charge<'_> {
        let reserved = Duration::from_nanos(self.expected.load(Ordering::Relaxed));
        if !reserved.is_zero() {
            self.slow.add(Instant::now(), reserved);
        }
        Charge {
            processor: self,
            waited,
            reserved,
            meter: None,
        }
    }

    fn settle(&self, reserved: Duration, spent: Duration) {
        let (now, slow) = (Instant::now(), spent.saturating_sub(QUICK));
        self.all.add(now, spent);
        if slow > reserved {
            self.slow.add(now, slow - reserved);
        } else if slow < reserved {
            self.slow.give_back(reserved - slow);
        }
        // The mean of the last few. Of two that settle at once, one may not count.
        let expected = self.expected.load(Ordering::Relaxed);
        let slow = nanoseconds(slow);
        if expected > 0 || slow > 0 {
            self.expected.store(expected / 4 * 3 + slow / 4, Ordering::Relaxed);
        }
        if !reserved.is_zero() {
            self.settled.notify_one();
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Charge<'_> {
    /// Says by which stopwatch the call is charged.
    pub fn by(&mut self, meter: &Arc<Meter>) {
        self.meter = Some(meter.clone());
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        let spent = self.meter.as_ref().map(|meter| meter.spent_in_polls());
        self.processor.settle(self.reserved, spent.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const SLOW: Duration = Duration::from_millis(520);

    impl Processor {
        fn call(&self, spent: Duration) {
            self.settle(Duration::ZERO, spent);
        }
    }

    #[test]
    fn only_slow_calls_put_a_plugin_behind_others() {
        let others = Others::default();
        let quick = Processor::new(&others);
        for _ in 0..1000 {
            quick.call(QUICK);
        }
        assert!(!quick.is_strained() && quick.pauses().longest().is_zero());
        let slow = Processor::new(&others);
        for _ in 0..4 {
            slow.call(SLOW);
        }
        assert!(slow.is_strained() && slow.pauses().longest().is_zero());
        let _at_work = others.begin();
        assert!(!slow.pauses().longest().is_zero() && quick.pauses().longest().is_zero());
    }

    #[tokio::test]
    async fn the_next_call_waits_for_what_is_expected_of_the_one_before() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let _at_work = others.begin();
        processor.call(SLOW);
        processor.call(SLOW);
        let first = processor.begin("ns").await;
        assert!(!first.reserved.is_zero());
        // It is under way, and so are those that could begin before the second is used up.
        assert!(processor.begin("ns").now_or_never().is_none());
        drop(first);
        // It took nothing.
        drop(processor.begin("ns").await);
    }

    #[tokio::test]
    async fn of_a_plugin_that_nobody_knows_one_call_begins_and_the_rest_when_it_was_quick() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let _at_work = others.begin();
        let first = processor.begin("ns").now_or_never().unwrap();
        let mut next = processor.begin("ns").boxed();
        assert!((&mut next).now_or_never().is_none());
        drop(first);
        // It does not wait for a time that has to pass.
        assert!((&mut next).now_or_never().is_some());
        for _ in 0..100 {
            drop(processor.begin("ns").await);
        }
        assert_eq!(processor.charge(Duration::ZERO).reserved, Duration::ZERO);
    }

    #[tokio::test]
    async fn a_call_waits_for_one_of_each_other_namespace_and_not_for_all_of_one() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let _at_work = others.begin();
        let first = processor.begin("a").now_or_never().unwrap();
        let mut many: Vec<_> = (0..30).map(|_| processor.begin("a").boxed()).collect();
        assert!(many.iter_mut().all(|call| call.now_or_never().is_none()));
        let mut other = processor.begin("b").boxed();
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        // That one has been next since before the other came.
        drop((&mut many[0]).now_or_never().unwrap());
        assert!(many[1..].iter_mut().all(|call| call.now_or_never().is_none()));
        assert!((&mut other).now_or_never().is_some());
        assert!((&mut many[1]).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_is_charged() {
        let processor = Processor::new(&Others::default());
        let meter = Arc::new(Meter::new());
        let mut charge = processor.begin("ns").await;
        charge.by(&meter);
        let computing = async {
            let began = wasser_share::thread::time();
            tokio::task::yield_now().await;
            while wasser_share::thread::time() - began < QUICK * 2 {}
            std::future::pending::<()>().await;
        };
        let mut call = crate::sandbox::meter::Metered::new(meter, computing).boxed();
        assert!((&mut call).now_or_never().is_none() && (&mut call).now_or_never().is_none());
        drop((call, charge));
        // What was charged in advance was given back but for what it has used.
        assert!(processor.slow.pause(Instant::now() + QUICK).is_zero());
        assert!(processor.expected.load(Ordering::Relaxed) > nanoseconds(UNKNOWN) / 4 * 3);
    }

    #[tokio::test]
    async fn slow_calls_go_on_when_nobody_else_is_at_work() {
        let others = Others::default();
        let processor = Processor::new(&others);
        let at_work = others.begin();
        processor.call(Duration::from_secs(10));
        let mut call = processor.begin("ns").boxed();
        assert!((&mut call).now_or_never().is_none());
        drop(at_work);
        assert!(!call.await.waited.is_zero());
    }

    #[tokio::test]
    async fn a_task_does_not_wait_for_itself() {
        let others = Others::default();
        let processor = Processor::new(&others);
        processor.call(Duration::from_secs(10));
        others.count(async { drop(processor.begin("ns").await) }).await;
    }
}
