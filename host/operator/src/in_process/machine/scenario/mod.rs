//! The lives of datasets, step by step.

mod adopted;
mod cache;
mod demo;
mod real;

pub use real::{JUICEFS, THIN, juicefs_objects, juicefs_scene, registered, thin_objects};
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use crate::in_process::scene::Scene;

/// What a user does, and what comes of it.
pub struct Step {
    pub name: &'static str,
    pub act: fn(&ApiServer),
    /// Whether it has come. What else the operator does until it is at rest belongs to it.
    pub goal: fn(&ApiServer) -> bool,
}

/// A life, at whose end nothing is left that was not there before.
pub struct Scenario {
    pub name: &'static str,
    /// The resource name of the runtimes in it.
    pub runtimes: &'static str,
    /// Whether a change of its values has the time at which it was decided.
    pub tells_time: bool,
    pub scene: fn() -> Scene,
    pub steps: &'static [Step],
}

pub const ALL: [Scenario; 8] = [
    demo::LIFE,
    demo::DRIFT,
    demo::REFERENCE,
    demo::OPERATION,
    JUICEFS,
    THIN,
    cache::CACHE,
    adopted::ADOPTED,
];

/// A Dataset in the namespace `default` with these mounts.
fn dataset(name: &str, mounts: &Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
        "metadata": {"name": name, "namespace": "default"}, "spec": {"mounts": mounts},
    })
}

/// A runtime `default/demo`.
fn runtime(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
        "metadata": {"name": "demo", "namespace": "default"}, "spec": spec,
    })
}

fn create(server: &ApiServer, objects: &[Value]) {
    objects.iter().for_each(|object| drop(server.create(object)));
}

/// Does what the node plugin does when a pod of a node mounts the dataset.
fn mount_on(server: &ApiServer, node: &str) {
    server.edit("Node", "", node, |node| {
        node["metadata"]["labels"]["fluid.io/f-default-demo"] = json!("true");
    });
}

fn set(server: &ApiServer, kind: &str, pointer: &str, value: Value) {
    server.edit(kind, "default", "demo", |object| {
        object
            .pointer_mut(pointer)
            .into_iter()
            .for_each(|place| *place = value.clone());
    });
}

fn field(server: &ApiServer, kind: &str, name: &str, pointer: &str) -> Value {
    let object = server.object(kind, "default", name).unwrap_or_default();
    object.pointer(pointer).cloned().unwrap_or_default()
}

fn count(server: &ApiServer, kind: &str, name: &str, pointer: &str) -> usize {
    field(server, kind, name, pointer).as_array().map_or(0, Vec::len)
}

fn ready(server: &ApiServer, kind: &str, name: &str) -> u64 {
    let of = if kind == "DaemonSet" {
        "/status/numberReady"
    } else {
        "/status/readyReplicas"
    };
    field(server, kind, name, of).as_u64().unwrap_or(0)
}

/// Whether pods can mount a Dataset.
fn is_bound(server: &ApiServer, name: &str) -> bool {
    field(server, "Dataset", name, "/status/phase") == "Bound"
        && field(server, "PersistentVolumeClaim", name, "/status/phase") == "Bound"
}

fn are_gone(server: &ApiServer, objects: &[(&str, &str)]) -> bool {
    objects
        .iter()
        .all(|(kind, name)| server.object(kind, "default", name).is_none())
}
