//! Events that users see with `kubectl describe`, each told once until something else is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

/// A repetition within this time says nothing new.
const SILENCE: Duration = Duration::from_secs(600);
/// Distinct events that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;

/// UID of the object, reason, message.
type Told = (String, String, String);

/// Publishes events as `wasser`.
#[derive(Clone)]
pub struct Events {
    client: Client,
    reporter: Reporter,
    told: Arc<Mutex<HashMap<Told, Instant>>>,
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
            told: Arc::default(),
        }
    }

    /// Publishes an event unless it was published a short while ago. A failure to publish is logged: an event is not worth a retry.
    pub async fn publish(&self, about: &ObjectReference, warning: bool, reason: &str, message: &str) {
        if !self.is_news(about, reason, message) {
            return;
        }
        let type_ = if warning { EventType::Warning } else { EventType::Normal };
        let note = Some(message.chars().take(1000).collect());
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note,
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        // A recorder takes a second event with the same reason for a repetition of the first, whatever its message says; a new one does not.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        if let Err(error) = recorder.publish(&event, about).await {
            tracing::warn!(kind = about.kind, namespace = about.namespace, name = about.name, reason, %error, "publishing the event failed");
        }
    }

    /// Forgets what was told of an object, so that it is told again when it happens again.
    pub fn forget(&self, uid: &str) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(about, ..), _| about != uid);
    }

    fn is_news(&self, about: &ObjectReference, reason: &str, message: &str) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.retain(|_, at| now.duration_since(*at) < SILENCE);
            if told.len() >= REMEMBERED {
                told.clear();
            }
        }
        let key = (about.uid.clone().unwrap_or_default(), reason.to_owned(), message.to_owned());
        let recent = told.get(&key).is_some_and(|at| now.duration_since(*at) < SILENCE);
        if !recent {
            told.insert(key, now);
        }
        !recent
    }
}
