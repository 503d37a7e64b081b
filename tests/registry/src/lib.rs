//! A registry in the process of a test: what the distribution specification of OCI asks for, and
//! every way to fail at it.
//!
//! A [`TestRegistry`] keeps blobs and manifests in memory, and says which requests it got. A [`Fault`]
//! changes what it answers from then on.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod answer;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wasser_pack::oci::artifact::{Artifact, Parts};

/// A plugin that loads nowhere, with this chart.
pub fn demo(chart: &[u8]) -> Artifact {
    Artifact::new(Parts {
        name: "demo",
        version: "0.1.0",
        component: b"\0asm\x0d\0\x01\0",
        chart,
        crds: b"{}\n",
        plugin_yaml: "runtime: DemoRuntime\n",
    })
    .unwrap()
}

/// How a registry fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It answers with this status.
    Status(u16),
    /// It takes requests and does not answer.
    Hangs,
    /// It is a proxy's page of login: all is well, and HTML.
    Html,
    /// Manifests are others than those that were pushed.
    OtherManifests,
    /// The last byte of each blob is another one.
    OtherBlobs,
    /// It takes blobs without saying where they are, and whole ones only.
    Terse,
    /// Blobs do not end.
    EndlessBlobs,
    /// It has tokens at this address.
    Realm(String),
    /// It gives everybody this token, which is in JSON, and takes any.
    Token(String),
    /// It sends everybody to another host.
    Redirects(String),
}

/// What a registry has.
#[derive(Debug, Default)]
struct Contents {
    blobs: BTreeMap<String, Bytes>,
    /// By repository and tag or digest.
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    uploads: BTreeMap<u64, Vec<u8>>,
    user: Option<String>,
    fault: Option<Fault>,
    requests: Vec<String>,
}

type Shared = Arc<Mutex<Contents>>;

/// A registry on loopback, until it is dropped.
#[derive(Debug)]
pub struct TestRegistry {
    host: String,
    contents: Shared,
    serving: JoinHandle<()>,
}

impl TestRegistry {
    /// Starts an empty one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let contents = Shared::default();
        let router = Router::new().fallback(answered).with_state(contents.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            host,
            contents,
            serving,
        }
    }

    /// Returns its address with port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Fails from now on, or no longer.
    pub fn fail(&self, fault: impl Into<Option<Fault>>) {
        self.contents.lock().fault = fault.into();
    }

    /// Serves only this user from now on.
    pub fn require(&self, name: &str, password: &str) {
        let pair = STANDARD.encode(format!("{name}:{password}"));
        self.contents.lock().user = Some(format!("Basic {pair}"));
    }

    /// Puts a manifest there, whatever it is.
    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let value = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
        let mut contents = self.contents.lock();
        for name in [tag.to_owned(), wasser_pack::sha256(bytes)] {
            contents.manifests.insert((repository.to_owned(), name), value.clone());
        }
    }

    /// Returns the manifest under a tag.
    pub fn manifest(&self, repository: &str, tag: &str) -> Bytes {
        let contents = self.contents.lock();
        contents.manifests[&(repository.to_owned(), tag.to_owned())].1.clone()
    }

    /// Returns the tags of a repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let contents = self.contents.lock();
        let of_repository = contents.manifests.keys().filter(|(name, _)| name == repository);
        of_repository
            .map(|(_, tag)| tag.clone())
            .filter(|tag| !tag.contains(':'))
            .collect()
    }

    /// Returns the requests since the last time.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.contents.lock().requests)
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answered(State(contents): State<Shared>, request: Request) -> Response {
    answer::answer(contents, request).await
}
