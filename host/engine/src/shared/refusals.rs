//! Chart values that the API server has refused, so that it is not asked again and again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// When the same values are tried again: a policy of the cluster may have changed.
const AGAIN: Duration = Duration::from_secs(300);

/// How many are kept of a runtime: of what is asked for, and of what it would go back to.
const KEPT: usize = 2;

/// The last refusals of each runtime, by its UID, the newest last.
#[derive(Debug, Default)]
pub struct Refusals {
    last: Mutex<HashMap<String, Vec<Refusal>>>,
}

#[derive(Debug)]
struct Refusal {
    values: u64,
    message: String,
    at: Instant,
}

impl Refusals {
    /// The message if these values were refused a short while ago. `chart` is the digest of what
    /// they are for.
    pub fn of(&self, uid: &str, chart: &str, values: &str, now: Instant) -> Option<String> {
        let (last, values) = (self.lock(), hash(chart, values));
        let refusal = last.get(uid)?.iter().find(|refusal| refusal.values == values)?;
        (now.duration_since(refusal.at) < AGAIN).then(|| refusal.message.clone())
    }

    /// Notes that values were refused.
    pub fn note(&self, uid: &str, chart: &str, values: &str, message: String, now: Instant) {
        let refusal = Refusal {
            values: hash(chart, values),
            message,
            at: now,
        };
        let mut last = self.lock();
        let all = last.entry(uid.to_owned()).or_default();
        all.retain(|known| known.values != refusal.values);
        all.push(refusal);
        let old = all.len().saturating_sub(KEPT);
        all.drain(..old);
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Refusal>>> {
        self.last.lock()
    }
}

fn hash(chart: &str, values: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (chart, values).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_are_refused_for_a_while_and_others_are_not() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        refusals.note("a", "chart", "values", "no".to_owned(), now);
        assert_eq!(refusals.of("a", "chart", "values", now).as_deref(), Some("no"));
        assert_eq!(refusals.of("a", "chart", "other", now), None);
        assert_eq!(refusals.of("a", "newer", "values", now), None);
        assert_eq!(refusals.of("b", "chart", "values", now), None);
        assert_eq!(refusals.of("a", "chart", "values", now + AGAIN), None);
        refusals.note("a", "chart", "before", "neither".to_owned(), now);
        assert_eq!(refusals.of("a", "chart", "before", now).as_deref(), Some("neither"));
        assert_eq!(refusals.of("a", "chart", "values", now).as_deref(), Some("no"));
        refusals.note("a", "chart", "third", "no".to_owned(), now);
        assert_eq!(refusals.of("a", "chart", "values", now), None, "the oldest goes");
        refusals.forget("a");
        assert_eq!(refusals.of("a", "chart", "values", now), None);
    }
}
