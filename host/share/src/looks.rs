//! Looks that several share who ask the same at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, Semaphore};

/// What was seen, by whoever asked before `began`.
#[derive(Debug)]
struct Look<V> {
    began: Instant,
    seen: V,
}

type Shared<V> = Arc<Mutex<Option<Look<V>>>>;

/// Shared looks, by what is asked.
#[derive(Debug)]
pub struct Looks<K, V> {
    known: parking_lot::Mutex<HashMap<K, Shared<V>>>,
    turns: Semaphore,
}

impl<K, V> Default for Looks<K, V> {
    fn default() -> Self {
        Self::at_most(Semaphore::MAX_PERMITS)
    }
}

impl<K, V> Looks<K, V> {
    /// Looks of which so many are taken at a time.
    pub fn at_most(number: usize) -> Self {
        Self {
            known: parking_lot::Mutex::default(),
            turns: Semaphore::new(number),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Looks<K, V> {
    /// Returns the answer to a question as of some time after this was called: that of `look`, or one
    /// that somebody else gets meanwhile, and then `look` is not begun.
    ///
    /// # Errors
    /// Those of `look`.
    pub async fn of<E>(&self, question: &K, look: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let asked = Instant::now();
        let shared = {
            let mut known = self.known.lock();
            // One that nobody asks for any more is dropped with the next question.
            known.retain(|other, look| other == question || Arc::strong_count(look) > 1);
            known.entry(question.clone()).or_default().clone()
        };
        let mut last = shared.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.began >= asked) {
            return Ok(last.seen.clone());
        }
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let began = Instant::now();
        let seen = look.await?;
        *last = Some(Look {
            began,
            seen: seen.clone(),
        });
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn whoever_asks_during_a_look_shares_the_next_one() {
        let (looks, taken) = (Looks::default(), AtomicUsize::new(0));
        let ask = async || {
            let look = async {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(taken.fetch_add(1, Ordering::Relaxed))
            };
            looks.of(&"question", look).await.unwrap()
        };
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        assert_eq!((first, second, third), (0, 1, 1));
        // What was seen before is not what is now.
        assert_eq!(ask().await, 2);
    }

    #[tokio::test]
    async fn a_look_that_fails_is_nobody_elses() {
        let looks = Looks::<_, u8>::at_most(1);
        assert_eq!(looks.of(&1, async { Err("no") }).await, Err("no"));
        assert_eq!(looks.of(&1, async { Ok::<_, &str>(7) }).await, Ok(7));
        assert_eq!(looks.of(&2, async { Ok::<_, &str>(8) }).await, Ok(8));
        assert_eq!(looks.known.lock().len(), 1);
    }
}
