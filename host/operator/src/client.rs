//! The client of the API server: its requests are counted, and none waits for ever.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::runtime::watcher;
use kube::{Client, Config};
use tower::{Layer, Service};
use wasser_process::Tenure;
use wasser_process::client::{CONNECT_TIMEOUT, Call, Limits};

use crate::metrics::Metrics;

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
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let call = Call::of(
            request.method().as_str(),
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
        );
        self.metrics.api_request(call.verb, &call.resource);
        self.inner.call(request)
    }
}
