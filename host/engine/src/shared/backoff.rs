//! Pauses that double.

use std::time::Duration;

/// Pauses of which each is twice as long as the one before, up to a limit.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// Returns the pause that follows this many others.
    pub fn after(self, pauses: u32) -> Duration {
        let factor = 2_u32.saturating_pow(pauses);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let backoff = Backoff {
            first: Duration::from_secs(5),
            longest: Duration::from_secs(20),
        };
        let seconds: Vec<u64> = [0, 1, 2, 3, 29, u32::MAX]
            .map(|pauses| backoff.after(pauses).as_secs())
            .to_vec();
        assert_eq!(seconds, [5, 10, 20, 20, 20, 20]);
    }
}
