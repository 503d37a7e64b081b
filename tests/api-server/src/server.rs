//! The service that answers the HTTP requests of clients.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::Value;
use tokio::sync::watch;
use tower::{BoxError, Service};

use crate::call::{Call, Target, Verb};
use crate::exec;
use crate::failure::Failure;
use crate::faults::{Attempt, Effect};
use crate::kinds::Kind;
use crate::read::Form;
use crate::record::Record;
use crate::scripts::{LogRequest, PodRequest};
use crate::state::State;
use crate::watch::Watch;

/// The body of an answer.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Answer = Response<AnswerBody>;

/// The part of a server that all its clients share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        }
    }

    /// Locks the state, which must not be held while waiting.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a receiver that is notified of every change.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notifies the receivers of a change.
    pub fn announce(&self) {
        self.changed.send_replace(());
    }
}

/// A connection of a client, behind its `kube::Client`.
#[derive(Clone)]
pub(crate) struct Connection {
    pub shared: Arc<Shared>,
    pub client: Arc<ClientInfo>,
}

/// The identity of a client.
#[derive(Debug)]
pub(crate) struct ClientInfo {
    pub name: String,
    pub is_connected: AtomicBool,
}

impl Service<Request<Body>> for Connection {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().answer(request).boxed()
    }
}

/// A request that is not answered yet; dropping it ends it, however that happens.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: &Arc<Shared>) -> Self {
        let mut state = shared.lock();
        state.in_flight += 1;
        state.activity += 1;
        Self(shared.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.in_flight -= 1;
        state.activity += 1;
    }
}

impl Connection {
    async fn answer(self, request: Request<Body>) -> Result<Answer, BoxError> {
        let in_flight = InFlight::new(&self.shared);
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        if !self.client.is_connected.load(Ordering::SeqCst) {
            return Err(broken());
        }
        let call = match Target::of(&parts.method, &parts.uri) {
            None => return Ok(failed(&Failure::no_such_path())),
            Some(Target::Description(path)) => {
                let described = self.shared.lock().kinds.describe(&path);
                return Ok(
                    described.map_or_else(|| failed(&Failure::no_such_path()), |described| json(200, &described))
                );
            }
            Some(Target::Objects(call)) => call,
        };
        let sent = serde_json::from_slice(&body)
            .or_else(|_| yaml_serde::from_slice(&body))
            .unwrap_or(Value::Null);
        let effect = self.effect(&call, &sent);
        let (applies, then) = match effect {
            None | Some(Effect::Nothing) => (true, None),
            Some(Effect::ApplyLate(pause)) => {
                self.late(pause, call.clone(), sent.clone(), parts.headers.clone(), body.clone());
                (false, Some(Effect::Hang))
            }
            Some(Effect::ApplyThenHang) => (true, Some(Effect::Hang)),
            Some(Effect::ApplyThenBreak) => (true, Some(Effect::Break)),
            Some(Effect::ApplyThenAnswer(failure)) => (true, Some(Effect::Answer(failure))),
            Some(other) => (false, Some(other)),
        };
        let mut record = self.record(&call, sent);
        if !applies {
            return self.end(record, then, None, in_flight).await;
        }
        let (answer, changed) = match call.subresource.as_str() {
            "exec" | "attach" => (self.run(&call, Request::from_parts(parts, body)).await?, false),
            "log" => (self.log(&call).await, false),
            "proxy" => (self.forward(&call).await, false),
            _ => self.handle(&call, &parts.headers, &body),
        };
        record.changed = changed;
        self.end(record, then, Some(answer), in_flight).await
    }

    fn record(&self, call: &Call, body: Value) -> Record {
        Record {
            client: self.client.name.clone(),
            call: call.clone(),
            body,
            code: None,
            changed: false,
        }
    }

    /// Carries a request out after a while, like one that was on its way when its client ended. Until
    /// then, the server has not settled.
    fn late(&self, pause: Duration, call: Call, sent: Value, headers: HeaderMap, body: Bytes) {
        let (connection, in_flight) = (self.clone(), InFlight::new(&self.shared));
        tokio::spawn(async move {
            let _in_flight = in_flight;
            tokio::time::sleep(pause).await;
            let mut record = connection.record(&call, sent);
            record.changed = connection.handle(&call, &headers, &body).1;
            connection.shared.lock().record.push(record);
        });
    }

    /// Returns the effect of a fault on a request.
    fn effect(&self, call: &Call, body: &Value) -> Option<Effect> {
        let mut state = self.shared.lock();
        let State { faults, random, .. } = &mut *state;
        let attempt = Attempt {
            client: &self.client.name,
            call,
            body,
        };
        faults.effect(&attempt, || random.next())
    }

    /// Records a request, and answers it unless the effect of a fault forbids that.
    async fn end(
        &self,
        mut record: Record,
        effect: Option<Effect>,
        answer: Option<Answer>,
        in_flight: InFlight,
    ) -> Result<Answer, BoxError> {
        let answer = match (&effect, answer) {
            (Some(Effect::Answer(failure)), _) => Some(failed(failure)),
            (None, answer) => answer,
            _ => None,
        };
        record.code = answer.as_ref().map(|answer| answer.status().as_u16());
        self.shared.lock().record.push(record);
        drop(in_flight);
        match (effect, answer) {
            (_, Some(answer)) => Ok(answer),
            (Some(Effect::Hang), None) => std::future::pending().await,
            _ => Err(broken()),
        }
    }

    /// Carries out a request for objects. Also returns whether an object changed.
    fn handle(&self, call: &Call, headers: &HeaderMap, body: &[u8]) -> (Answer, bool) {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let form = Form::of(header(header::ACCEPT));
        let (outcome, changed) = {
            let mut state = self.shared.lock();
            let before = state.store.version();
            let outcome = self.carry_out(&mut state, call, form, header(header::CONTENT_TYPE), body);
            (outcome, state.store.version() != before)
        };
        if changed {
            self.shared.announce();
        }
        (outcome.unwrap_or_else(|failure| failed(&failure)), changed)
    }

    fn carry_out(
        &self,
        state: &mut State,
        call: &Call,
        form: Form,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let kind = state.kind_of(call)?;
        if call.verb.writes() {
            let written = state.write(&kind, call, content_type, body)?;
            let shown = if written.is_status {
                Value::clone(&written.object)
            } else {
                form.show(&kind, &written.object)
            };
            return Ok(json(written.code, &shown));
        }
        match (call.verb, call.subresource.as_str()) {
            (Verb::Get, "scale") => state.read_scale(&kind, call).map(|scale| json(200, &scale)),
            (Verb::Get, "" | "status") => state
                .get(&kind, call)
                .map(|object| json(200, &form.show(&kind, &object))),
            (Verb::List, _) => state.list(&kind, call, form).map(|list| json(200, &list)),
            (Verb::Watch, _) => {
                let watch = Watch::open(&self.shared, state, &self.client.name, kind, call, form)?;
                let body = BodyExt::boxed_unsync(StreamBody::new(watch.frames()));
                Ok(response(200, body))
            }
            _ => Err(Failure::no_such_path()),
        }
    }

    /// Runs a command in a pod.
    async fn run(&self, call: &Call, request: Request<Bytes>) -> Result<Answer, BoxError> {
        let found = {
            let state = self.shared.lock();
            let pod = state
                .kind_of(call)
                .and_then(|kind| state.get(&kind, &call.without_query()));
            pod.map(|pod| (pod, state.scripts.exec.clone()))
        };
        match found {
            Err(failure) => Ok(failed(&failure)),
            Ok((pod, script)) => match exec::refusal(call, &pod) {
                Some(failure) => Ok(failed(&failure)),
                None => exec::upgrade(call, request, script).await,
            },
        }
    }

    /// Reads the log of a pod.
    async fn log(&self, call: &Call) -> Answer {
        let found = {
            let state = self.shared.lock();
            let pod = state
                .kind_of(call)
                .and_then(|kind| state.get(&kind, &call.without_query()));
            pod.map(|_| state.scripts.log.clone())
        };
        match found {
            Err(failure) => failed(&failure),
            Ok(script) => response(200, full(script(LogRequest::of(call)).await)),
        }
    }

    /// Passes a request on to a pod.
    async fn forward(&self, call: &Call) -> Answer {
        let request = PodRequest::of(call);
        let found = {
            let state = self.shared.lock();
            let mut call = call.without_query();
            call.name.clone_from(&request.pod);
            let pod = state.kind_of(&call).and_then(|kind| state.get(&kind, &call));
            pod.map(|_| state.scripts.proxy.clone())
        };
        match found {
            Err(failure) => failed(&failure),
            Ok(script) => {
                let answer = script(request).await;
                response(answer.code, full(answer.body))
            }
        }
    }
}

impl State {
    /// Returns the kind of a request.
    fn kind_of(&self, call: &Call) -> Result<Arc<Kind>, Failure> {
        let found = self.kinds.find(&call.group, &call.version, &call.resource);
        found.ok_or_else(Failure::no_such_path)
    }

    /// Returns a number for a new watch.
    pub fn next_watch(&mut self) -> u64 {
        self.activity += 1;
        self.activity
    }
}

fn broken() -> BoxError {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the connection was cut").into()
}

fn full(body: impl Into<Bytes>) -> AnswerBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

fn json(code: u16, value: &Value) -> Answer {
    response(code, full(value.to_string()))
}

fn failed(failure: &Failure) -> Answer {
    let mut answer = json(failure.code, &failure.status());
    if let Some(after) = failure.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, after.as_secs().into());
    }
    answer
}

fn response(code: u16, body: AnswerBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
