//! Work that is due for all runtimes at once, such as what a process does first, is spread over
//! some time: whatever comes meanwhile would have to wait behind all of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The time for one runtime, for work that begins with the process.
const EACH: Duration = Duration::from_millis(25);
/// The longest time for all.
const LONGEST: Duration = Duration::from_secs(120);

/// A number from 0 to 1, for each UID another one.
pub fn share(uid: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    f64::from(hasher.finish() as u32) / f64::from(u32::MAX)
}

/// How long a runtime, one of so many, still waits at `now` with work that all have to do since
/// `began`. None if it need not.
pub fn rest(uid: &str, of: usize, began: Instant, now: Instant) -> Option<Duration> {
    let all = EACH.saturating_mul(u32::try_from(of).unwrap_or(u32::MAX)).min(LONGEST);
    let due = all.mul_f64(share(uid));
    let rest = due.saturating_sub(now.saturating_duration_since(began));
    (!rest.is_zero()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_different_shares() {
        let shares: Vec<f64> = (0..100).map(|number| share(&format!("uid-{number}"))).collect();
        let early = shares.iter().filter(|share| **share < 0.5).count();
        assert!((30..70).contains(&early), "{shares:?}");
    }

    #[test]
    fn few_wait_for_a_moment_and_many_for_two_minutes() {
        let began = Instant::now();
        let longest = |of: usize| {
            let rests = (0..of).filter_map(|number| rest(&format!("uid-{number}"), of, began, began));
            rests.max().unwrap()
        };
        assert!(longest(10) <= EACH * 10);
        assert!((LONGEST / 2..=LONGEST).contains(&longest(20_000)));
        let late = began + LONGEST;
        assert!((0..1000).all(|number| rest(&format!("uid-{number}"), 1000, began, late).is_none()));
    }
}
