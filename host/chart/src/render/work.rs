//! What the engine has done so far, and how long it took: figures for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The kinds of work of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Starting an instance.
    Start,
    /// Reading a chart into an instance.
    Load,
    /// Rendering a chart that the instance has read.
    Render,
    /// Collecting the garbage of earlier renders.
    Collect,
}

impl Work {
    /// All kinds of work.
    pub const ALL: [Self; 4] = [Self::Start, Self::Load, Self::Render, Self::Collect];

    /// Returns the name of the work in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::Render => "render",
            Self::Collect => "collect",
        }
    }
}

/// How often work was done, and how long all of it took.
#[derive(Debug, Default)]
struct Count {
    times: AtomicU64,
    nanoseconds: AtomicU64,
}

/// The counts of all kinds of work of all instances.
#[derive(Debug, Default)]
pub struct Counts([Count; Work::ALL.len()]);

impl Counts {
    /// Counts work that began then, and ends now.
    pub fn add(&self, work: Work, began: Instant) {
        if let Some(count) = self.0.get(work as usize) {
            let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            count.times.fetch_add(1, Ordering::Relaxed);
            count.nanoseconds.fetch_add(took, Ordering::Relaxed);
        }
    }

    /// Returns how often this work was done, and how long all of it took.
    pub fn of(&self, work: Work) -> (u64, Duration) {
        let read = |count: &Count| {
            let took = Duration::from_nanos(count.nanoseconds.load(Ordering::Relaxed));
            (count.times.load(Ordering::Relaxed), took)
        };
        self.0.get(work as usize).map(read).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_work_is_counted_by_itself() {
        let counts = Counts::default();
        let began = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        for work in Work::ALL {
            counts.add(work, began);
        }
        counts.add(Work::Render, began);
        for work in Work::ALL {
            let (times, took) = counts.of(work);
            let wanted = if work == Work::Render { 2 } else { 1 };
            assert!(
                times == wanted && took.as_secs() == 2 * wanted,
                "{work:?}: {times}, {took:?}"
            );
        }
    }
}
