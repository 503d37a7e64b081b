//! Whose turn it is to render.
//!
//! What counts is the time that renders take, not their number: of the charts that wait, the one
//! that has used the least is next, and of its namespaces again the one that has used the least. So
//! a chart that takes seconds for each release gets half of the time, as long as others want the
//! rest, and theirs wait for one slow render at most. Who comes late has no claim to what others
//! used before.
//!
//! A render cannot be interrupted, and one of ten seconds would hold up whoever comes meanwhile. So
//! there is a place more, which only slow charts have: those that were slow the last time wait for
//! that one alone, and a render that turns out to be slow moves there if it is free.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// From here on a render is slow. Built-in charts take some milliseconds.
const SLOW: Duration = Duration::from_millis(250);

/// The places for renders, and who waits for one.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

struct State {
    free: usize,
    /// Whether the place of slow charts is free.
    slow_is_free: bool,
    charts: Shares<String, Chart>,
}

/// The place that a render has.
#[derive(Debug)]
pub struct Place(Mutex<Which>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// One of those that all charts share.
    Shared,
    /// The one of slow charts.
    Slow,
    /// None any more.
    GivenBack,
}

impl Place {
    /// Whether it is the one of slow charts.
    pub fn is_slow(&self) -> bool {
        *self.0.lock() == Which::Slow
    }
}

#[cfg(test)]
impl Place {
    pub fn shared() -> Self {
        Self(Mutex::new(Which::Shared))
    }

    pub fn slow() -> Self {
        Self(Mutex::new(Which::Slow))
    }

    pub fn becomes_slow(&self) {
        *self.0.lock() = Which::Slow;
    }
}

#[derive(Default)]
struct Chart {
    namespaces: Shares<String, VecDeque<oneshot::Sender<Turn>>>,
    taken: usize,
    was_slow: bool,
}

/// Those who share something, with what each has used.
struct Shares<K, T> {
    parties: HashMap<K, Party<T>>,
    /// What the last one who was served had used until then.
    reached: Duration,
}

#[derive(Default)]
struct Party<T> {
    used: Duration,
    content: T,
}

/// A place, which is free again when this is dropped.
pub struct Turn {
    turns: Turns,
    chart: String,
    namespace: String,
    /// It may become another one while the render goes on.
    pub place: Arc<Place>,
    /// Moves it once it is slow.
    moving: Option<AbortHandle>,
}

impl<K, T> Default for Shares<K, T> {
    fn default() -> Self {
        Self {
            parties: HashMap::new(),
            reached: Duration::ZERO,
        }
    }
}

impl<K: Eq + Hash + Ord + Clone, T: Default> Shares<K, T> {
    fn party(&mut self, key: &K) -> &mut Party<T> {
        let reached = self.reached;
        self.parties.entry(key.clone()).or_insert_with(|| Party {
            used: reached,
            content: T::default(),
        })
    }

    /// The one that has used the least of those that want something.
    fn next(&mut self, wants: impl Fn(&T) -> bool) -> Option<K> {
        let wanting = self.parties.iter().filter(|(_, party)| wants(&party.content));
        let (key, party) = wanting.min_by_key(|(key, party)| (party.used, (*key).clone()))?;
        self.reached = self.reached.max(party.used);
        Some(key.clone())
    }

    /// Forgets those who are idle, and are not ahead of the others by so much that it matters.
    fn tidy(&mut self, is_idle: impl Fn(&T) -> bool) {
        let enough = self.reached + SLOW;
        self.parties
            .retain(|_, party| party.used > enough || !is_idle(&party.content));
    }
}

impl Turns {
    /// This number of places, and one for slow charts, all free.
    pub fn new(free: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free,
            slow_is_free: true,
            charts: Shares::default(),
        })))
    }

    /// Waits for a place for a chart, of which `chart` is the digest.
    pub async fn take(&self, chart: &str, namespace: &str) -> Turn {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.0.lock();
            let chart = state.charts.party(&chart.to_owned());
            let queue = chart.content.namespaces.party(&namespace.to_owned());
            queue.content.push_back(sender);
        }
        self.hand_out();
        match receiver.await {
            Ok(turn) => turn.watched(),
            // A sender is only dropped once its receiver is gone.
            Err(_) => std::future::pending().await,
        }
    }

    fn hand_out(&self) {
        loop {
            let Some((sender, chart, namespace, place)) = self.0.lock().next() else {
                return;
            };
            let turn = Turn {
                turns: self.clone(),
                chart,
                namespace,
                place: Arc::new(Place(Mutex::new(place))),
                moving: None,
            };
            // One who no longer waits gives it back by dropping it.
            let _ = sender.send(turn);
        }
    }

    /// Moves a render that is slow to the place for those, if that is free. Others of the chart wait
    /// for that place from now on.
    fn move_slow(&self, chart: &str, place: &Place) {
        {
            let mut state = self.0.lock();
            let mut place = place.0.lock();
            if *place == Which::GivenBack {
                return;
            }
            state.charts.party(&chart.to_owned()).content.was_slow = true;
            if *place == Which::Slow || !state.slow_is_free {
                return;
            }
            *place = Which::Slow;
            state.slow_is_free = false;
            state.free += 1;
        }
        self.hand_out();
    }

    fn give_back(&self, turn: &Turn) {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *turn.place.0.lock(), Which::GivenBack) {
            Which::Shared => state.free += 1,
            Which::Slow => state.slow_is_free = true,
            Which::GivenBack => {}
        }
        let chart = &mut state.charts.party(&turn.chart).content;
        chart.taken -= 1;
        chart.namespaces.tidy(VecDeque::is_empty);
        state
            .charts
            .tidy(|chart| chart.taken == 0 && !chart.waits() && !chart.was_slow);
    }
}

impl Chart {
    fn waits(&self) -> bool {
        self.namespaces
            .parties
            .values()
            .any(|namespace| !namespace.content.is_empty())
    }
}

impl State {
    /// The next one who gets a place, and is waiting no longer.
    fn next(&mut self) -> Option<(oneshot::Sender<Turn>, String, String, Which)> {
        loop {
            let (free, slow_is_free) = (self.free > 0, self.slow_is_free);
            let may = |chart: &Chart| if chart.was_slow { slow_is_free } else { free };
            let key = self.charts.next(|chart| chart.waits() && may(chart))?;
            let chart = &mut self.charts.party(&key).content;
            let namespace = chart.namespaces.next(|queue| !queue.is_empty())?;
            let sender = chart.namespaces.party(&namespace).content.pop_front()?;
            if sender.is_closed() {
                continue;
            }
            chart.taken += 1;
            let place = if chart.was_slow {
                self.slow_is_free = false;
                Which::Slow
            } else {
                self.free -= 1;
                Which::Shared
            };
            return Some((sender, key, namespace, place));
        }
    }
}

impl Turn {
    /// Counts the time of a processor that the render has taken.
    pub fn ended(&self, spent: Duration) {
        let mut state = self.turns.0.lock();
        let chart = state.charts.party(&self.chart);
        chart.used += spent;
        chart.content.was_slow = spent >= SLOW;
        chart.content.namespaces.party(&self.namespace).used += spent;
    }

    fn watched(mut self) -> Self {
        let (turns, chart, place) = (self.turns.clone(), self.chart.clone(), self.place.clone());
        let moving = async move {
            tokio::time::sleep(SLOW).await;
            turns.move_slow(&chart, &place);
        };
        self.moving = Some(tokio::spawn(moving).abort_handle());
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(moving) = &self.moving {
            moving.abort();
        }
        self.turns.give_back(self);
        self.turns.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    #[test]
    fn the_document_on_security_says_what_is_slow() {
        let text = include_str!("../../../../docs/security.md");
        let said = format!(
            "charts that take more than {} ms have one place of their own",
            SLOW.as_millis()
        );
        assert!(text.contains(&said), "docs/security.md does not say: {said}");
    }

    /// Many who wait for a turn, and in which order they get it.
    struct Queue {
        turns: Turns,
        waiting: Vec<(&'static str, BoxFuture<'static, Turn>)>,
    }

    impl Queue {
        fn of(turns: &Turns, all: &[(&'static str, &'static str)]) -> Self {
            let wait = |&(chart, namespace): &(&'static str, &'static str)| {
                let turns = turns.clone();
                let mut turn = async move { turns.take(chart, namespace).await }.boxed();
                assert!((&mut turn).now_or_never().is_none());
                (chart, namespace, turn)
            };
            let waiting = all.iter().map(wait).map(|(chart, namespace, turn)| {
                let label = if namespace == "ns" { chart } else { namespace };
                (label, turn)
            });
            Self {
                turns: turns.clone(),
                waiting: waiting.collect(),
            }
        }

        /// The next one who has a turn.
        fn next(&mut self) -> Option<(&'static str, Turn)> {
            let ready = self
                .waiting
                .iter_mut()
                .enumerate()
                .find_map(|(index, (_, turn))| Some((index, turn.now_or_never()?)));
            let (index, turn) = ready?;
            Some((self.waiting.remove(index).0, turn))
        }

        /// The order of turns if those of a chart take so long.
        fn order(mut self, first: Turn, took: impl Fn(&str) -> u64) -> Vec<&'static str> {
            let (mut order, mut slow) = (Vec::new(), None);
            drop(first);
            loop {
                let Some((label, turn)) = self.next() else {
                    // A slow one has its own place until the others have ended.
                    match slow.take() {
                        Some(_) => continue,
                        None => break,
                    }
                };
                turn.ended(Duration::from_millis(took(label)));
                order.push(label);
                if turn.place.is_slow() {
                    slow = Some(turn);
                }
            }
            assert!(self.waiting.is_empty());
            let state = self.turns.0.lock();
            assert_eq!(state.free, 1);
            order
        }
    }

    #[tokio::test]
    async fn a_slow_chart_gets_no_more_time_than_the_others() {
        let turns = Turns::new(1);
        let first = turns.take("other", "ns").await;
        let slow = [("slow", "ns"); 4];
        let quick = [("quick", "ns"); 20];
        let order = Queue::of(&turns, &[slow.as_slice(), quick.as_slice()].concat());
        let order = order.order(first, |label| if label == "slow" { 10_000 } else { 15 });
        let before = order.iter().take_while(|label| **label == "slow").count();
        assert!(before <= 1, "{order:?}");
        let last_quick = order.iter().rposition(|label| *label == "quick").unwrap();
        assert!(last_quick <= 21, "all but one slow render come later: {order:?}");
    }

    #[tokio::test]
    async fn namespaces_share_the_time_of_their_chart() {
        let turns = Turns::new(1);
        let first = turns.take("chart", "other").await;
        let all = [[("chart", "many"); 5].as_slice(), [("chart", "few"); 2].as_slice()].concat();
        let order = Queue::of(&turns, &all).order(first, |_| 100);
        let last = order.iter().rposition(|label| *label == "few").unwrap();
        assert!(last <= 3, "{order:?}");
    }

    #[tokio::test]
    async fn a_chart_that_was_slow_holds_nobody_up() {
        let turns = Turns::new(1);
        let slow = turns.take("slow", "ns").await;
        assert!(!slow.place.is_slow());
        slow.ended(SLOW);
        drop(slow);
        let one = turns.take("slow", "ns").await;
        assert!(one.place.is_slow());
        let mut two = turns.take("slow", "ns").boxed();
        assert!((&mut two).now_or_never().is_none());
        drop(turns.take("quick", "ns").await);
        assert!(
            (&mut two).now_or_never().is_none(),
            "it has no claim to the others' place"
        );
        drop(one);
        assert!((&mut two).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_render_that_turns_out_to_be_slow_makes_room() {
        let turns = Turns::new(1);
        let slow = turns.take("slow", "ns").await;
        let mut quick = turns.take("quick", "ns").boxed();
        assert!((&mut quick).now_or_never().is_none());
        turns.move_slow("slow", &slow.place);
        assert!(slow.place.is_slow());
        // It is known before the first one has ended.
        let mut another = turns.take("slow", "ns").boxed();
        let second = quick.await;
        // The next one that is slow finds that place taken, and keeps its own.
        let mut third = turns.take("third", "ns").boxed();
        turns.move_slow("quick", &second.place);
        assert!((&mut another).now_or_never().is_none());
        assert!(!second.place.is_slow() && (&mut third).now_or_never().is_none());
        // One that has just ended is not moved.
        let place = second.place.clone();
        drop((slow, second));
        turns.move_slow("quick", &place);
        drop((third.await, another.await));
        let state = turns.0.lock();
        assert!(state.free == 1 && state.slow_is_free);
    }

    #[tokio::test]
    async fn who_comes_late_has_no_claim_to_what_others_had() {
        let turns = Turns::new(1);
        for _ in 0..3 {
            let early = turns.take("early", "ns").await;
            early.ended(SLOW * 9 / 10);
        }
        let first = turns.take("early", "ns").await;
        let all = [[("late", "ns"); 4].as_slice(), [("early", "ns"); 4].as_slice()].concat();
        let order = Queue::of(&turns, &all).order(first, |_| 225);
        let early = order.iter().take(4).filter(|label| **label == "early").count();
        assert_eq!(early, 2, "{order:?}");
    }

    #[tokio::test]
    async fn nobody_is_kept_who_is_idle_and_has_used_little() {
        let turns = Turns::new(1);
        let held = turns.take("a", "ns").await;
        let mut gone = turns.take("b", "ns").boxed();
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        drop(held);
        drop(turns.take("c", "ns").await);
        drop(turns.take("d", "ns").await);
        let state = turns.0.lock();
        assert_eq!(state.free, 1);
        assert!(state.charts.parties.is_empty());
    }
}
