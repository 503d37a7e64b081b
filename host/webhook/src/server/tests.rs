#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use std::net::SocketAddr;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::certificates::{Certificates, renewed};
use crate::review::tests::{Known, RECORDED};

const NAME: &str = "webhook.system.svc";

fn certificates() -> Certificates {
    renewed(None, &[NAME.to_owned()], Timestamp::now()).unwrap().unwrap()
}

/// Asks as the API server does, and trusts whom it is configured to trust.
async fn ask(
    address: SocketAddr,
    authorities: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let mut stream = connected.map_err(|error| error.to_string())?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {NAME}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server need not say that it closes.
    if let Err(error) = stream.read_to_end(&mut answer).await {
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// A server without a cluster.
async fn served() -> (
    SocketAddr,
    watch::Sender<Arc<rustls::ServerConfig>>,
    Certificates,
    Arc<AtomicBool>,
) {
    let certificates = certificates();
    let config = watch::Sender::new(tls::config(&certificates.certificate, &certificates.key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(listener, Arc::new(Known(Some("demo"))), "");
    let ready = server.answers.ready.clone();
    let listener = tls::Encrypted::new(server.listener, config.subscribe()).unwrap();
    tokio::spawn(axum::serve(listener, router(server.answers)).into_future());
    (address, config, certificates, ready)
}

#[tokio::test]
async fn a_recorded_review_is_answered_over_https() {
    let (address, _config, certificates, ready) = served().await;
    let (code, body) = ask(address, &certificates.authorities, "POST", PATH, RECORDED)
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &answer["response"]["allowed"]), (200, &Value::Bool(true)));
    assert!(answer["response"]["patch"].is_string(), "{answer}");
    for bad in ["", "{", "{}", "[]"] {
        let (code, _) = ask(address, &certificates.authorities, "POST", PATH, bad)
            .await
            .unwrap();
        assert_eq!(code, 400, "{bad}");
    }
    assert_eq!(
        ask(address, &certificates.authorities, "GET", "/readyz", "")
            .await
            .unwrap()
            .0,
        503
    );
    ready.store(true, Ordering::Release);
    assert_eq!(
        ask(address, &certificates.authorities, "GET", "/readyz", "")
            .await
            .unwrap()
            .0,
        200
    );
}

#[tokio::test]
async fn a_new_certificate_holds_at_once_and_a_slow_client_holds_up_nobody() {
    let (address, config, old, _ready) = served().await;
    let _slow = TcpStream::connect(address).await.unwrap();
    let new = certificates();
    assert!(ask(address, &new.authorities, "GET", "/healthz", "").await.is_err());
    config.send_replace(tls::config(&new.certificate, &new.key).unwrap());
    assert_eq!(
        ask(address, &new.authorities, "GET", "/healthz", "").await.unwrap().1,
        "ok"
    );
    assert!(ask(address, &old.authorities, "GET", "/healthz", "").await.is_err());
}
