//! Connections: encrypted, with a certificate that may be replaced while they are accepted, and
//! limited in number and in the time that a client may take.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may take to say what it wants, from the last answer on.
const HEAD: Duration = Duration::from_secs(30);
/// The most connections at a time. Each API server has a few.
const CONNECTIONS: usize = 128;
/// How long requests that are under way may take once none is accepted any more.
const DRAIN: Duration = Duration::from_secs(10);
/// Between two attempts after one that has failed for want of files, for example.
const PAUSE: Duration = Duration::from_millis(500);

/// When no connection is accepted any more.
pub struct Stop {
    /// That the process is asked to stop.
    pub asked: CancellationToken,
    /// How long connections are accepted afterwards: proxies go on sending them to a pod until they
    /// have learned that it ends.
    pub lingering: Duration,
}

impl Stop {
    async fn reached(&self) {
        self.asked.cancelled().await;
        tokio::time::sleep(self.lingering).await;
    }
}

/// The certificate and the key, from PEM.
pub fn config(certificate: &str, key: &str) -> Result<Arc<ServerConfig>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let certificates = certificates.map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| format!("the key cannot be read: {error}"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| format!("the certificate cannot be used: {error}"))?;
    Ok(Arc::new(config))
}

/// Serves connections until `stop`, and then for as long as others may not know of it yet, each in a
/// task: a client that is slow holds up nobody. A new certificate holds for connections that come
/// after it.
pub async fn serve(listener: TcpListener, config: watch::Receiver<Arc<ServerConfig>>, router: Router, stop: Stop) {
    let (places, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
    let closing = CancellationToken::new();
    let accepting = async {
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let acceptor = TlsAcceptor::from(config.borrow().clone());
                    let (router, closing) = (router.clone(), closing.clone());
                    connections.spawn(async move {
                        if let Err(error) = connection(stream, acceptor, router, closing).await {
                            tracing::debug!(%address, %error, "a connection ended");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! { () = stop.reached() => {}, () = accepting => {} }
    closing.cancel();
    connections.close();
    drop(timeout(DRAIN, connections.wait()).await);
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    closing: CancellationToken,
) -> io::Result<()> {
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = pin!(served);
    let done = tokio::select! {
        done = served.as_mut() => done,
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    done.map_err(io::Error::other)
}
