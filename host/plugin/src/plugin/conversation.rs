//! A method from its first call to its answer. Between its calls, the host does what it has asked
//! for, and there is no instance.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use wasser_api::ObjectKey;
use wasser_share::idle;

use crate::backend::{Backend, ExecCommand, HttpRequest};
use crate::plugin::pre::PluginPre;
use crate::sandbox::budget::Answering;
use crate::sandbox::imports::pods::wait_limit;
use crate::sandbox::journal::{Begun, Job, Journal, Outcome};

/// How many jobs of one method are done at the same time.
const AT_ONCE: usize = 8;

/// A method that is called until it answers.
#[derive(Debug)]
pub struct Conversation {
    /// How long it may take, from the first call to the answer.
    pub limit: Duration,
    began: Instant,
    /// Nanoseconds in which calls could not begin, which do not count.
    put_off: AtomicU64,
    /// What it has asked for.
    pub jobs: Arc<Mutex<Journal>>,
}

impl Conversation {
    /// Begins one in an empty journal, which is empty again once it has ended.
    pub fn new(limit: Duration, jobs: &Arc<Mutex<Journal>>) -> Self {
        Self {
            limit,
            began: Instant::now(),
            put_off: AtomicU64::new(0),
            jobs: jobs.clone(),
        }
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    /// Says that a call could not begin for some time.
    pub fn put_off(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.put_off.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        let put_off = Duration::from_nanos(self.put_off.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(put_off)
    }

    /// Whether the method has asked for something, so that its answer does not count.
    pub fn is_pending(&self) -> bool {
        self.journal().has_begun()
    }

    /// Does what the method has asked for. Returns false if the time is over.
    pub async fn go_on(&self, pre: &PluginPre, scope: &ObjectKey, backend: &dyn Backend) -> bool {
        let begun = self.journal().begun();
        let all = stream::iter(begun).for_each_concurrent(AT_ONCE, |begun| async move {
            let room = self.journal().room();
            let outcome = self.outcome(&begun, &room, pre, scope, backend).await;
            self.journal().end(begun.index, outcome, room);
        });
        let _idle = idle();
        tokio::time::timeout(self.left(), all).await.is_ok()
    }

    async fn outcome(
        &self,
        begun: &Begun,
        room: &Answering,
        pre: &PluginPre,
        scope: &ObjectKey,
        backend: &dyn Backend,
    ) -> Outcome {
        let turn = pre.requests.request(Instant::now());
        if !turn.is_zero() {
            tokio::time::sleep(turn).await;
        }
        let timeout = |asked| wait_limit(self.limit, self.elapsed(), asked);
        let limit = pre.identity.limits.output;
        match &begun.job {
            Job::Command(command) => {
                let command = ExecCommand {
                    pod: &command.pod,
                    container: command.container.as_ref().unwrap_or(&begun.container),
                    argv: &command.argv,
                    stdin: command.stdin.as_deref(),
                    timeout: timeout(command.timeout_ms),
                    max_output: limit,
                    room,
                };
                Outcome::Command(backend.exec(scope, &command).await.map_err(Into::into))
            }
            Job::Request(request) => {
                let request = HttpRequest {
                    pod: &request.pod,
                    port: request.port,
                    path: &request.path,
                    timeout: timeout(request.timeout_ms),
                    max_body: limit,
                    room,
                };
                Outcome::Request(backend.http_get(scope, &request).await.map_err(Into::into))
            }
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.journal().clear();
    }
}
