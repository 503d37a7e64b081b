//! What all pieces of work of one tenant use together, such as the calls of a plugin.
//!
//! A call that stays below its limit is not at fault, however many there are. So nobody is punished
//! who uses more than a share over a time: what comes next waits.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a request to the API server uses of [`Allowance::requests`]: a hundred in a second.
const REQUEST: Duration = Duration::from_millis(10);

/// Something that is earned with time, and used.
#[derive(Debug)]
pub struct Allowance {
    /// It takes so many times as long to earn it as to use it.
    part: u32,
    /// What may be used at once.
    at_once: Duration,
    /// What can be owed. More is forgotten, so that no work waits for longer than `part` times this.
    owed: Duration,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    time: Duration,
    at: Instant,
}

impl Allowance {
    /// Processor time of what is quick, each for itself: half a processor for as long as the tenant
    /// likes, and that of a minute at once.
    pub fn many() -> Self {
        Self::of(2, Duration::from_secs(30), Duration::from_secs(10))
    }

    /// Processor time of what is slow, while others are at work: a tenth of a processor, and a
    /// quarter of a second at once.
    pub fn slow() -> Self {
        Self::of(10, Duration::from_millis(250), Duration::from_secs(10))
    }

    /// Requests to the API server, which serves the lease and all other plugins under the same
    /// name: a hundred in a second, and a thousand at once.
    pub fn requests() -> Self {
        Self::of(1, REQUEST * 1000, Duration::from_secs(5))
    }

    fn of(part: u32, at_once: Duration, owed: Duration) -> Self {
        Self {
            part,
            at_once,
            owed,
            used: Mutex::new(Used {
                time: Duration::ZERO,
                at: Instant::now(),
            }),
        }
    }

    /// Returns for how long the next piece of work has to wait.
    pub fn pause(&self, now: Instant) -> Duration {
        self.after(now, Duration::ZERO).saturating_sub(self.at_once) * self.part
    }

    /// Counts what a piece of work has used.
    pub fn add(&self, now: Instant, spent: Duration) {
        self.after(now, spent);
    }

    /// Takes back what was counted for a piece of work that has used less.
    pub fn give_back(&self, time: Duration) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.time = used.time.saturating_sub(time);
    }

    /// Counts a request, and returns for how long it has to wait.
    pub fn request(&self, now: Instant) -> Duration {
        self.after(now, REQUEST).saturating_sub(self.at_once) * self.part
    }

    fn after(&self, now: Instant, spent: Duration) -> Duration {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = now.saturating_duration_since(used.at) / self.part;
        used.time = (used.time.saturating_sub(earned) + spent).min(self.at_once + self.owed);
        used.at = used.at.max(now);
        used.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_once_the_share_of_a_minute_is_used_and_go_on_at_half_a_processor() {
        let (share, start) = (Allowance::many(), Instant::now());
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
        let (share, now) = (Allowance::many(), Instant::now());
        for _ in 0..1000 {
            share.add(now, Duration::from_millis(500));
        }
        assert_eq!(share.pause(now), Duration::from_secs(20));
        assert_eq!(share.pause(now + Duration::from_secs(20)), Duration::ZERO);
    }

    #[test]
    fn what_is_slow_goes_on_at_a_tenth_of_a_processor() {
        let (share, mut now) = (Allowance::slow(), Instant::now());
        share.add(now, Duration::from_millis(250));
        assert!(share.pause(now).is_zero());
        let (began, work) = (now, Duration::from_millis(500));
        for _ in 0..20 {
            now += work;
            share.add(now, work);
            now += share.pause(now);
        }
        let took = now - began;
        assert!((95..105).contains(&took.as_secs()), "{took:?}");
    }

    #[test]
    fn requests_wait_once_a_thousand_were_made_and_go_on_at_a_hundred_in_a_second() {
        let (share, now) = (Allowance::requests(), Instant::now());
        let waits: Vec<Duration> = (0..1200).map(|_| share.request(now)).collect();
        assert!(waits[..1000].iter().all(Duration::is_zero));
        assert_eq!(waits[1099], Duration::from_secs(1));
        let later = now + Duration::from_secs(12);
        assert_eq!(share.request(later), Duration::ZERO);
    }
}
