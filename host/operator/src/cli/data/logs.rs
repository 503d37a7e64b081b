//! The logs of an operation's pods, line by line, each with the name of its pod.
//!
//! A pod is read from when its container has started, which the watch of the pods tells; another
//! attempt in the same pod is read like another pod.

use std::collections::HashSet;
use std::pin::pin;

use futures::{AsyncBufReadExt, Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::names::Named;
use super::place::Session;
use super::problem::{Attempt, Problem};

/// How many lines may wait to be shown.
const WAITING: usize = 256;
/// The label with the name of a pod's Job.
const JOB: &str = "job-name";

/// The logs of an operation's pods.
pub struct Logs {
    lines: Receiver<String>,
    ended: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Logs {
    /// Starts to follow the pods of an operation's Job.
    pub fn follow(session: &Session, named: &Named) -> Self {
        let (sender, lines) = channel(WAITING);
        let reader = Reader {
            pods: Api::namespaced(session.client.clone(), &session.namespace),
            namespace: session.namespace.clone(),
            selector: format!("{JOB}={}", named.kind.job(&named.name)),
            lines: sender,
            seen: HashSet::new(),
            streams: JoinSet::new(),
        };
        let ended = CancellationToken::new();
        let task = tokio::spawn(reader.run(ended.clone()));
        Self {
            lines,
            ended,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Returns the next line. `None` if there will be none.
    pub async fn next(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Returns the lines that remain of pods that have ended.
    pub fn rest(self) -> impl Stream<Item = String> {
        self.ended.cancel();
        let Self { lines, _task, .. } = self;
        let kept = ReceiverStream::new(lines);
        kept.map(move |line| {
            // The task reads for as long as its lines are wanted.
            let _ = &_task;
            line
        })
    }
}

struct Reader {
    pods: Api<Pod>,
    namespace: String,
    selector: String,
    lines: Sender<String>,
    /// Attempts that are read, by the pod's UID and the count of its restarts.
    seen: HashSet<(String, i32)>,
    streams: JoinSet<()>,
}

impl Reader {
    async fn run(mut self, ended: CancellationToken) {
        let config = watcher::Config::default().labels(&self.selector);
        {
            let events = watcher(self.pods.clone(), config).default_backoff();
            let mut events = pin!(events.take_until(ended.cancelled()));
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(pod) | Event::InitApply(pod)) => self.read(&pod),
                    Ok(_) => {}
                    Err(error) => {
                        let attempt = self.attempt("watch", "pods", "following the pods".to_owned());
                        if let Some(problem) = Problem::of_watch(&error, &attempt) {
                            let _ = self.lines.send(format!("no logs are shown: {problem}")).await;
                            return;
                        }
                    }
                }
            }
        }
        // A pod that has ended at once may not have been shown yet.
        if let Ok(pods) = self.pods.list(&ListParams::default().labels(&self.selector)).await {
            pods.iter().for_each(|pod| self.read(pod));
        }
        while self.streams.join_next().await.is_some() {}
    }

    /// Reads the log of a pod whose first container, which does the work, has started.
    fn read(&mut self, pod: &Pod) {
        let Some((container, attempt)) = started(pod) else {
            return;
        };
        if !self.seen.insert((pod.uid().unwrap_or_default(), attempt)) {
            return;
        }
        let (pods, lines, name) = (self.pods.clone(), self.lines.clone(), pod.name_any());
        let namespace = self.namespace.clone();
        self.streams.spawn(async move {
            let params = LogParams {
                container: Some(container),
                follow: true,
                ..LogParams::default()
            };
            let stream = match pods.log_stream(&name, &params).await {
                Ok(stream) => stream,
                Err(error) => {
                    let attempt = Attempt {
                        verb: "get",
                        resource: "pods/log",
                        namespace: Some(&namespace),
                        what: format!("reading the log of the pod {name}"),
                    };
                    let problem = Problem::of(&error, &attempt);
                    let _ = lines.send(format!("[{name}] no log is shown: {problem}")).await;
                    return;
                }
            };
            let mut texts = stream.lines();
            // A log that breaks off goes on with the next attempt, or the operation has ended.
            while let Ok(Some(line)) = texts.try_next().await {
                if lines.send(format!("[{name}] {line}")).await.is_err() {
                    return;
                }
            }
        });
    }

    fn attempt<'a>(&'a self, verb: &'static str, resource: &'a str, what: String) -> Attempt<'a> {
        Attempt {
            verb,
            resource,
            namespace: Some(&self.namespace),
            what,
        }
    }
}

/// Returns the first container of a pod and the number of its attempt, if it has started.
fn started(pod: &Pod) -> Option<(String, i32)> {
    let container = &pod.spec.as_ref()?.containers.first()?.name;
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    let status = statuses.iter().find(|status| status.name == *container)?;
    let state = status.state.as_ref()?;
    let has_started = state.running.is_some() || state.terminated.is_some();
    has_started.then(|| (container.clone(), status.restart_count))
}
