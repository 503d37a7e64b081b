//! The cluster of a plugin that is tried without one: objects come from the manifest, everything
//! else from a script, and each call is written down.

mod answers;
mod pattern;

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use parking_lot::Mutex;
use serde_json::Value;
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::Role;
use wasser_plugin::{Backend, BackendError, Digest, ExecCommand, HttpRequest, Output, PodRecord, Response, StateEntry};

use crate::scenario::Script;
use pattern::fits;

/// The first example port.
const FIRST_PORT: u16 = 20_000;

/// A cluster that answers from a script.
pub struct Scripted {
    objects: Vec<Value>,
    script: Script,
    state: Mutex<BTreeMap<String, Vec<u8>>>,
    ports: Mutex<BTreeMap<String, u16>>,
    calls: Mutex<Vec<String>>,
}

impl Scripted {
    /// Returns a cluster without pods that has these objects besides Dataset and runtime.
    pub fn of_objects(objects: Vec<Value>) -> Self {
        Self::new(objects, Script::default())
    }

    /// Returns a cluster that has these objects and answers from this script.
    pub fn new(objects: Vec<Value>, script: Script) -> Self {
        let state = script.state.iter();
        Self {
            state: Mutex::new(
                state
                    .map(|(key, value)| (key.clone(), value.clone().into_bytes()))
                    .collect(),
            ),
            objects,
            script,
            ports: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Returns the calls so far, one line each: `exec demo-worker-0 df -P`, `ports metrics`.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().clone()
    }

    /// Returns what the plugin keeps, by key.
    pub fn state(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.lock().clone()
    }

    fn note(&self, call: String) {
        self.calls.lock().push(call);
    }

    fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        let is = |object: &&Value| {
            object.get("kind").and_then(Value::as_str) == Some(kind)
                && object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
        };
        self.objects.iter().find(is)
    }
}

/// Returns a key of a Secret, as the API server would.
fn key_of(secret: &Value, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
    let plain = secret.pointer("/stringData").and_then(|data| data.get(key));
    if let Some(text) = plain.and_then(Value::as_str) {
        return Ok(Some(text.as_bytes().to_vec()));
    }
    let Some(encoded) = secret.pointer("/data").and_then(|data| data.get(key)) else {
        return Ok(None);
    };
    let decoded: ByteString = serde_json::from_value(encoded.clone())
        .map_err(|error| BackendError::Failed(format!("Secret {name}, key {key}: {error}")))?;
    Ok(Some(decoded.0))
}

#[async_trait]
impl Backend for Scripted {
    async fn list_pods(&self, _: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        let of_role = self.script.pods.iter().filter(|pod| pod.role == role.name);
        Ok(of_role.map(answers::pod).collect())
    }

    async fn exec(&self, _: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        let line = format!("exec {} {}", command.pod, command.argv.join(" "));
        self.note(line.clone());
        let mut scripted = self.script.exec.iter();
        match scripted
            .find(|known| fits(known.pod.as_deref(), command.pod) && pattern::are_words(&known.argv, command.argv))
        {
            Some(known) => answers::command(known, command.max_output),
            None => answers::any_command(self.script.otherwise, &line),
        }
    }

    async fn http_get(&self, _: &ObjectKey, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
        let line = format!("get {}:{}{}", request.pod, request.port, request.path);
        self.note(line.clone());
        let mut scripted = self.script.http.iter();
        let found = scripted.find(|known| {
            fits(known.pod.as_deref(), request.pod)
                && known.port.is_none_or(|port| port == request.port)
                && fits(Some(&known.path), request.path)
        });
        match found {
            Some(known) => answers::response(known, request.max_body),
            None => answers::any_response(self.script.otherwise, &line),
        }
    }

    async fn secret(&self, _: &ObjectKey, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.note(format!("secret {name}/{key}"));
        match self.find("Secret", name) {
            Some(secret) => key_of(secret, name, key),
            None => answers::any_secret(self.script.otherwise),
        }
    }

    async fn object(&self, _: &ObjectKey, kind: &str, name: &str) -> Result<Option<Value>, BackendError> {
        self.note(format!("object {kind}/{name}"));
        match self.find(kind, name) {
            Some(object) => Ok(Some(object.clone())),
            None => answers::any_object(self.script.otherwise, kind),
        }
    }

    async fn allocate_ports(&self, _: &ObjectKey, names: &[String]) -> Result<Vec<u16>, BackendError> {
        self.note(format!("ports {}", names.join(" ")));
        answers::may_fail(self.script.otherwise)?;
        let first = self.script.ports.unwrap_or(FIRST_PORT);
        let mut ports = self.ports.lock();
        let port = |name: &String| {
            let next = first.saturating_add(u16::try_from(ports.len()).unwrap_or(u16::MAX));
            *ports.entry(name.clone()).or_insert(next)
        };
        Ok(names.iter().map(port).collect())
    }

    async fn get_state(&self, _: &ObjectKey, key: &str) -> Result<Option<StateEntry>, BackendError> {
        self.note(format!("state {key}"));
        answers::may_fail(self.script.otherwise)?;
        let state = self.state.lock();
        Ok(state.get(key).map(|value| StateEntry {
            value: value.clone(),
            version: Digest::of(value).hex(),
        }))
    }

    async fn state_keys(&self, _: &ObjectKey) -> Result<Vec<String>, BackendError> {
        self.note("state keys".to_owned());
        answers::may_fail(self.script.otherwise)?;
        Ok(self.state.lock().keys().cloned().collect())
    }

    async fn set_state(
        &self,
        _: &ObjectKey,
        key: &str,
        value: Option<Vec<u8>>,
        if_version: Option<&str>,
    ) -> Result<String, BackendError> {
        let what = if value.is_some() { "set" } else { "remove" };
        self.note(format!("state {what} {key}"));
        answers::may_fail(self.script.otherwise)?;
        let mut state = self.state.lock();
        let there = state.get(key).map(|value| Digest::of(value).hex());
        if there.as_deref() != if_version {
            return Err(BackendError::Conflict(format!(
                "the key {key} was changed in between; read it again"
            )));
        }
        let version = value.as_deref().map(|value| Digest::of(value).hex());
        match value {
            Some(value) => drop(state.insert(key.to_owned(), value)),
            None => drop(state.remove(key)),
        }
        Ok(version.unwrap_or_default())
    }

    async fn publish_event(&self, _: &ObjectKey, kind: &str, reason: &str, message: &str) -> Result<(), BackendError> {
        self.note(format!("event {kind} {reason}: {message}"));
        answers::may_fail(self.script.otherwise)
    }
}

#[cfg(test)]
mod tests;
