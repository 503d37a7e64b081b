//! The client of the API server: its requests are counted, and none waits for ever.

mod call;
mod limits;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::runtime::watcher;
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use self::call::Call;
use self::limits::Limits;
use crate::leader::Tenure;
use crate::metrics::Metrics;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the API server may be silent before a request is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// The same where somebody waits for the process: the kubelet with a pod, or the API server itself.
const IMPATIENCE: Duration = Duration::from_secs(10);

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

/// A client for a process that asks for single objects and whose work others wait for.
///
/// # Errors
/// If the configuration cannot be used: certificates that cannot be read, for example.
pub fn impatient(config: Config) -> kube::Result<Client> {
    limited(config, IMPATIENCE)
}

fn limited(mut config: Config, silence: Duration) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let tenure = Arc::new(Tenure::new(CancellationToken::new()));
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&Limits { silence, tenure })
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PersistentVolume;
    use kube::Api;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = limited(Config::new(url.parse().unwrap()), Duration::from_millis(20)).unwrap();
        let volumes = Api::<PersistentVolume>::all(client);
        let error = volumes.get("a").await.unwrap_err().to_string();
        assert!(error.contains("did not answer within 20ms"), "{error}");
    }
}
