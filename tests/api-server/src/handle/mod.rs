//! The interface for tests.

mod control;
mod objects;
mod wait;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use kube::Client;
use serde_json::json;

use crate::scripts::{Command, LogRequest, Outcome, PodAnswer, PodRequest};
use crate::server::{ClientInfo, Connection, Shared};
use crate::state::{Random, State};

/// A handle of a server, which lives as long as its last handle or client.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
    clients: Arc<Mutex<Vec<Arc<ClientInfo>>>>,
}

impl Default for ApiServer {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl ApiServer {
    /// Starts a server with the namespaces `default` and `kube-system`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a server whose UIDs, generated names and percentages of faults follow from this seed.
    pub fn seeded(seed: u64) -> Self {
        let state = State {
            random: Random::seeded(seed),
            ..State::default()
        };
        let server = Self {
            shared: Arc::new(Shared::new(state)),
            clients: Arc::default(),
        };
        for name in ["default", "kube-system"] {
            server.namespace(name);
        }
        server
    }

    /// Returns a client, which faults and records know by its name. Must be called in a tokio
    /// runtime.
    pub fn client(&self, name: &str) -> Client {
        let client = Arc::new(ClientInfo {
            name: name.to_owned(),
            is_connected: AtomicBool::new(true),
        });
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(client.clone());
        let connection = Connection {
            shared: self.shared.clone(),
            client,
        };
        Client::new(connection, "default")
    }

    /// Disconnects the existing clients of this name for good, as if their process had ended.
    pub fn disconnect(&self, name: &str) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| {
            if client.name == name {
                client.is_connected.store(false, Ordering::SeqCst);
            }
            client.name != name
        });
        self.shared.lock().cut_client(name);
        self.shared.announce();
    }

    /// Creates a namespace.
    pub fn namespace(&self, name: &str) {
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }

    /// Sets the script that answers for commands in pods.
    pub fn on_exec<F>(&self, script: impl Fn(Command) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        self.shared.lock().scripts.exec = Arc::new(move |command| script(command).boxed());
    }

    /// Sets the script that answers for the logs of pods. A log ends when it is answered.
    pub fn on_log<F>(&self, script: impl Fn(LogRequest) -> F + Send + Sync + 'static)
    where
        F: Future<Output = String> + Send + 'static,
    {
        self.shared.lock().scripts.log = Arc::new(move |request| script(request).boxed());
    }

    /// Sets the script that answers for servers in pods.
    pub fn on_proxy<F>(&self, script: impl Fn(PodRequest) -> F + Send + Sync + 'static)
    where
        F: Future<Output = PodAnswer> + Send + 'static,
    {
        self.shared.lock().scripts.proxy = Arc::new(move |request| script(request).boxed());
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Changes the state and wakes the watches.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let outcome = work(&mut self.shared.lock());
        self.shared.announce();
        outcome
    }
}
