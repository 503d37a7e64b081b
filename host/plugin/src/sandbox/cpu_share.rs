//! Processor time of all calls of one plugin together.
//!
//! A call that stays below its limit is not at fault, however many there are. So a plugin that uses
//! more than its share over a minute is not put into quarantine: its next calls wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a plugin may use for as long as it likes, of one processor: half.
const PART: u32 = 2;
/// What it may use at once: that of a minute.
const AT_ONCE: Duration = Duration::from_secs(30);
/// What it can owe. More is forgotten, so that no call waits for longer than twice of it.
const OWED: Duration = Duration::from_secs(10);

/// What the calls of a plugin have used lately.
#[derive(Debug)]
pub struct CpuShare(Mutex<Used>);

#[derive(Debug)]
struct Used {
    time: Duration,
    at: Instant,
}

impl CpuShare {
    /// Of which nothing is used.
    pub fn new() -> Self {
        Self(Mutex::new(Used {
            time: Duration::ZERO,
            at: Instant::now(),
        }))
    }

    /// Returns for how long the next call has to wait.
    pub fn pause(&self, now: Instant) -> Duration {
        self.after(now, Duration::ZERO).saturating_sub(AT_ONCE) * PART
    }

    /// Counts what a call has used.
    pub fn add(&self, now: Instant, spent: Duration) {
        self.after(now, spent);
    }

    fn after(&self, now: Instant, spent: Duration) -> Duration {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = now.saturating_duration_since(used.at) / PART;
        used.time = (used.time.saturating_sub(earned) + spent).min(AT_ONCE + OWED);
        used.at = used.at.max(now);
        used.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_once_the_share_of_a_minute_is_used_and_go_on_at_half_a_processor() {
        let (share, start) = (CpuShare::new(), Instant::now());
        let call = Duration::from_millis(490);
        let mut now = start;
        let mut calls = 0;
        while share.pause(now).is_zero() {
            now += call;
            share.add(now, call);
            calls += 1;
        }
        assert!((110..130).contains(&calls), "{calls}");
        let (mut waited, begun) = (Duration::ZERO, now);
        for _ in 0..100 {
            let pause = share.pause(now);
            waited += pause;
            now += pause + call;
            share.add(now, call);
        }
        assert!(waited > call * 90 && now - begun < call * 210, "{waited:?}");
    }

    #[test]
    fn a_call_does_not_wait_for_what_very_many_others_have_used() {
        let (share, now) = (CpuShare::new(), Instant::now());
        for _ in 0..1000 {
            share.add(now, Duration::from_millis(500));
        }
        assert_eq!(share.pause(now), OWED * PART);
        assert_eq!(share.pause(now + OWED * PART), Duration::ZERO);
    }
}
