//! Places for work, of which no namespace can take all.
//!
//! A namespace gets a further place only while more are free than it has. So one that needs many
//! gets half of them, two get a third each, and there are always some for whoever comes next. Those that
//! have equally many come in turns: of a single place, each namespace has one turn after another.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A number of places.
#[derive(Debug, Clone)]
pub struct FairPlaces(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    free: usize,
    /// The namespace that was the last to get a place for which it had waited.
    last: String,
    taken: HashMap<String, usize>,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<Place>>>,
}

/// A place, which is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: FairPlaces,
    namespace: String,
}

impl FairPlaces {
    /// This number of places, all free.
    pub fn new(free: usize) -> Self {
        Self(Arc::new(Mutex::new(Places {
            free,
            last: String::new(),
            taken: HashMap::new(),
            waiting: BTreeMap::new(),
        })))
    }

    /// Takes a place for work of a namespace; `None` if it has to wait for one.
    pub fn try_take(&self, namespace: &str) -> Option<Place> {
        let mut places = self.0.lock();
        let is_next = places.may_take(namespace) && !places.waiting.contains_key(namespace);
        is_next.then(|| places.take(self, namespace))
    }

    /// Waits for a place. Those of one namespace come in the order in which they were asked for.
    pub async fn take(&self, namespace: &str) -> Place {
        let (sender, receiver) = oneshot::channel();
        {
            let mut places = self.0.lock();
            places
                .waiting
                .entry(namespace.to_owned())
                .or_default()
                .push_back(sender);
        }
        self.hand_out();
        match receiver.await {
            Ok(place) => place,
            // A sender is only dropped once its receiver is gone.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives free places to those who wait, first to the namespaces that have the fewest, and of these
    /// in turns.
    fn hand_out(&self) {
        loop {
            let (sender, place) = {
                let mut places = self.0.lock();
                let Some((namespace, sender)) = places.next() else {
                    return;
                };
                (sender, places.take(self, &namespace))
            };
            // One who no longer waits gives it back by dropping it.
            let _ = sender.send(place);
        }
    }
}

impl Places {
    fn taken(&self, namespace: &str) -> usize {
        self.taken.get(namespace).copied().unwrap_or_default()
    }

    fn may_take(&self, namespace: &str) -> bool {
        self.taken(namespace) < self.free
    }

    fn take(&mut self, of: &FairPlaces, namespace: &str) -> Place {
        self.free -= 1;
        *self.taken.entry(namespace.to_owned()).or_default() += 1;
        Place {
            places: of.clone(),
            namespace: namespace.to_owned(),
        }
    }

    /// The next one who gets a place, and is waiting no longer.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Place>)> {
        loop {
            let candidates = self.waiting.keys().filter(|namespace| self.may_take(namespace));
            // By their names, from the one after the last.
            let order = |namespace: &&String| (self.taken(namespace), **namespace <= self.last);
            let namespace = candidates.min_by_key(order)?.clone();
            let queue = self.waiting.get_mut(&namespace)?;
            let sender = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&namespace);
            }
            if let Some(sender) = sender.filter(|sender| !sender.is_closed()) {
                self.last.clone_from(&namespace);
                return Some((namespace, sender));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut places = self.places.0.lock();
            places.free += 1;
            if let Some(taken) = places.taken.get_mut(&self.namespace) {
                *taken -= 1;
                if *taken == 0 {
                    places.taken.remove(&self.namespace);
                }
            }
        }
        self.places.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn all(places: &FairPlaces, namespace: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.try_take(namespace)).collect()
    }

    #[test]
    fn no_namespace_takes_all_places() {
        let places = FairPlaces::new(12);
        let one = all(&places, "one");
        let two = all(&places, "two");
        let three = all(&places, "three");
        assert_eq!((one.len(), two.len(), three.len()), (6, 3, 2));
        drop(one);
        assert_eq!(all(&places, "one").len(), 4);
    }

    #[tokio::test]
    async fn whoever_has_the_fewest_is_next_and_those_who_no_longer_wait_are_left_out() {
        let places = FairPlaces::new(3);
        let mut held = vec![places.try_take("one").unwrap(), places.try_take("one").unwrap()];
        let mut more = Box::pin(places.take("one"));
        let mut other = Box::pin(places.take("two"));
        let mut gone = Box::pin(places.take("three"));
        assert!((&mut more).now_or_never().is_none());
        let two = (&mut other).now_or_never();
        assert!(two.is_some());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        held.pop();
        assert!((&mut more).now_or_never().is_none(), "it has one, and one is free");
        drop(two);
        assert!((&mut more).now_or_never().is_some());
        drop(held);
        assert_eq!(places.0.lock().free, 3);
        assert!(places.0.lock().taken.is_empty() && places.0.lock().waiting.is_empty());
    }

    #[test]
    fn of_a_single_place_namespaces_have_turns_and_those_who_no_longer_wait_are_left_out() {
        let turns = FairPlaces::new(1);
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
        assert!(waiting.is_empty() && turns.0.lock().waiting.is_empty());
    }
}
