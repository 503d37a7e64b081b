//! What the capabilities of a plugin reach. The engine implements it with a Kubernetes client; tests script it.

use std::time::Duration;

use async_trait::async_trait;

pub use crate::bindings::http::Response;
pub use crate::bindings::pods::{Output, Pod as PodRecord};
use crate::bindings::types::Role;

/// The runtime that a call is made for. Nothing outside its namespace is ever reached on behalf of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Namespace of the runtime.
    pub namespace: String,
    /// Name of the runtime.
    pub name: String,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// Why the cluster could not do what a plugin asked for. The plugin reads the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no such pod, container or object, or it is not running.
    #[error("{0}")]
    NotFound(String),
    /// It did not finish in time.
    #[error("it did not finish in time")]
    Timeout,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// The cluster, as far as plugins can reach it. Only granted calls arrive here: the caller has checked the grant, that a pod belongs
/// to a granted role of this runtime, and the sizes of what the plugin sent.
///
/// Every method fails by default, so that a backend without a cluster implements only what it has.
#[async_trait]
#[allow(unused_variables)] // The names are for readers and implementors.
pub trait Backend: Send + Sync {
    /// The pods of a role, by name. Called often: answer from a cache where there is one.
    async fn list_pods(&self, scope: &Scope, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        unavailable("pods.list")
    }

    /// Runs a command, without a shell. Output is trimmed of white space; more than `max_output` bytes on one stream is an error.
    async fn exec(
        &self,
        scope: &Scope,
        pod: &str,
        container: &str,
        argv: &[String],
        timeout: Duration,
        max_output: usize,
    ) -> Result<Output, BackendError> {
        unavailable("pods.exec")
    }

    /// GET of a path of a pod, without following redirects; a body of more than `max_body` bytes is an error.
    async fn http_get(
        &self,
        scope: &Scope,
        pod: &str,
        port: u16,
        path: &str,
        timeout: Duration,
        max_body: usize,
    ) -> Result<Response, BackendError> {
        unavailable("http.get")
    }

    /// One key of a Secret of the runtime's namespace; none where the Secret or the key is missing.
    async fn secret(&self, scope: &Scope, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        unavailable("secrets.get")
    }

    /// An object of the runtime's namespace, or one of the whole cluster that the runtime names; none where it does not exist. Never
    /// called for a Secret.
    async fn object(&self, scope: &Scope, kind: &str, name: &str) -> Result<Option<serde_json::Value>, BackendError> {
        unavailable("objects.get")
    }

    /// A host port for each name; the same names give the same ports until the runtime is deleted.
    async fn allocate_ports(&self, scope: &Scope, names: &[String]) -> Result<Vec<u16>, BackendError> {
        unavailable("ports.allocate")
    }

    /// The value of a key of the runtime's state.
    async fn get_state(&self, scope: &Scope, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        unavailable("state.get")
    }

    /// Sets a key of the runtime's state, or removes it. The backend limits the size of all keys together.
    async fn set_state(&self, scope: &Scope, key: &str, value: Option<Vec<u8>>) -> Result<(), BackendError> {
        unavailable("state.set")
    }

    /// Publishes an event on the runtime object. `kind` is `Normal` or `Warning`.
    async fn publish_event(&self, scope: &Scope, kind: &str, reason: &str, message: &str) -> Result<(), BackendError> {
        unavailable("events.publish")
    }
}

fn unavailable<T>(call: &str) -> Result<T, BackendError> {
    Err(BackendError::Failed(format!("`{call}` is not available here")))
}
