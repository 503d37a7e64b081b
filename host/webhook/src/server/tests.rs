#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use std::io;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use wasser_test_api_server::{ApiServer, Effect, Fault};

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
    let stop = tls::Stop {
        asked: CancellationToken::new(),
        lingering: Duration::ZERO,
    };
    let (address, config, certificates, ready, _served) = served_until(stop).await;
    (address, config, certificates, ready)
}

/// The same until it is stopped, with the task that serves.
async fn served_until(
    stop: tls::Stop,
) -> (
    SocketAddr,
    watch::Sender<Arc<rustls::ServerConfig>>,
    Certificates,
    Arc<AtomicBool>,
    JoinHandle<()>,
) {
    let certificates = certificates();
    let config = watch::Sender::new(tls::config(&certificates.certificate, &certificates.key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = Server::new(listener, Arc::new(Known(Some("demo"))), "");
    server.answers.stopping = stop.asked.clone();
    let ready = server.answers.ready.clone();
    let router = router(server.answers);
    let served = tls::serve(server.listener, config.subscribe(), router, stop);
    (address, config, certificates, ready, tokio::spawn(served))
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
async fn one_that_is_asked_to_stop_is_not_ready_but_answers_for_a_while() {
    let asked = CancellationToken::new();
    let stop = |lingering| tls::Stop {
        asked: asked.clone(),
        lingering,
    };
    let (address, _config, certificates, ready, served) = served_until(stop(Duration::from_secs(600))).await;
    ready.store(true, Ordering::Release);
    asked.cancel();
    let authorities = &certificates.authorities;
    let probed = ask(address, authorities, "GET", "/readyz", "").await.unwrap();
    assert_eq!(probed, (503, "stopping".to_owned()));
    let (code, _) = ask(address, authorities, "POST", PATH, RECORDED).await.unwrap();
    assert_eq!(code, 200);
    assert!(!served.is_finished());
    served.abort();
    // Then it ends.
    served_until(stop(Duration::ZERO)).await.4.await.unwrap();
}

#[tokio::test]
async fn what_would_take_too_much_memory_is_not_read() {
    let (address, _config, certificates, _ready) = served().await;
    let ask = async |body: &str| {
        ask(address, &certificates.authorities, "POST", PATH, body)
            .await
            .unwrap()
    };
    // As a tree, this takes more than ten times as much.
    let many = RECORDED.replacen(
        "\"options\"",
        &format!("\"x\":[0{}],\"options\"", ",0".repeat(60_000)),
        1,
    );
    assert_eq!(ask(&many).await, (413, "the body has too many values".to_owned()));
    // What is not looked at may be long.
    let long = RECORDED.replacen(
        "\"options\"",
        &format!("\"x\":\"{}\",\"options\"", "x".repeat(2 << 20)),
        1,
    );
    assert_eq!(ask(&long).await.0, 200);
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let (listener, known) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(Known(None)));
    let answers = Server::new(listener, known, "").answers;
    let endless = futures::stream::repeat_with(|| Ok::<_, io::Error>(vec![b' '; 1 << 16]));
    let refused = read(&answers, Body::from_stream(endless)).await.unwrap_err();
    assert_eq!(refused.0, StatusCode::PAYLOAD_TOO_LARGE);
    // Nothing is kept of it.
    assert_eq!(answers.bodies.available_permits(), BODIES);
    assert_eq!(answers.values.available_permits(), ALL_VALUES);
}

#[tokio::test]
async fn it_is_ready_as_long_as_it_is_trusted() {
    let server = ApiServer::new();
    server.namespace("system");
    let configuration = |bundle: Option<String>| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "webhook"},
            "webhooks": [{"name": "a.b.c", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "clientConfig": {"service": {"name": "webhook", "namespace": "system"}, "caBundle": bundle}}],
        })
    };
    server.create(&configuration(None));
    let keeper = Keeper {
        client: server.client("webhook"),
        namespace: "system".to_owned(),
        secret: "certs".to_owned(),
        configuration: "webhook".to_owned(),
        names: vec![NAME.to_owned()],
    };
    let mut changes = std::pin::pin!(keeper.changes());
    changes.next().await.unwrap();
    let ready = Arc::new(AtomicBool::new(true));
    let mut keeping = Keeping {
        keeper: keeper.clone(),
        current: None,
        ready: ready.clone(),
    };
    let mut is_ready = async || {
        let served = keeping.look().await.0.is_some();
        let authorities = keeping
            .current
            .as_ref()
            .map(|current| STANDARD.encode(&current.authorities));
        (ready.load(Ordering::Acquire), served, authorities)
    };
    // This server refuses the patch that would bring the trust.
    let (trusted, served, authorities) = is_ready().await;
    assert_eq!((trusted, served), (false, true));
    for _ in 0..2 {
        server.delete("MutatingWebhookConfiguration", "", "webhook");
        changes.next().await.unwrap();
        assert!(!is_ready().await.0);
        server.create(&configuration(authorities.clone()));
        changes.next().await.unwrap();
        assert!(is_ready().await.0);
    }
    // One that cannot be asked has not lost its trust.
    let configurations = Fault::any().resource("mutatingwebhookconfigurations");
    let unreachable = server.arm(configurations, Effect::Break);
    assert!(is_ready().await.0);
    assert!(unreachable.hits() > 0);
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
