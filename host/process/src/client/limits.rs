//! Limits of the requests: an answer that does not come is not waited for, and nothing is written
//! or finished once another replica may lead.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::{BoxError, Layer, Service};

use super::call::Call;
use crate::tenure::Tenure;

/// How many times longer a list may take: the API server itself ends one only after a minute.
const LISTS: u32 = 3;

/// Why a request was given up.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    #[error("the API server did not answer within {limit:?}: {request}")]
    Unanswered { request: String, limit: Duration },
    #[error("this replica no longer leads; another one goes on: {request}")]
    Ousted { request: String },
}

/// Adds the limits to a client.
#[derive(Clone)]
pub struct Limits {
    /// How long the API server may take to begin an answer, and between two parts of one.
    pub silence: Duration,
    /// Whether this process may write.
    pub tenure: Arc<Tenure>,
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            limits: self.clone(),
        }
    }
}

/// A service with limits.
#[derive(Clone)]
pub struct Limited<S> {
    inner: S,
    limits: Limits,
}

impl<S, B> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<LimitedBody<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, uri) = (request.method().as_str(), request.uri());
        let call = Call::of(method, uri.path(), uri.query().unwrap_or_default());
        let described = format!("{method} {}", uri.path());
        let Limits { silence, tenure } = &self.limits;
        if call.writes() && tenure.is_over() {
            let ousted = GivenUp::Ousted { request: described };
            return std::future::ready(Err(ousted.into())).boxed();
        }
        let limit = match call.verb {
            "list" => Some(*silence * LISTS),
            // The API server begins its answer at once.
            "watch" => Some(*silence),
            _ => (!call.is_open_ended()).then_some(*silence),
        };
        let ended = tenure.ended();
        let answer = self.inner.call(request);
        async move {
            let mut limits = BodyLimits {
                silence: limit.map(|limit| (limit, Box::pin(tokio::time::sleep(limit)))),
                ended: Box::pin(ended),
                request: described,
            };
            let answer = tokio::select! {
                biased;
                given_up = limits.reached() => return Err(given_up.into()),
                answer = answer => answer.map_err(Into::into)?,
            };
            if call.verb == "watch" {
                // Nothing may happen for long. Whoever reads it knows when it should have ended.
                limits.silence = None;
            }
            Ok(answer.map(|body| LimitedBody { body, limits }))
        }
        .boxed()
    }
}

/// The limits of one answer.
struct BodyLimits {
    silence: Option<(Duration, Pin<Box<Sleep>>)>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    request: String,
}

impl BodyLimits {
    /// Waits until a limit is reached.
    async fn reached(&mut self) -> GivenUp {
        std::future::poll_fn(|context| self.poll_reached(context)).await
    }

    fn poll_reached(&mut self, context: &mut Context<'_>) -> Poll<GivenUp> {
        if self.ended.as_mut().poll(context).is_ready() {
            let request = self.request.clone();
            return Poll::Ready(GivenUp::Ousted { request });
        }
        if let Some((limit, silence)) = &mut self.silence
            && silence.as_mut().poll(context).is_ready()
        {
            let (request, limit) = (self.request.clone(), *limit);
            return Poll::Ready(GivenUp::Unanswered { request, limit });
        }
        Poll::Pending
    }
}

/// A body whose parts must not be too far apart.
pub struct LimitedBody<B> {
    body: B,
    limits: BodyLimits,
}

impl<B> HttpBody for LimitedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, limits } = &mut *self;
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if let Some((limit, silence)) = &mut limits.silence {
                silence.as_mut().reset(Instant::now() + *limit);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        limits.poll_reached(context).map(|given_up| Some(Err(given_up.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{ListParams, PostParams, WatchEvent, WatchParams};
    use kube::client::ClientBuilder;
    use kube::{Api, Client};
    use serde_json::json;
    use tokio_util::sync::CancellationToken;
    use wasser_test_api_server::{ApiServer, Effect, Fault, Verb};

    use super::*;

    const OPERATOR: &str = "operator";

    /// A client of a server, with the limits.
    fn client(server: &ApiServer, silence: Duration, tenure: &Arc<Tenure>) -> Client {
        let client = server.client(OPERATOR);
        let send = tower::service_fn(move |request: Request<Body>| {
            let client = client.clone();
            async move { client.send(request).await }
        });
        let tenure = tenure.clone();
        ClientBuilder::new(send, "default")
            .with_layer(&Limits { silence, tenure })
            .build()
    }

    fn tenure() -> Arc<Tenure> {
        Arc::new(Tenure::new(CancellationToken::new()))
    }

    fn map(name: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_not_waited_for_but_a_watch_may_be_silent() {
        let server = ApiServer::new();
        let maps = Api::<ConfigMap>::default_namespaced(server.client("other"));
        let version = maps
            .list(&ListParams::default())
            .await
            .unwrap()
            .metadata
            .resource_version;
        let limited = client(&server, Duration::from_millis(200), &tenure());
        let limited = Api::<ConfigMap>::default_namespaced(limited);
        let watch = limited.watch(&WatchParams::default(), &version.unwrap()).await;
        let mut events = watch.unwrap().boxed();

        let armed = server.arm(Fault::any().of(OPERATOR).times(1), Effect::ApplyThenHang);
        let (params, first) = (PostParams::default(), map("a"));
        let error = limited.create(&params, &first).await.unwrap_err();
        assert!(error.to_string().contains("did not answer within 200ms"), "{error}");
        assert_eq!(armed.hits(), 1);

        let event = events.next().await;
        assert!(matches!(event, Some(Ok(WatchEvent::Added(_)))), "{event:?}");
        maps.create(&params, &map("b")).await.unwrap();
        let event = events.next().await;
        assert!(matches!(event, Some(Ok(WatchEvent::Added(_)))), "{event:?}");
    }

    #[tokio::test]
    async fn a_watch_that_does_not_begin_is_not_waited_for() {
        let server = ApiServer::new();
        let limited = client(&server, Duration::from_millis(20), &tenure());
        let limited = Api::<ConfigMap>::default_namespaced(limited);
        let armed = server.arm(Fault::any().of(OPERATOR).verb(Verb::Watch).times(1), Effect::Hang);
        let begun = limited.watch(&WatchParams::default(), "0").await;
        let error = begun.err().unwrap().to_string();
        assert!(error.contains("did not answer within 20ms"), "{error}");
        assert_eq!(armed.hits(), 1);
    }

    #[tokio::test]
    async fn the_end_of_the_tenure_ends_requests_and_forbids_writes() {
        let (server, tenure) = (ApiServer::new(), tenure());
        let maps = Api::<ConfigMap>::default_namespaced(client(&server, Duration::from_secs(60), &tenure));
        let armed = server.arm(Fault::any().of(OPERATOR).times(1), Effect::Hang);
        let params = PostParams::default();
        let first = map("a");
        let ousting = async {
            armed.hit(1).await;
            tenure.end();
        };
        let (created, ()) = futures::future::join(maps.create(&params, &first), ousting).await;
        assert!(created.unwrap_err().to_string().contains("no longer leads"));
        let refused = maps.create(&params, &map("b")).await.unwrap_err();
        assert!(refused.to_string().contains("no longer leads"), "{refused}");
        assert!(server.objects("ConfigMap", "default").is_empty());
    }
}
