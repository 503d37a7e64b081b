//! The cluster of a command that has none: objects come from the manifest, ports are examples, and
//! there are no pods.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use parking_lot::Mutex;
use serde_json::Value;
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::Role;
use wasser_plugin::{Backend, BackendError, Digest, ExecCommand, HttpRequest, Output, PodRecord, Response, StateEntry};

/// The first example port.
const FIRST_PORT: u16 = 20_000;

/// Answers from the objects of a manifest.
pub struct Offline {
    objects: Vec<Value>,
    state: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Offline {
    /// With these objects besides Dataset and runtime.
    pub fn new(objects: Vec<Value>) -> Self {
        Self {
            objects,
            state: Mutex::default(),
        }
    }

    fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        let is = |object: &&Value| {
            object.get("kind").and_then(Value::as_str) == Some(kind)
                && object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
        };
        self.objects.iter().find(is)
    }
}

fn no_pod(pod: &str) -> BackendError {
    BackendError::NotFound(format!("there is no pod {pod} without a cluster"))
}

#[async_trait]
impl Backend for Offline {
    async fn list_pods(&self, _: &ObjectKey, _: &Role) -> Result<Vec<PodRecord>, BackendError> {
        Ok(Vec::new())
    }

    async fn exec(&self, _: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        Err(no_pod(command.pod))
    }

    async fn http_get(&self, _: &ObjectKey, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
        Err(no_pod(request.pod))
    }

    async fn secret(&self, _: &ObjectKey, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let Some(secret) = self.find("Secret", name) else {
            return Ok(None);
        };
        if let Some(text) = secret
            .pointer("/stringData")
            .and_then(|data| data.get(key))
            .and_then(Value::as_str)
        {
            return Ok(Some(text.as_bytes().to_vec()));
        }
        let Some(encoded) = secret.pointer("/data").and_then(|data| data.get(key)) else {
            return Ok(None);
        };
        let decoded: ByteString = serde_json::from_value(encoded.clone())
            .map_err(|error| BackendError::Failed(format!("Secret {name}, key {key}: {error}")))?;
        Ok(Some(decoded.0))
    }

    async fn object(&self, _: &ObjectKey, kind: &str, name: &str) -> Result<Option<Value>, BackendError> {
        Ok(self.find(kind, name).cloned())
    }

    async fn allocate_ports(&self, _: &ObjectKey, names: &[String]) -> Result<Vec<u16>, BackendError> {
        Ok((FIRST_PORT..).take(names.len()).collect())
    }

    async fn get_state(&self, _: &ObjectKey, key: &str) -> Result<Option<StateEntry>, BackendError> {
        let state = self.state.lock();
        Ok(state.get(key).map(|value| StateEntry {
            value: value.clone(),
            version: Digest::of(value).hex(),
        }))
    }

    async fn state_keys(&self, _: &ObjectKey) -> Result<Vec<String>, BackendError> {
        Ok(self.state.lock().keys().cloned().collect())
    }

    async fn set_state(
        &self,
        _: &ObjectKey,
        key: &str,
        value: Option<Vec<u8>>,
        _: Option<&str>,
    ) -> Result<String, BackendError> {
        let version = value.as_deref().map(|value| Digest::of(value).hex());
        let mut state = self.state.lock();
        match value {
            Some(value) => drop(state.insert(key.to_owned(), value)),
            None => drop(state.remove(key)),
        }
        Ok(version.unwrap_or_default())
    }

    async fn publish_event(
        &self,
        scope: &ObjectKey,
        kind: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), BackendError> {
        eprintln!("event on {scope}: {kind} {reason}: {message}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn secrets_and_objects_come_from_the_manifest() {
        let offline = Offline::new(vec![
            json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": "y"}}),
        ]);
        let scope = ObjectKey {
            namespace: "default".to_owned(),
            name: "demo".to_owned(),
        };
        assert_eq!(offline.secret(&scope, "s", "a").await, Ok(Some(b"x".to_vec())));
        assert_eq!(offline.secret(&scope, "s", "b").await, Ok(Some(b"y".to_vec())));
        assert_eq!(offline.secret(&scope, "s", "c").await, Ok(None));
        assert_eq!(offline.object(&scope, "ConfigMap", "s").await, Ok(None));
        assert_eq!(
            offline.allocate_ports(&scope, &["a".to_owned(), "b".to_owned()]).await,
            Ok(vec![20_000, 20_001])
        );
    }
}
