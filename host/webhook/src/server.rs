//! The server that the API server asks.
//!
//! It is told nothing about who asks: any pod can connect. So what requests take is limited, each
//! and in sum, such that the sum fits into the memory of the container.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::certificates::Certificates;
use crate::datasets::Datasets;
use crate::keeper::{Keeper, KeeperError};
use crate::review::Review;
use crate::{review, tls};

/// Where the API server asks: the same place as in Fluid.
pub const PATH: &str = "/mutate-fluid-io-v1alpha1-schedulepod";
/// The largest body of a request, the same as the API server's own limit.
const BODY: usize = 3 << 20;
/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(3);
/// The most bodies that are read at a time.
const BODIES: usize = 8;
/// How long a request waits for others, before the API server does not wait any more.
const TURN: Duration = Duration::from_secs(5);
/// The most values of a review: a pod that the API server can keep has fewer.
const VALUES: u32 = 50_000;
/// The most values of all reviews that are being answered.
const ALL_VALUES: usize = 2 * VALUES as usize;
/// How often certificates and trust are looked after: a chart that was installed again takes the
/// trust away.
const ROUND: Duration = Duration::from_secs(60);
/// The same while something is wrong.
const AGAIN: Duration = Duration::from_secs(2);
/// How long reviews are still accepted when the process is asked to stop. With the time for those
/// that are under way, it is less than a pod's grace period of 30 s.
const LINGERING: Duration = Duration::from_secs(8);

#[derive(Clone)]
struct Answers {
    datasets: Arc<dyn Datasets>,
    prefetcher: Arc<str>,
    ready: Arc<AtomicBool>,
    stopping: CancellationToken,
    bodies: Arc<Semaphore>,
    values: Arc<Semaphore>,
}

/// Answers reviews of pods.
pub struct Server {
    listener: TcpListener,
    answers: Answers,
}

impl Server {
    /// A server that will answer what comes to this listener. `prefetcher` is the image that reads
    /// files in advance for pods that name none; it may be empty.
    pub fn new(listener: TcpListener, datasets: Arc<dyn Datasets>, prefetcher: &str) -> Self {
        let ready = Arc::new(AtomicBool::new(false));
        Self {
            listener,
            answers: Answers {
                datasets,
                prefetcher: prefetcher.into(),
                ready,
                stopping: CancellationToken::new(),
                bodies: Arc::new(Semaphore::new(BODIES)),
                values: Arc::new(Semaphore::new(ALL_VALUES)),
            },
        }
    }

    /// Serves until stopped, with certificates that `keeper` keeps. It is ready while the API
    /// server trusts them. Once it is asked to stop, it is not ready, and answers what still comes.
    pub async fn run(mut self, keeper: Keeper, stop: CancellationToken) {
        self.answers.stopping = stop.clone();
        let mut changes = std::pin::pin!(keeper.changes());
        let mut keeping = Keeping {
            keeper,
            current: None,
            ready: self.answers.ready.clone(),
        };
        // Without a certificate, there is nothing to be served.
        let first = loop {
            let (config, pause) = keeping.look().await;
            if let Some(config) = config {
                break config;
            }
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(pause) => {} }
        };
        let config = watch::Sender::new(first);
        let stop = tls::Stop {
            asked: stop,
            lingering: LINGERING,
        };
        let served = tls::serve(self.listener, config.subscribe(), router(self.answers), stop);
        let kept = async {
            let mut pause = AGAIN;
            loop {
                tokio::select! { () = tokio::time::sleep(pause) => {}, Some(()) = changes.next() => {} }
                let (new, next) = keeping.look().await;
                if let Some(new) = new {
                    config.send_replace(new);
                }
                pause = next;
            }
        };
        tokio::select! { () = served => {}, () = kept => {} }
    }
}

/// The certificates as they are served.
struct Keeping {
    keeper: Keeper,
    current: Option<Certificates>,
    ready: Arc<AtomicBool>,
}

impl Keeping {
    /// Looks after everything once. Says what is to be served from now on, if that is new, and when
    /// to look again.
    async fn look(&mut self) -> (Option<Arc<rustls::ServerConfig>>, Duration) {
        match self.renew().await {
            Ok(new) => {
                let trusted = match &self.current {
                    Some(current) => self.keeper.trust(&current.authorities).await,
                    None => Ok(()),
                };
                if let Err(error) = &trusted {
                    tracing::warn!(%error, "the API server does not trust this server");
                }
                // An API server that does not answer has not lost its trust.
                match &trusted {
                    Ok(()) => self.ready.store(true, Ordering::Release),
                    Err(error) if error.is_loss() => self.ready.store(false, Ordering::Release),
                    Err(_) => {}
                }
                (new, if trusted.is_ok() { ROUND } else { AGAIN })
            }
            Err(error) => {
                tracing::warn!(%error, "the certificates could not be looked after");
                (None, AGAIN)
            }
        }
    }

    async fn renew(&mut self) -> Result<Option<Arc<rustls::ServerConfig>>, KeeperError> {
        let certificates = self.keeper.certificates().await?;
        if self.current.as_ref() == Some(&certificates) {
            return Ok(None);
        }
        match tls::config(&certificates.certificate, &certificates.key) {
            Ok(config) => {
                self.current = Some(certificates);
                Ok(Some(config))
            }
            Err(reason) => Err(KeeperError::Unusable(self.keeper.secret.clone(), reason)),
        }
    }
}

fn router(answers: Answers) -> Router {
    Router::new()
        .route(PATH, post(mutate))
        .route("/healthz", get(|| std::future::ready("ok")))
        .route("/readyz", get(ready))
        .with_state(answers)
}

async fn ready(State(answers): State<Answers>) -> (StatusCode, &'static str) {
    if answers.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if answers.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ok")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting until the API server trusts this server",
        )
    }
}

async fn mutate(State(answers): State<Answers>, body: Body) -> Response {
    let (review, _values) = match read(&answers, body).await {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    let answer = review::answer(review, answers.datasets.as_ref(), &answers.prefetcher).await;
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// Reads a review when it is its turn, with the place that its values take.
async fn read(answers: &Answers, body: Body) -> Result<(Review, OwnedSemaphorePermit), (StatusCode, &'static str)> {
    let busy = (StatusCode::SERVICE_UNAVAILABLE, "too many reviews at a time");
    let turn =
        async |places: &Arc<Semaphore>, count| match timeout(TURN, places.clone().acquire_many_owned(count)).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(busy),
        };
    let _place = turn(&answers.bodies, 1).await?;
    let body = match timeout(BODY_TIME, to_bytes(body, BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was cut off")),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the body takes too long")),
    };
    let count = u32::try_from(review::values(&body))
        .ok()
        .filter(|count| *count <= VALUES);
    let Some(count) = count else {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body has too many values"));
    };
    let place = turn(&answers.values, count).await?;
    match serde_json::from_slice(&body) {
        Ok(review) => Ok((review, place)),
        Err(_) => Err((
            StatusCode::BAD_REQUEST,
            "the body is not an AdmissionReview with a request",
        )),
    }
}

#[cfg(test)]
mod tests;
