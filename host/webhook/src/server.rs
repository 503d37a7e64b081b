//! The server that the API server asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::certificates::Certificates;
use crate::datasets::Datasets;
use crate::keeper::{Keeper, KeeperError};
use crate::{review, tls};

/// Where the API server asks: the same place as in Fluid.
pub const PATH: &str = "/mutate-fluid-io-v1alpha1-schedulepod";
/// The largest body of a request: a pod as the API server takes it, with its former state
/// it, fits by far.
const BODY: usize = 8 << 20;
/// How often certificates and trust are looked after: a chart that was installed again takes the
/// trust away.
const ROUND: Duration = Duration::from_secs(60);
/// The same while something is wrong.
const AGAIN: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Answers {
    datasets: Arc<dyn Datasets>,
    prefetcher: Arc<str>,
    ready: Arc<AtomicBool>,
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
            },
        }
    }

    /// Serves until stopped, with certificates that `keeper` keeps. It is ready once the API
    /// server trusts them.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn run(self, keeper: Keeper, stop: CancellationToken) -> io::Result<()> {
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
            tokio::select! { () = stop.cancelled() => return Ok(()), () = tokio::time::sleep(pause) => {} }
        };
        let config = watch::Sender::new(first);
        let listener = tls::Encrypted::new(self.listener, config.subscribe())?;
        let router = router(self.answers);
        let kept = async {
            let mut pause = AGAIN;
            loop {
                tokio::time::sleep(pause).await;
                let (new, next) = keeping.look().await;
                if let Some(new) = new {
                    config.send_replace(new);
                }
                pause = next;
            }
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::select! { served = served.into_future() => served, () = kept => Ok(()) }
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
                self.ready.fetch_or(trusted.is_ok(), Ordering::AcqRel);
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
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(answers)
}

async fn ready(State(answers): State<Answers>) -> (StatusCode, &'static str) {
    if answers.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ok")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting until the API server trusts this server",
        )
    }
}

async fn mutate(State(answers): State<Answers>, body: Bytes) -> Response {
    let Ok(question) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is not JSON").into_response();
    };
    match review::answer(&question, answers.datasets.as_ref(), &answers.prefetcher).await {
        Some(answer) => ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        None => (
            StatusCode::BAD_REQUEST,
            "the body is not an AdmissionReview with a request",
        )
            .into_response(),
    }
}

#[cfg(test)]
mod tests;
