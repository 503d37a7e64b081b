//! The server as `kube::Client`s see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod applies;
mod customs;
mod deletions;
mod failures;
mod objects;
mod pods;
mod watches;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

/// The namespace `default` of a server, for a client named `test`.
fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(server: &ApiServer) -> Api<K> {
    Api::namespaced(server.client("test"), "default")
}

/// An object as a client has it.
fn typed<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).unwrap()
}

/// A ConfigMap.
fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// The value of a key.
fn value<'a>(map: &'a ConfigMap, key: &str) -> Option<&'a str> {
    map.data.as_ref()?.get(key).map(String::as_str)
}

/// Code and reason of a refusal.
fn refusal<T>(outcome: kube::Result<T>) -> (u16, String) {
    match outcome {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        Err(error) => panic!("not an answer: {error}"),
        Ok(_) => panic!("not refused"),
    }
}
