//! The cluster behind a plugin's capabilities. The operator implements it with a Kubernetes client,
//! tests with a script.

use std::time::Duration;

use async_trait::async_trait;
use wasser_api::ObjectKey;

pub use crate::bindings::exec::{Captured, Ending, Output};
pub use crate::bindings::http::Response;
pub use crate::bindings::pods::Pod as PodRecord;
pub use crate::bindings::state::Entry as StateEntry;
use crate::bindings::types::Role;

/// Why the cluster could not do what a plugin asked for. The plugin reads the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no such pod, container or object, or it is not running.
    #[error("{0}")]
    NotFound(String),
    /// Somebody else has changed it since it was read.
    #[error("{0}")]
    Conflict(String),
    /// Too much was asked for at once.
    #[error("{message}; ask again in {seconds} s")]
    Throttled {
        /// When to ask again.
        seconds: u32,
        /// The reason.
        message: String,
    },
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

    /// Returns whether the API server is asked for the pods of a role each time, which weighs more.
    fn asks_for_pods(&self, role: &Role) -> bool {
        false
    }

    /// Runs a command, without a shell. What it writes beyond the limit is not kept, and a command
    /// that does not end is left alone once its time is over.
    async fn exec(&self, scope: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        unavailable("exec.run")
    }

    /// Requests a path of a pod with GET, without following redirects.
    async fn http_get(&self, scope: &ObjectKey, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
        unavailable("http.send")
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
    async fn get_state(&self, scope: &ObjectKey, key: &str) -> Result<Option<StateEntry>, BackendError> {
        unavailable("state.get")
    }

    /// Returns the keys of the runtime's state, sorted.
    async fn state_keys(&self, scope: &ObjectKey) -> Result<Vec<String>, BackendError> {
        unavailable("state.keys")
    }

    /// Sets or removes a key of the runtime's state that has this version, or that has no value if
    /// there is none. Returns the new version, which is empty if the key was removed. The backend
    /// limits the total size of all keys.
    async fn set_state(
        &self,
        scope: &ObjectKey,
        key: &str,
        value: Option<Vec<u8>>,
        if_version: Option<&str>,
    ) -> Result<String, BackendError> {
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

/// Memory for what a pod answers.
pub trait Room: std::fmt::Debug + Send + Sync {
    /// Takes this many bytes more. Without them, what they are for must not be kept.
    fn take(&self, bytes: usize) -> bool;
}

/// A command that was checked.
#[derive(Debug, Clone, Copy)]
pub struct ExecCommand<'a> {
    /// The pod, which belongs to a granted role of the runtime.
    pub pod: &'a str,
    /// The container.
    pub container: &'a str,
    /// The program and its arguments.
    pub argv: &'a [String],
    /// What it reads from standard input.
    pub stdin: Option<&'a [u8]>,
    /// How long it can take.
    pub timeout: Duration,
    /// The maximum bytes to keep of each stream.
    pub max_output: usize,
    /// Where each of them is taken from before it is kept.
    pub room: &'a dyn Room,
}

/// A request that was checked.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// The pod, which belongs to a granted role of the runtime.
    pub pod: &'a str,
    /// Its port.
    pub port: u16,
    /// The path, which does not go up.
    pub path: &'a str,
    /// How long the answer can take.
    pub timeout: Duration,
    /// The maximum bytes to keep of the body.
    pub max_body: usize,
    /// Where each of them is taken from before it is kept.
    pub room: &'a dyn Room,
}

fn unavailable<T>(call: &str) -> Result<T, BackendError> {
    Err(BackendError::Failed(format!("`{call}` is not available here")))
}
