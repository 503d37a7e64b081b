//! The client of the API server: its requests are counted, and none waits for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::client::{Body, ClientBuilder};
use kube::runtime::watcher;
use kube::{Client, Config};
use tower::{Layer, Service};
use wasser_process::Tenure;
use wasser_process::client::{CONNECT_TIMEOUT, Call, Limits};

use crate::metrics::{Answer, Metrics};

/// How long the API server may be silent before a request is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a watch goes on until the API server ends it and another one begins, in seconds. One whose
/// connection is dead shows nothing for so long, and is then given up.
const WATCH: u32 = 60;

/// How everything is watched that the process acts on.
pub fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH)
}

/// A client that counts every request by verb and resource, and writes only during the tenure.
///
/// # Errors
/// If the configuration cannot be used: certificates that cannot be read, for example.
pub fn client(mut config: Config, metrics: &Arc<Metrics>, tenure: &Arc<Tenure>) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let counting = Counting {
        metrics: metrics.clone(),
    };
    let limits = Limits {
        silence: SILENCE,
        tenure: tenure.clone(),
    };
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&limits)
        .with_layer(&counting)
        .build())
}

#[derive(Clone)]
struct Counting {
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A service whose requests are counted when they are sent; a request that is sent again by a layer
/// below counts once.
#[derive(Clone)]
struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = Call::of(
            request.method().as_str(),
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
        );
        let answer = self.metrics.api_request(call.verb, &call.resource);
        let response = self.inner.call(request);
        response
            .map_ok(|response| response.map(|body| CountedBody { body, answer }))
            .boxed()
    }
}

/// A body whose bytes are counted when they have come.
struct CountedBody<B> {
    body: B,
    answer: Answer,
}

impl<B> HttpBody for CountedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(part) = frame.data_ref()
        {
            self.answer.read(part);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
