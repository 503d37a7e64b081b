//! Memory of all instances together, and of those of one plugin.
//!
//! The limit of a registration is that of one instance. So that many of them do not fill the
//! process, what they have is counted in sum, and no plugin can have more than its share of that.
//! What pods answer counts from its first byte on, since a pod may never come to an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::backend::Room;

/// Bytes that all instances may have together: with the rest of the operator, less than its
/// container may have. A test of the operator adds them up.
pub const TOTAL: u64 = 640 << 20;
/// Of these, bytes that the instances of one plugin may have. Two that take all of it leave room
/// for others; and it is enough for some two hundred instances that wait for pods that hang.
const OF_ONE: u64 = 288 << 20;

/// The bytes that all instances have.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    limit: u64,
    of_one: u64,
}

/// The bytes that the instances of one plugin have.
#[derive(Debug)]
pub struct Share {
    used: AtomicU64,
    budget: Arc<Budget>,
}

/// Why there is no more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// The plugin has its share.
    #[error("its instances have {0} MiB of memory together, which is all that one plugin may have")]
    Share(u64),
    /// All plugins have the rest.
    #[error("the instances of all plugins have {0} MiB of memory together, which is all that they may have")]
    Total(u64),
}

impl Budget {
    /// The limits of this process.
    pub fn new() -> Arc<Self> {
        Self::of(TOTAL, OF_ONE)
    }

    /// The same with other limits.
    pub fn of(limit: u64, of_one: u64) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            limit,
            of_one,
        })
    }

    /// The share of another plugin.
    pub fn share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share {
            used: AtomicU64::new(0),
            budget: self.clone(),
        })
    }
}

impl Share {
    /// Takes more memory for an instance.
    pub fn take(&self, bytes: u64) -> Result<(), Exhausted> {
        let budget = &self.budget;
        if !add(&self.used, bytes, budget.of_one) {
            return Err(Exhausted::Share(budget.of_one >> 20));
        }
        if !add(&budget.used, bytes, budget.limit) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Exhausted::Total(budget.limit >> 20));
        }
        Ok(())
    }

    /// Gives back what an instance had.
    pub fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What the answer of one pod takes of a share. It is given back when this is dropped.
#[derive(Debug)]
pub struct Answering {
    share: Arc<Share>,
    taken: AtomicU64,
    was_refused: AtomicBool,
}

impl Answering {
    /// Nothing yet.
    pub fn of(share: Arc<Share>) -> Self {
        Self {
            share,
            taken: AtomicU64::new(0),
            was_refused: AtomicBool::new(false),
        }
    }

    /// Returns whether all of an answer had room, which has this many bytes. A backend need not have
    /// asked for every one.
    pub fn holds(&self, bytes: u64) -> bool {
        let missing = bytes.saturating_sub(self.taken.load(Ordering::Relaxed));
        !self.was_refused.load(Ordering::Relaxed) && self.take_more(missing)
    }

    /// Leaves this many bytes to whoever keeps the answer, and gives back the rest.
    pub fn leave(self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn take_more(&self, bytes: u64) -> bool {
        let fits = self.share.take(bytes).is_ok();
        if fits {
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        } else {
            self.was_refused.store(true, Ordering::Relaxed);
        }
        fits
    }
}

impl Room for Answering {
    fn take(&self, bytes: usize) -> bool {
        self.take_more(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.share.give_back(self.taken.load(Ordering::Relaxed));
    }
}

fn add(counter: &AtomicU64, bytes: u64, limit: u64) -> bool {
    let sum = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_plugin_takes_the_memory_of_the_others() {
        let budget = Budget::of(100 << 20, 40 << 20);
        let [one, two, three] = [(); 3].map(|()| budget.share());
        one.take(40 << 20).unwrap();
        assert_eq!(one.take(1), Err(Exhausted::Share(40)));
        two.take(40 << 20).unwrap();
        three.take(20 << 20).unwrap();
        assert_eq!(three.take(1), Err(Exhausted::Total(100)));
        one.give_back(40 << 20);
        three.take(1).unwrap();
        one.take(39 << 20).unwrap();
    }

    #[test]
    fn an_answer_has_what_it_took_until_it_is_gone_or_somebody_keeps_it() {
        let share = Budget::of(100, 100).share();
        let answer = Answering::of(share.clone());
        assert!(answer.take(60) && !answer.take(41) && answer.take(40));
        assert!(!answer.holds(100), "some of it was dropped");
        assert_eq!(share.take(1), Err(Exhausted::Share(0)));
        drop(answer);
        let answer = Answering::of(share.clone());
        assert!(answer.take(30) && answer.holds(50));
        answer.leave(20);
        share.take(80).unwrap();
        share.give_back(100);
        share.take(100).unwrap();
    }
}
