//! Watches: the changes of a collection, event by event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

use crate::call::Call;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::lags::Hold;
use crate::read::Form;
use crate::selectors::Selector;
use crate::server::Shared;
use crate::state::State;
use crate::store::Change;

/// The duration of a watch for which the client sets none.
const LONGEST: Duration = Duration::from_secs(1800);

/// The way in which a watch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Regularly, as from time to time on a real server: the client continues where it was.
    End,
    /// With an error of the connection.
    Break,
    /// With code 410, so that the client lists again.
    Expire,
}

/// The part of an open watch that others can see and change.
#[derive(Debug)]
pub(crate) struct Watching {
    client: String,
    resource: String,
    cut: Option<Cut>,
    bookmark: bool,
    /// The version of the store when the watch last had nothing to show.
    looked_at: u64,
}

impl State {
    /// Returns whether every watch has shown everything that it may show.
    pub fn watches_are_drained(&self) -> bool {
        let version = self.store.version();
        self.watches.values().all(|watching| watching.looked_at == version)
    }

    /// Ends the open watches of a resource, or of all.
    pub fn cut(&mut self, resource: Option<&str>, cut: Cut) {
        let chosen = self
            .watches
            .values_mut()
            .filter(|one| resource.is_none_or(|resource| one.resource == resource));
        chosen.for_each(|watching| (watching.cut, watching.looked_at) = (Some(cut), 0));
    }

    /// Ends the open watches of a client.
    pub fn cut_client(&mut self, client: &str) {
        let chosen = self.watches.values_mut().filter(|one| one.client == client);
        chosen.for_each(|watching| watching.cut = Some(Cut::Break));
    }

    /// Sends a bookmark to every watch that asked for bookmarks.
    pub fn bookmark(&mut self) {
        self.watches
            .values_mut()
            .for_each(|watching| (watching.bookmark, watching.looked_at) = (true, 0));
    }
}

/// An open watch.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    number: u64,
    kind: Arc<Kind>,
    namespace: String,
    selector: Selector,
    form: Form,
    bookmarks: bool,
    /// Changes until this version are shown, or need not be.
    cursor: u64,
    ready: VecDeque<Value>,
    deadline: Instant,
    changed: watch::Receiver<()>,
    is_over: bool,
}

/// The next step of a watch.
enum Step {
    Show(Value),
    Wait,
    End,
    Break,
}

impl Watch {
    /// Begins a watch.
    pub fn open(
        shared: &Arc<Shared>,
        state: &mut State,
        client: &str,
        kind: Arc<Kind>,
        call: &Call,
        form: Form,
    ) -> Result<Self, Failure> {
        let selector = Selector::parse(&kind, call.query.get("labelSelector"), call.query.get("fieldSelector"))?;
        let version = call.query.get("resourceVersion");
        let wants_list = call.query.flag("sendInitialEvents");
        let from = match version {
            "" | "0" => None,
            version => Some(
                version
                    .parse()
                    .map_err(|_| Failure::bad_request(format!("invalid resource version {version:?}")))?,
            ),
        };
        let mut ready = VecDeque::new();
        if from.is_none() || wants_list {
            let shown = state.select(&kind, call)?;
            ready.extend(shown.iter().map(|object| event("ADDED", form.show(&kind, object))));
        }
        if wants_list {
            let mut bookmark = bookmark(&kind, form, state.store.version());
            bookmark["object"]["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            ready.push_back(bookmark);
        }
        let cursor = from.filter(|_| !wants_list).unwrap_or(state.store.version());
        let seconds = call.query.get("timeoutSeconds").parse().map(Duration::from_secs);
        let number = state.next_watch();
        state.watches.insert(
            number,
            Watching {
                client: client.to_owned(),
                resource: kind.plural.clone(),
                cut: None,
                bookmark: false,
                looked_at: 0,
            },
        );
        Ok(Self {
            shared: shared.clone(),
            number,
            namespace: if kind.namespaced {
                call.namespace.clone()
            } else {
                String::new()
            },
            kind,
            selector,
            form,
            bookmarks: call.query.flag("allowWatchBookmarks"),
            cursor,
            ready,
            deadline: Instant::now() + seconds.unwrap_or(LONGEST),
            changed: shared.subscribe(),
            is_over: false,
        })
    }

    /// Returns the frames of the answer's body.
    pub fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + use<> {
        futures::stream::unfold(self, |mut watch| async move {
            loop {
                if watch.is_over {
                    return None;
                }
                watch.changed.mark_unchanged();
                let shared = watch.shared.clone();
                let step = watch.step(&mut shared.lock());
                match step {
                    Step::Show(event) => {
                        let line = Bytes::from(format!("{event}\n"));
                        return Some((Ok(Frame::data(line)), watch));
                    }
                    Step::End => return None,
                    Step::Break => {
                        watch.is_over = true;
                        let error = std::io::Error::new(
                            std::io::ErrorKind::ConnectionReset,
                            "the connection of the watch was cut",
                        );
                        return Some((Err(error.into()), watch));
                    }
                    Step::Wait => {
                        let deadline = watch.deadline;
                        let in_time = tokio::time::timeout_at(deadline, watch.changed.changed()).await;
                        // Without the sender, the server is gone.
                        if matches!(in_time, Ok(Err(_))) {
                            return None;
                        }
                        if in_time.is_err() {
                            watch.is_over = !watch.bookmarks;
                            if watch.bookmarks {
                                watch.expire();
                            }
                        }
                    }
                }
            }
        })
    }

    /// Ends a watch whose time is up with a bookmark.
    fn expire(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        self.ready.push_back(bookmark(&self.kind, self.form, self.cursor));
        state
            .watches
            .entry(self.number)
            .and_modify(|watching| watching.cut = Some(Cut::End));
    }

    fn step(&mut self, state: &mut State) -> Step {
        state.activity += 1;
        if let Some(event) = self.ready.pop_front() {
            return Step::Show(event);
        }
        let Some(watching) = state.watches.get_mut(&self.number) else {
            return Step::End;
        };
        match watching.cut.take() {
            Some(Cut::End) => return Step::End,
            Some(Cut::Break) => return Step::Break,
            Some(Cut::Expire) => return self.expired(),
            None => {}
        }
        let wants_bookmark = std::mem::take(&mut watching.bookmark) && self.bookmarks;
        let Some(changes) = state.store.since(self.cursor) else {
            return self.expired();
        };
        let lag = state.lags.of(&self.kind.plural);
        let mut events = changes
            .iter()
            .filter_map(|change| Some((change.version, self.event(change)?)));
        let next = events.next().filter(|(version, _)| match lag.hold {
            None => true,
            Some(Hold::Until(last)) => *version <= last,
            Some(Hold::Behind(count)) => count == 0 || events.nth(count - 1).is_some(),
        });
        let version = state.store.version();
        match next {
            Some((version, event)) => {
                self.cursor = version;
                if lag.repeat {
                    self.ready.push_back(event.clone());
                }
                Step::Show(event)
            }
            None if wants_bookmark => Step::Show(bookmark(&self.kind, self.form, self.cursor)),
            None => {
                // Events that are held back must be shown later.
                if lag.hold.is_none() {
                    self.cursor = version;
                }
                state
                    .watches
                    .entry(self.number)
                    .and_modify(|watching| watching.looked_at = version);
                // Looking does not count as activity.
                state.activity -= 1;
                Step::Wait
            }
        }
    }

    fn expired(&mut self) -> Step {
        self.is_over = true;
        let failure = Failure::gone(format!("too old resource version: {} ({})", self.cursor, self.cursor));
        Step::Show(json!({"type": "ERROR", "object": failure.status()}))
    }

    /// Returns the event that a change is for this watch, if any.
    fn event(&self, change: &Change) -> Option<Value> {
        let key = self.kind.key(&self.namespace, "");
        if (&change.key.group, &change.key.plural) != (&key.group, &key.plural) {
            return None;
        }
        if !key.namespace.is_empty() && change.key.namespace != key.namespace {
            return None;
        }
        let was_selected = change
            .before
            .as_ref()
            .is_some_and(|before| self.selector.selects(before));
        let is_selected = !change.deleted && self.selector.selects(&change.object);
        let (word, object) = match (was_selected, is_selected) {
            (false, false) => return None,
            (false, true) => ("ADDED", Value::clone(&change.object)),
            (true, true) => ("MODIFIED", Value::clone(&change.object)),
            (true, false) => {
                // As it was, with the version of the change.
                let mut last = change.before.as_deref().cloned().unwrap_or_default();
                last["metadata"]["resourceVersion"] = change.object["metadata"]["resourceVersion"].clone();
                ("DELETED", last)
            }
        };
        Some(event(word, self.form.show(&self.kind, &object)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().watches.remove(&self.number);
    }
}

fn event(word: &str, object: Value) -> Value {
    json!({"type": word, "object": object})
}

fn bookmark(kind: &Kind, form: Form, version: u64) -> Value {
    let (name, api_version) = match form {
        Form::Whole => (kind.kind.clone(), kind.api_version()),
        Form::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
    };
    let object = json!({
        "kind": name, "apiVersion": api_version,
        "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
    });
    event("BOOKMARK", object)
}
