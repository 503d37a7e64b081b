//! A cluster that returns fixed answers and records the calls.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::Role;
use wasser_plugin::{Backend, BackendError, ExecCommand, HttpRequest, Output, PodRecord, Response, StateEntry};

#[derive(Default)]
pub struct Fake {
    pub asked: Mutex<Vec<String>>,
    /// Whether commands never end.
    pub hangs: bool,
    /// Whether no watch shows its pods.
    pub asks_for_pods: bool,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub fn hanging() -> Arc<Self> {
        Arc::new(Self {
            hangs: true,
            ..Self::default()
        })
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub fn scope() -> ObjectKey {
    ObjectKey {
        namespace: "default".to_owned(),
        name: "demo".to_owned(),
    }
}

#[async_trait]
impl Backend for Fake {
    async fn list_pods(&self, scope: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        if self.asks_for_pods {
            self.note(format!("pods {scope} {}", role.name));
        }
        let name = format!("{}{}-0", scope.name, role.suffix);
        Ok(vec![PodRecord {
            name,
            role: role.name.clone(),
            node: "node1".to_owned(),
            ip: "10.0.0.1".to_owned(),
            ready: true,
            started_at: 1,
        }])
    }

    fn asks_for_pods(&self, _role: &Role) -> bool {
        self.asks_for_pods
    }

    async fn exec(&self, scope: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        let (pod, container, argv) = (command.pod, command.container, command.argv);
        let (timeout, max) = (command.timeout, command.max_output);
        self.note(format!("exec {scope} {pod} {container} {argv:?} {timeout:?} {max}"));
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(BackendError::Failed("exec was made".to_owned()))
    }

    async fn http_get(&self, scope: &ObjectKey, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
        let (pod, port, path) = (request.pod, request.port, request.path);
        self.note(format!("http {scope} {pod}:{port}{path}"));
        Err(BackendError::Failed("http was made".to_owned()))
    }

    async fn secret(&self, scope: &ObjectKey, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.note(format!("secret {scope} {name} {key}"));
        Err(BackendError::Failed("secret was read".to_owned()))
    }

    async fn object(
        &self,
        scope: &ObjectKey,
        kind: &str,
        name: &str,
    ) -> Result<Option<serde_json::Value>, BackendError> {
        self.note(format!("object {scope} {kind} {name}"));
        Err(BackendError::Failed("object was read".to_owned()))
    }

    async fn allocate_ports(&self, scope: &ObjectKey, names: &[String]) -> Result<Vec<u16>, BackendError> {
        self.note(format!("ports {scope} {names:?}"));
        Err(BackendError::Failed("ports were allocated".to_owned()))
    }

    async fn get_state(&self, scope: &ObjectKey, key: &str) -> Result<Option<StateEntry>, BackendError> {
        self.note(format!("state {scope} {key}"));
        Err(BackendError::Throttled {
            seconds: 5,
            message: "state was read".to_owned(),
        })
    }

    async fn state_keys(&self, scope: &ObjectKey) -> Result<Vec<String>, BackendError> {
        self.note(format!("state {scope}"));
        Err(BackendError::Failed("keys were read".to_owned()))
    }

    async fn set_state(
        &self,
        scope: &ObjectKey,
        key: &str,
        value: Option<Vec<u8>>,
        if_version: Option<&str>,
    ) -> Result<String, BackendError> {
        self.note(format!("state {scope} {key} {value:?} {if_version:?}"));
        Err(BackendError::Conflict("state was set".to_owned()))
    }

    async fn publish_event(
        &self,
        scope: &ObjectKey,
        kind: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), BackendError> {
        self.note(format!("event {scope} {kind} {reason} {message}"));
        Err(BackendError::Failed("event was published".to_owned()))
    }
}
