//! The objects that the chart makes of the values of each case: `cases/golden/<name>.objects.yaml`. UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "support/render.rs"]
mod render;
mod support;

use serde_json::{Value, json};
use wasser_chart::Policy;

/// What the registration in the repository lets the chart install for a runtime.
fn policy(namespace: &str) -> Policy {
    let registration: Value = yaml_serde::from_str(include_str!("../plugin.yaml")).unwrap();
    let kinds = registration["grants"]["kinds"].as_array().unwrap();
    let owner = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "AlluxioRuntime", "name": "demo", "uid": support::UID});
    Policy {
        namespace: namespace.into(),
        kinds: kinds.iter().map(|kind| kind.as_str().unwrap().to_string()).collect(),
        privileged: registration["grants"]["privileged"].as_bool().unwrap(),
        owner: serde_json::from_value(owner).unwrap(),
    }
}

#[tokio::test]
async fn objects_are_as_expected() {
    let (renderer, chart) = (render::renderer(), render::chart());
    for (name, documents) in support::cases() {
        let values = support::values(&documents).unwrap();
        let rendered = render::render(&renderer, &chart, &values)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(rendered.hooks.is_empty(), "{name}: {:?}", rendered.hooks);
        let namespace = values["runtimeIdentity"]["namespace"].as_str().unwrap();
        policy(namespace)
            .admit(&rendered.objects)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let objects: Vec<String> = rendered.objects.iter().map(support::yaml).collect();
        support::expect(&name, "objects", &objects.join("---\n"));
    }
}

#[tokio::test]
async fn values_that_do_not_fit_the_schema_are_refused() {
    let (renderer, chart) = (render::renderer(), render::chart());
    let mount = json!({"mounts": [{"mountPoint": "https://mirror.example.com/spark/", "name": "spark"}]});
    let good = support::values(&support::pair(mount, json!({}))).unwrap();
    for (pointer, wrong) in [
        ("/placement", json!("Anywhere")),
        ("/master/ports/rpc", json!(0)),
        ("/master/replicaCount", json!(0)),
        ("/fuse/imagePullPolicy", json!("Always\n          privileged: true")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ] {
        let mut values = good.clone();
        *values.pointer_mut(pointer).unwrap() = wrong;
        let refused = render::render(&renderer, &chart, &values).await.unwrap_err().to_string();
        let field = pointer.rsplit('/').next().unwrap();
        assert!(refused.contains(field), "{pointer}: {refused}");
    }
}
