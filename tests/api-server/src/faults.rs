//! Faults on demand: requests that fail, hang or lose their answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::call::{Call, Verb};
use crate::failure::Failure;

/// A request that has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The name of the client.
    pub client: &'a str,
    /// The request.
    pub call: &'a Call,
    /// The body; null if it is empty.
    pub body: &'a Value,
}

/// The outcome of a request that a fault hits.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It is not carried out, and gets this answer.
    Answer(Failure),
    /// It is neither carried out nor answered.
    Hang,
    /// It is not carried out, and the connection ends.
    Break,
    /// It is carried out, but never answered.
    ApplyThenHang,
    /// It is carried out, but the connection ends before the answer.
    ApplyThenBreak,
    /// It is carried out, but answered with a failure.
    ApplyThenAnswer(Failure),
    /// It is carried out only after this time, whether its client still lives or not, and never
    /// answered.
    ApplyLate(Duration),
    /// It is carried out and answered; the fault only counts it.
    Nothing,
}

type Condition = Box<dyn Fn(&Attempt<'_>) -> bool + Send>;

/// A description of the requests that a fault hits.
pub struct Fault {
    conditions: Vec<Condition>,
    skip: usize,
    times: usize,
    percent: u64,
}

impl Fault {
    /// Returns a fault that hits every request for objects.
    pub fn any() -> Self {
        Self {
            conditions: Vec::new(),
            skip: 0,
            times: usize::MAX,
            percent: 100,
        }
    }

    /// Returns a fault that hits requests with a writing verb.
    pub fn writes() -> Self {
        Self::any().when(|attempt| attempt.call.verb.writes())
    }

    /// Restricts the fault to requests that meet a condition.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Attempt<'_>) -> bool + Send + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    /// Restricts the fault to the clients of this name.
    #[must_use]
    pub fn of(self, client: &str) -> Self {
        let client = client.to_owned();
        self.when(move |attempt| attempt.client == client)
    }

    /// Restricts the fault to one verb.
    #[must_use]
    pub fn verb(self, verb: Verb) -> Self {
        self.when(move |attempt| attempt.call.verb == verb)
    }

    /// Restricts the fault to one resource: `pods`, `datasets/status`.
    #[must_use]
    pub fn resource(self, path: &str) -> Self {
        let path = path.to_owned();
        self.when(move |attempt| attempt.call.path() == path)
    }

    /// Spares the first `requests` that the fault would hit.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Ends the fault after this number of hits.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Hits only this percentage of the requests, chosen by the server's seed.
    #[must_use]
    pub fn percent(mut self, percent: u64) -> Self {
        self.percent = percent;
        self
    }
}

/// A fault that is in force until it is dropped or has had all its hits.
#[must_use = "a fault ends when it is dropped"]
pub struct Armed {
    hits: watch::Receiver<usize>,
    _alive: Arc<()>,
}

impl Armed {
    /// Returns the number of requests that were hit.
    pub fn hits(&self) -> usize {
        *self.hits.borrow()
    }

    /// Waits until this number of requests was hit.
    pub async fn hit(&self, times: usize) {
        // Once it has hit as often as it should, nothing changes any more.
        let _ = self.hits.clone().wait_for(|hits| *hits >= times).await;
    }
}

struct Rule {
    fault: Fault,
    effect: Effect,
    seen: usize,
    hits: watch::Sender<usize>,
    alive: std::sync::Weak<()>,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Table {
    rules: Vec<Rule>,
}

impl Table {
    /// Adds a fault.
    pub fn add(&mut self, fault: Fault, effect: Effect) -> Armed {
        let (hits, receiver) = watch::channel(0);
        let alive = Arc::new(());
        self.rules.push(Rule {
            fault,
            effect,
            seen: 0,
            hits,
            alive: Arc::downgrade(&alive),
        });
        Armed {
            hits: receiver,
            _alive: alive,
        }
    }

    /// Returns the outcome of a request that a fault hits. `dice` returns a number for each fault
    /// with a percentage.
    pub fn effect(&mut self, attempt: &Attempt<'_>, mut dice: impl FnMut() -> u64) -> Option<Effect> {
        self.rules.retain(|rule| rule.alive.strong_count() > 0);
        for rule in &mut self.rules {
            let fault = &rule.fault;
            if !fault.conditions.iter().all(|condition| condition(attempt)) {
                continue;
            }
            rule.seen += 1;
            let hits = *rule.hits.borrow();
            let is_chosen = fault.percent >= 100 || dice() % 100 < fault.percent;
            if rule.seen > fault.skip && hits < fault.times && is_chosen {
                rule.hits.send_replace(hits + 1);
                return Some(rule.effect.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Query;

    fn hit(table: &mut Table, client: &str, verb: Verb, resource: &str) -> bool {
        let call = Call {
            verb,
            group: String::new(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
            subresource: String::new(),
            rest: String::new(),
            namespace: String::new(),
            name: "a".to_owned(),
            query: Query::default(),
        };
        let attempt = Attempt {
            client,
            call: &call,
            body: &Value::Null,
        };
        table.effect(&attempt, || 0).is_some()
    }

    #[test]
    fn a_fault_hits_what_it_is_about_and_when() {
        let mut table = Table::default();
        let fault = Fault::writes().of("one").resource("pods").after(1).times(2);
        let armed = table.add(fault, Effect::Hang);
        assert!(!hit(&mut table, "one", Verb::Get, "pods"));
        assert!(!hit(&mut table, "two", Verb::Create, "pods"));
        assert!(!hit(&mut table, "one", Verb::Create, "nodes"));
        let hits: Vec<bool> = (0..4).map(|_| hit(&mut table, "one", Verb::Patch, "pods")).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert_eq!(armed.hits(), 2);
    }

    #[test]
    fn a_fault_ends_when_it_is_dropped() {
        let mut table = Table::default();
        let armed = table.add(Fault::any(), Effect::Break);
        assert!(hit(&mut table, "one", Verb::Get, "pods"));
        drop(armed);
        assert!(!hit(&mut table, "one", Verb::Get, "pods"));
    }
}
