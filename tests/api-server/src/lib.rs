//! A Kubernetes API server in the process of a test.
//!
//! [`ApiServer`] answers the requests of `kube::Client`s from maps in memory, in microseconds, so
//! that controllers run against it unchanged. Nothing runs by itself: a test plays the part of the
//! cluster's own controllers with [`ApiServer::edit_status`] and [`ApiServer::collect`], and
//! [`ApiServer::settled`] waits until its clients are idle. A [`Fault`] makes requests fail, hang
//! or lose their answer; [`ApiServer::hold`] and [`ApiServer::cut`] do the same to watches.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::Api;
//! use serde_json::json;
//! use wasser_test_api_server::ApiServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> kube::Result<()> {
//! let server = ApiServer::new();
//! server.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}));
//! let maps = Api::<ConfigMap>::namespaced(server.client("test"), "default");
//! assert_eq!(maps.get("a").await?.data.unwrap()["k"], "v");
//! # Ok(())
//! # }
//! ```
//!
//! # Why our own
//!
//! The crate `kube-fake-client` (0.3.0) follows controller-runtime's fake client. It needs kube 4,
//! has no watches and no pages, treats an apply as a merge patch, which removes nothing, and cannot
//! delay or lose an answer. It also depends on `aws-lc-sys`, which `deny.toml` does not allow.
//!
//! # Fidelity
//!
//! As on a real server: reads and lists with selectors, pages and metadata only; watches with
//! bookmarks, timeouts and 410; versions and UIDs as preconditions; merge patches; server-side
//! apply with owners, conflicts and removals; statuses and scales as subresources; generations;
//! finalizers and propagation policies; CRDs with pruning, defaults and validation; events in both
//! groups; discovery; and `pods/exec`, `pods/log` and `pods/proxy` with scripted answers.
//!
//! Not implemented: authentication and authorisation, webhooks, dry runs of anything but a create or an apply,
//! strategic and JSON patches, deletion of collections, lists of older versions, conversion between versions, and the
//! subresources `ephemeralcontainers`, `eviction` and `token`. Kubernetes' own kinds get the
//! defaults and refusals in `admit`, not all that a real server has; the keys of their lists are a
//! table in `fields/shape.rs`. Faults and records leave out discovery.

// A crate for tests fails as they do, by panicking.
#![allow(clippy::panic)]

mod admit;
mod call;
mod collect;
mod exec;
mod failure;
mod faults;
mod fields;
mod handle;
mod kinds;
mod lags;
mod read;
mod record;
mod scripts;
mod selectors;
mod server;
mod snapshot;
mod state;
mod store;
mod watch;
mod write;

pub use call::{Call, Query, Verb};
pub use failure::Failure;
pub use faults::{Armed, Attempt, Effect, Fault};
pub use handle::ApiServer;
pub use record::{Record, Requests};
pub use scripts::{Command, LogRequest, Outcome, PodAnswer, PodRequest};
pub use snapshot::{Difference, Snapshot};
pub use watch::Cut;
