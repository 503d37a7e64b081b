//! The cluster behind a plugin's capabilities. The operator implements it with a Kubernetes client,
//! tests with a script.

use std::time::Duration;

use async_trait::async_trait;
use wasser_api::ObjectKey;

pub use crate::bindings::exec::Output;
pub use crate::bindings::http::Response;
pub use crate::bindings::pods::Pod as PodRecord;
use crate::bindings::types::Role;

/// Why the cluster could not do what a plugin asked for. The plugin reads the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no such pod, container or object, or it is not running.
    #[error("{0}")]
    NotFound(String),
    /// The request did not finish in time.
    #[error("it did not finish in time")]
    Timeout,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// The cluster, as far as plugins can reach it.
///
/// Only granted calls arrive here. The caller has checked the grant, that a pod belongs to a
/// granted role of this runtime, and the size of each argument.
///
/// Every method fails by default, so that a backend without a cluster implements only what it has.
#[async_trait]
#[allow(unused_variables)] // The names are for readers and implementors.
pub trait Backend: Send + Sync {
    /// Returns the pods of a role. Called often, so answer from a cache if there is one.
    async fn list_pods(&self, scope: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        unavailable("pods.list")
    }

    /// Runs a command, without a shell. White space around the output is removed; more than
    /// `max_output` bytes on one stream are an error.
    async fn exec(
        &self,
        scope: &ObjectKey,
        pod: &str,
        container: &str,
        argv: &[String],
        timeout: Duration,
        max_output: usize,
    ) -> Result<Output, BackendError> {
        unavailable("exec.run")
    }

    /// Requests a path of a pod with GET, without following redirects. A body of more than
    /// `max_body` bytes is an error.
    async fn http_get(
        &self,
        scope: &ObjectKey,
        pod: &str,
        port: u16,
        path: &str,
        timeout: Duration,
        max_body: usize,
    ) -> Result<Response, BackendError> {
        unavailable("http.get")
    }

    /// Returns the value of one key of a Secret in the runtime's namespace; `None` if the Secret or
    /// the key does not exist.
    async fn secret(&self, scope: &ObjectKey, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        unavailable("secrets.get")
    }

    /// Returns an object of the runtime's namespace, or an object of the cluster that the runtime
    /// names; `None` if it does not exist. Never called for a Secret.
    async fn object(
        &self,
        scope: &ObjectKey,
        kind: &str,
        name: &str,
    ) -> Result<Option<serde_json::Value>, BackendError> {
        unavailable("objects.get")
    }

    /// Allocates a host port for each name. The same names get the same ports until the runtime is
    /// deleted.
    async fn allocate_ports(&self, scope: &ObjectKey, names: &[String]) -> Result<Vec<u16>, BackendError> {
        unavailable("ports.allocate")
    }

    /// Returns the value of a key of the runtime's state.
    async fn get_state(&self, scope: &ObjectKey, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        unavailable("state.get")
    }

    /// Sets or removes a key of the runtime's state. The backend limits the total size of all keys.
    async fn set_state(&self, scope: &ObjectKey, key: &str, value: Option<Vec<u8>>) -> Result<(), BackendError> {
        unavailable("state.set")
    }

    /// Publishes an event on the runtime object. `kind` is `Normal` or `Warning`.
    async fn publish_event(
        &self,
        scope: &ObjectKey,
        kind: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), BackendError> {
        unavailable("events.publish")
    }
}

fn unavailable<T>(call: &str) -> Result<T, BackendError> {
    Err(BackendError::Failed(format!("`{call}` is not available here")))
}
