//! Events that users see with `kubectl describe`.
//!
//! A repetition is not published: a failure is reported once in ten minutes however often it is
//! tried again, and a change once until another one happens. What was published is remembered for
//! each object by itself, for ten minutes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use parking_lot::Mutex;
use wasser_api::text;

/// A repetition within this time says nothing new.
const SILENCE: Duration = Duration::from_secs(600);
/// How many different events an object has in that time. Texts that never repeat are not published
/// for ever.
const MOST: usize = 64;
/// How often the memory is rid of what is older.
const PRUNED: Duration = Duration::from_secs(60);

/// Publishes events as `wasser`.
#[derive(Clone)]
pub struct Events {
    client: Client,
    reporter: Reporter,
    memory: Arc<Mutex<Memory>>,
}

impl Events {
    /// Events of this process.
    pub fn new(client: Client) -> Self {
        let reporter = Reporter {
            controller: "wasser".to_owned(),
            instance: std::env::var("HOSTNAME").ok(),
        };
        Self {
            client,
            reporter,
            memory: Arc::default(),
        }
    }

    /// Publishes an event unless the object had the same one a short while ago. Returns whether it
    /// was news.
    ///
    /// A failure to publish is logged: an event is not worth a retry.
    pub async fn publish(&self, about: &ObjectReference, type_: EventType, reason: &str, message: &str) -> bool {
        let is_news = self.memory(|memory, uid, now| memory.is_new_state(uid, reason, message, now), about);
        if is_news {
            self.send(about, type_, reason, message).await;
        }
        is_news
    }

    /// Publishes that something has changed, unless that was the last change of the object: from
    /// one to two, back to one, and to two again are three.
    pub async fn publish_change(&self, about: &ObjectReference, reason: &str, message: &str) {
        if self.memory(
            |memory, uid, now| memory.is_new_change(uid, reason, message, now),
            about,
        ) {
            self.send(about, EventType::Normal, reason, message).await;
        }
    }

    /// Forgets what was published of an object, so that it is published when it happens again.
    pub fn forget(&self, uid: &str) {
        self.memory.lock().objects.remove(uid);
    }

    fn memory(&self, is_news: impl FnOnce(&mut Memory, &str, Instant) -> bool, about: &ObjectReference) -> bool {
        let mut memory = self.memory.lock();
        is_news(&mut memory, about.uid.as_deref().unwrap_or_default(), Instant::now())
    }

    async fn send(&self, about: &ObjectReference, type_: EventType, reason: &str, message: &str) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(text::shown(message)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        // A recorder takes a second event with the same reason for a repetition of the first,
        // whatever its message says; a new one does not.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        match recorder.publish(&event, about).await {
            Ok(()) => {}
            Err(error) if is_in_terminating_namespace(&error) => {
                tracing::debug!(
                    kind = about.kind,
                    namespace = about.namespace,
                    name = about.name,
                    reason,
                    "an event came after its namespace"
                );
            }
            Err(error) => {
                tracing::warn!(kind = about.kind, namespace = about.namespace, name = about.name, reason, %error,
                    "publishing the event failed");
            }
        }
    }
}

/// Whether nothing can be created any more where the event belongs.
fn is_in_terminating_namespace(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.message.contains("is being terminated"))
}

/// What was published, by the UID of the object.
#[derive(Debug, Default)]
struct Memory {
    objects: HashMap<String, Published>,
    pruned: Option<Instant>,
}

/// What was published of one object, as hashes of reason and message.
#[derive(Debug, Default)]
struct Published {
    states: HashMap<u64, Instant>,
    last_change: Option<(u64, Instant)>,
}

impl Memory {
    fn is_new_state(&mut self, uid: &str, reason: &str, message: &str, now: Instant) -> bool {
        let published = self.of(uid, now);
        published.states.retain(|_, at| now.duration_since(*at) < SILENCE);
        if published.states.len() >= MOST {
            return false;
        }
        let hash = hash(reason, message);
        let is_news = !published.states.contains_key(&hash);
        if is_news {
            published.states.insert(hash, now);
        }
        is_news
    }

    fn is_new_change(&mut self, uid: &str, reason: &str, message: &str, now: Instant) -> bool {
        let change = hash(reason, message);
        let published = self.of(uid, now);
        let repeats = |(last, at): (u64, Instant)| last == change && now.duration_since(at) < SILENCE;
        if published.last_change.is_some_and(repeats) {
            return false;
        }
        published.last_change = Some((change, now));
        true
    }

    fn of(&mut self, uid: &str, now: Instant) -> &mut Published {
        if self.pruned.is_none_or(|pruned| now.duration_since(pruned) >= PRUNED) {
            self.pruned = Some(now);
            let is_recent = |at: Instant| now.duration_since(at) < SILENCE;
            self.objects.retain(|_, published| {
                published.states.values().copied().any(is_recent)
                    || published.last_change.is_some_and(|(_, at)| is_recent(at))
            });
        }
        self.objects.entry(uid.to_owned()).or_default()
    }
}

fn hash(reason: &str, message: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (reason, message).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_new_once_in_ten_minutes() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        assert!(memory.is_new_state("a", "R", "m", now));
        assert!(memory.is_new_state("a", "R", "n", now));
        assert!(!memory.is_new_state("a", "R", "m", now + SILENCE / 2));
        assert!(memory.is_new_state("b", "R", "m", now));
        assert!(memory.is_new_state("a", "R", "m", now + SILENCE));
    }

    #[test]
    fn a_change_is_new_unless_it_was_the_last_one() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let news = ["one", "two", "two", "one"].map(|message| memory.is_new_change("a", "R", message, now));
        assert_eq!(news, [true, true, false, true]);
    }

    #[test]
    fn many_failing_objects_are_remembered_until_what_they_said_is_old() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let all = 0..20_000;
        assert!(
            all.clone()
                .all(|number| memory.is_new_state(&number.to_string(), "R", "m", now))
        );
        assert!(
            !all.clone()
                .any(|number| memory.is_new_state(&number.to_string(), "R", "m", now + SILENCE / 2))
        );
        memory.is_new_state("later", "R", "m", now + SILENCE);
        assert_eq!(memory.objects.len(), 1);
    }

    #[test]
    fn texts_that_never_repeat_are_not_published_for_ever() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let news = (0..1000).filter(|number| memory.is_new_state("a", "R", &number.to_string(), now));
        assert_eq!(news.count(), MOST);
        assert!(memory.is_new_state("a", "R", "later", now + SILENCE));
    }
}
