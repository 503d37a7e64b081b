//! The probes `/healthz` and `/readyz`, and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasser_process::listening;

use crate::fluid::Fluid;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

const CACHES: u8 = 1;
const REGISTRATIONS: u8 = 2;
const STOPPING: u8 = 4;

/// How far the process has come. It is ready when its caches hold what the API server has and every
/// registration was looked at.
pub struct Health {
    reached: watch::Sender<u8>,
    started: Instant,
    metrics: Arc<Metrics>,
    fluid: watch::Sender<Fluid>,
    /// Watches over the tasks that the process cannot do without.
    pub supervisor: Arc<Supervisor>,
}

impl Health {
    /// Nothing is reached yet. `started` is when the process began.
    pub fn new(started: Instant, metrics: Arc<Metrics>) -> Self {
        Self {
            reached: watch::Sender::new(0),
            started,
            metrics,
            fluid: watch::Sender::new(Fluid::Absent),
            supervisor: Arc::default(),
        }
    }

    /// The watches of all objects have been filled.
    pub fn caches_synced(&self) {
        self.reach(CACHES);
    }

    /// Every registration that there was at the start is loaded or refused.
    pub fn registrations_processed(&self) {
        self.reach(REGISTRATIONS);
    }

    /// Whether every registration that there was at the start is loaded or refused.
    pub fn has_registrations(&self) -> bool {
        *self.reached.borrow() & REGISTRATIONS != 0
    }

    /// Waits until every registration that there was at the start is loaded or refused.
    pub async fn wait_for_registrations(&self) {
        // The sender is this object's own, so that there is always something to wait for.
        let _ = self
            .reached
            .subscribe()
            .wait_for(|reached| reached & REGISTRATIONS != 0)
            .await;
    }

    /// Whether Fluid runs, which is written to what this returns.
    pub fn fluid(&self) -> watch::Sender<Fluid> {
        self.fluid.clone()
    }

    /// The process takes no new work.
    pub fn stopping(&self) {
        self.reach(STOPPING);
    }

    /// What is still missing before the process is ready; none if it is.
    pub fn missing(&self) -> Option<&'static str> {
        if *self.fluid.borrow() != Fluid::Absent {
            return Some(
                "waiting for Fluid, whose controllers renew the lease dataset.data.fluid.io; uninstall it: only one of the \
                    two may run",
            );
        }
        match *self.reached.borrow() {
            reached if reached & STOPPING != 0 => Some("stopping"),
            reached if reached & CACHES == 0 => {
                Some("waiting for the first list of all watched objects; are the CRDs installed (`wasser crds`)?")
            }
            reached if reached & REGISTRATIONS == 0 => Some("waiting for the registrations of plugins"),
            _ => None,
        }
    }

    fn reach(&self, step: u8) {
        let mut before = 0;
        self.reached.send_modify(|reached| {
            before = *reached;
            *reached |= step;
        });
        let ready = CACHES | REGISTRATIONS;
        if before != ready && before | step == ready {
            let after = self.started.elapsed();
            self.metrics.ready(after);
            tracing::info!(milliseconds = after.as_millis(), "ready");
        }
    }
}

/// The addresses to serve on. Equal ones are served once; none is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For `/metrics`.
    pub metrics: Option<SocketAddr>,
    /// For `/healthz` and `/readyz`.
    pub health: Option<SocketAddr>,
}

/// Serves until stopped. The sockets are open when this returns.
pub fn serve(
    addresses: Addresses,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let probes = probes(health);
    let numbers = Router::new().route("/metrics", get(scrape)).with_state(metrics);
    match addresses {
        Addresses {
            metrics: Some(metrics),
            health: Some(health),
        } if metrics == health => listen(metrics, probes.merge(numbers), &stop),
        Addresses { metrics, health } => {
            if let Some(address) = metrics {
                listen(address, numbers, &stop)?;
            }
            if let Some(address) = health {
                listen(address, probes, &stop)?;
            }
            Ok(())
        }
    }
}

fn probes(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(health)
}

fn listen(address: SocketAddr, router: Router, stop: &CancellationToken) -> std::io::Result<()> {
    let listener = listening::bind(address)?;
    let stop = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::error!(%address, %error, "serving probes and metrics ended");
        }
    });
    Ok(())
}

async fn alive(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    health
        .supervisor
        .hanging(Instant::now())
        .map_or((StatusCode::OK, "ok".to_owned()), |hanging| {
            (StatusCode::SERVICE_UNAVAILABLE, hanging)
        })
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    health.missing().map_or((StatusCode::OK, "ok"), |missing| {
        (StatusCode::SERVICE_UNAVAILABLE, missing)
    })
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        metrics.text(),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    fn health() -> Arc<Health> {
        Arc::new(Health::new(Instant::now(), Arc::new(Metrics::new())))
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[test]
    fn readiness_takes_caches_and_registrations_in_any_order() {
        let health = health();
        assert!(health.missing().unwrap().contains("first list"));
        health.registrations_processed();
        assert!(health.missing().unwrap().contains("first list"));
        health.caches_synced();
        assert_eq!(health.missing(), None);
        health
            .fluid()
            .send_replace(Fluid::Runs("fluid-system (pod)".to_owned()));
        assert!(health.missing().unwrap().contains("Fluid"));
        health.fluid().send_replace(Fluid::Absent);
        health.stopping();
        assert_eq!(health.missing(), Some("stopping"));
    }

    #[tokio::test]
    async fn probes_and_metrics_share_an_address() {
        let (health, metrics, stop) = (health(), Arc::new(Metrics::new()), CancellationToken::new());
        let at_a_free_port = || {
            let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let addresses = Addresses {
                metrics: Some(address),
                health: Some(address),
            };
            serve(addresses, health.clone(), metrics.clone(), stop.clone()).map(|()| address)
        };
        // Another test may have got the port meanwhile.
        let address = at_a_free_port().or_else(|_| at_a_free_port()).unwrap();
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        health.caches_synced();
        health.registrations_processed();
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/metrics").await.contains("# EOF"));
        stop.cancel();
    }
}
