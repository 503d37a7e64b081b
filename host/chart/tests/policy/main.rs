//! What charts may install, as tables: an object, a grant, and the words of the refusal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod beyond;
mod claims;
mod labels;
mod mutations;
mod objects;
mod pods;
mod roles;
mod secrets;
mod selectors;
#[path = "../support/mod.rs"]
mod support;
mod values;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use wasser_chart::{Named, Policy, Powers, Secrets};

fn owner(uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "data.fluid.io/v1alpha1".to_owned(),
        kind: "JuiceFSRuntime".to_owned(),
        name: "demo".to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// All kinds of the table, and no privileges.
fn policy() -> Policy {
    let kinds = [
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Job",
        "Pod",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
        "Cache.example.com",
    ];
    Policy {
        namespace: "ns".to_owned(),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        owner: owner("own"),
        labels: [("fluid.io/dataset-id".to_owned(), "ns-demo".to_owned())].into(),
        ..Policy::default()
    }
}

/// All kinds of the table, and these powers over nodes.
fn with(powers: Powers) -> Policy {
    Policy {
        powers,
        mount: "/runtime-mnt/demo/ns/demo".to_owned(),
        ..policy()
    }
}

/// Everything that `privileged` gives, and the image of the table.
fn privileged() -> Policy {
    with(Powers {
        privileged: true,
        images: ["i".to_owned()].into(),
        ..Powers::default()
    })
}

/// Everything that `fuse` gives, and the image of the table.
fn fuse() -> Policy {
    with(Powers {
        fuse: true,
        images: ["i".to_owned()].into(),
        ..Powers::default()
    })
}

fn object(yaml: &str) -> DynamicObject {
    yaml_serde::from_str(yaml).unwrap()
}

/// A StatefulSet named `w` whose pods are like this, with one container like that.
fn workload(pod: Value, container: Value) -> DynamicObject {
    let mut spec = json!({"containers": [{"name": "c", "image": "i"}]});
    spec.as_object_mut().unwrap().extend(pod.as_object().unwrap().clone());
    spec["containers"][0]
        .as_object_mut()
        .unwrap()
        .extend(container.as_object().unwrap().clone());
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "w"},
        "spec": {"template": {"spec": spec}}});
    serde_json::from_value(set).unwrap()
}

fn refusal(policy: &Policy, objects: &[DynamicObject]) -> String {
    policy.admit(objects).expect_err("it is admitted").to_string()
}
