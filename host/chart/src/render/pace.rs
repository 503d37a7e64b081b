//! How fast a call of the engine goes on: a slow one gives way to others.

use std::time::Duration;

use wasser_share::{Others, thread};

/// How often the engine's epoch advances while something renders: deadlines are this exact.
pub const TICK: Duration = Duration::from_millis(20);
/// While others are at work, a slow call waits for so many ticks after each that it computes.
const PAUSES: u32 = 9;

/// The pace of a call, on the thread that makes it. All times are those of the thread.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the call has to end.
    deadline: Duration,
    /// From when on it is slow.
    slow_from: Duration,
    is_last: bool,
    others: Others,
}

impl Pace {
    /// Lets a call begin that may take so long, and is slow after some time.
    pub fn begin(deadline: Duration, slow_after: Duration, others: &Others) -> Self {
        let now = thread::time();
        Self {
            deadline: now + deadline,
            slow_from: now + slow_after,
            is_last: false,
            others: others.clone(),
        }
    }

    /// Waits if the call has to give way. Returns whether it has to end. It is asked at each tick.
    pub fn tick(&mut self) -> bool {
        let now = thread::time();
        if now >= self.deadline {
            return true;
        }
        if now >= self.slow_from {
            if !self.is_last {
                self.is_last = true;
                thread::comes_last();
            }
            if self.others.are_at_work() {
                std::thread::sleep(TICK * PAUSES);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_a_slow_call_gives_way_and_only_to_others_that_are_at_work() {
        let pauses = |slow_after: Duration, at_work: bool| {
            let others = Others::default();
            let _at_work = at_work.then(|| others.begin());
            let call = move || {
                let mut pace = Pace::begin(Duration::from_secs(10), slow_after, &others);
                let began = Instant::now();
                (!pace.tick() && began.elapsed() >= TICK * PAUSES, pace.is_last)
            };
            std::thread::spawn(call).join().unwrap()
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(pauses(hour, true), (false, false));
        assert_eq!(pauses(Duration::ZERO, true), (true, true));
        assert!(pauses(Duration::ZERO, false).1);
    }

    #[test]
    fn a_call_ends_at_its_deadline() {
        let hour = Duration::from_secs(3600);
        assert!(Pace::begin(Duration::ZERO, hour, &Others::default()).tick());
        assert!(!Pace::begin(hour, hour, &Others::default()).tick());
    }
}
