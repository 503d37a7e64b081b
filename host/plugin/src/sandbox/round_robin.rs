//! Pieces of work that begin one after another, in turns of their namespaces.
//!
//! In the order in which they come, one namespace with many would be in front of all others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who waits for a turn. One has it at a time.
#[derive(Debug, Clone, Default)]
pub struct RoundRobin(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// The namespace that had the last turn.
    last: String,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub struct Turn(RoundRobin);

impl RoundRobin {
    /// Waits for a turn. Those of one namespace come in the order in which they were asked for.
    pub async fn take(&self, namespace: &str) -> Turn {
        let (sender, receiver) = oneshot::channel();
        self.state()
            .waiting
            .entry(namespace.to_owned())
            .or_default()
            .push_back(sender);
        self.hand_out();
        match receiver.await {
            Ok(turn) => turn,
            // A sender is only dropped once its receiver is gone.
            Err(_) => std::future::pending().await,
        }
    }

    fn hand_out(&self) {
        let next = self.state().next();
        if let Some(sender) = next {
            // One who no longer waits ends it by dropping it, and the next one has it.
            let _ = sender.send(Turn(self.clone()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next one who has a turn, if nobody has one.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while !self.is_taken {
            let mut namespaces = self.waiting.keys();
            let later = namespaces.clone().find(|namespace| **namespace > self.last);
            let namespace = later.or_else(|| namespaces.next())?.clone();
            let queue = self.waiting.get_mut(&namespace)?;
            let sender = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&namespace);
            }
            if let Some(sender) = sender.filter(|sender| !sender.is_closed()) {
                self.is_taken = true;
                self.last = namespace;
                return Some(sender);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().is_taken = false;
        self.0.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn namespaces_have_turns_and_those_who_no_longer_wait_are_left_out() {
        let turns = RoundRobin::default();
        let held = turns.take("b").now_or_never().unwrap();
        let wait = |namespace: &'static str| (namespace, turns.take(namespace).boxed());
        let mut waiting: Vec<_> = ["a", "a", "b", "c", "c"].into_iter().map(wait).collect();
        for (_, turn) in &mut waiting {
            assert!(turn.now_or_never().is_none());
        }
        drop(waiting.remove(3));
        drop(held);
        let mut order = Vec::new();
        loop {
            let mut all = waiting.iter_mut().enumerate();
            let Some((at, turn)) = all.find_map(|(at, (_, turn))| Some((at, turn.now_or_never()?))) else {
                break;
            };
            order.push(waiting.remove(at).0);
            drop(turn);
        }
        assert_eq!(order, ["c", "a", "b", "a"]);
        assert!(waiting.is_empty() && turns.state().waiting.is_empty());
    }
}
