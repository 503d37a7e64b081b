//! The labels of nodes, and nodes that cannot be labelled.

use serde_json::{Value, json};
use wasser_api::labels;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Verb};

use super::scene::{OPERATOR, Scene};

/// Adds nodes, each with a worker of the runtime.
pub(super) fn add_workers(scene: &Scene, nodes: &[&str]) {
    let set = scene.server.object("StatefulSet", "default", "demo-worker").unwrap();
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "demo-worker", "uid": set["metadata"]["uid"],
        "controller": true,
    });
    for (number, node) in nodes.iter().enumerate() {
        scene
            .server
            .create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
        scene.server.create(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("demo-worker-{number}"), "namespace": "default", "ownerReferences": [owner],
                "labels": {labels::DATASET: "default-demo", labels::DATASET_ID: "default-demo"},
            },
            "spec": {"nodeName": node, "containers": [{"name": "worker", "image": "demo"}]},
        }));
    }
}

/// The labels of a node that are Fluid's.
fn labels_of(server: &ApiServer, node: &str) -> Vec<String> {
    let node = server.object("Node", "", node).unwrap();
    let labels = node["metadata"]["labels"].as_object();
    let keys = labels.into_iter().flat_map(|labels| labels.keys());
    keys.filter(|key| key.contains("fluid")).cloned().collect()
}

/// Waits until a node has labels of Fluid, or has none.
pub(super) async fn labelled(scene: &Scene, node: &str, wanted: bool) {
    let look = |server: &ApiServer| (labels_of(server, node).is_empty() != wanted).then_some(());
    let what = format!("the labels of {node} to be there: {wanted}");
    scene.server.until(&what, look).await;
}

#[tokio::test]
async fn a_node_that_does_not_answer_or_refuses_holds_up_no_other() {
    let (scene, _operator) = Scene::bound().await;
    let of = |node: &'static str| {
        Fault::writes()
            .of(OPERATOR)
            .resource("nodes")
            .when(move |attempt| attempt.call.name == node)
    };
    let hung = scene.server.arm(of("hung"), Effect::Hang);
    let refused = scene
        .server
        .arm(of("refusing"), Effect::Answer(Failure::internal("a webhook refuses")));
    add_workers(&scene, &["hung", "refusing", "sound"]);
    labelled(&scene, "sound", true).await;
    refused.hit(2).await;
    assert_eq!(hung.hits(), 1);
    drop(refused);
    labelled(&scene, "refusing", true).await;
}

#[tokio::test]
async fn a_deleted_runtime_leaves_its_nodes_and_then_goes() {
    let (scene, _operator) = Scene::bound().await;
    add_workers(&scene, &["one", "two"]);
    labelled(&scene, "one", true).await;
    labelled(&scene, "two", true).await;
    // Its pods go with it; nobody else does that here.
    for number in 0..2 {
        let (name, at_once) = (format!("demo-worker-{number}"), json!({"gracePeriodSeconds": 0}));
        scene.server.delete_with("Pod", "default", &name, &at_once);
    }
    scene.server.delete("DemoRuntime", "default", "demo");
    let look = |server: &ApiServer| {
        server.release_protection();
        server.object("DemoRuntime", "default", "demo").is_none().then_some(())
    };
    scene.server.until("the runtime to go", look).await;
    for node in ["one", "two"] {
        assert_eq!(labels_of(&scene.server, node), [""; 0], "{node}");
    }
}

#[tokio::test]
async fn a_runtime_that_was_removed_by_force_leaves_no_labels() {
    let (scene, _operator) = Scene::bound().await;
    add_workers(&scene, &["one"]);
    labelled(&scene, "one", true).await;
    let failing = Effect::Answer(Failure::internal("the storage does not answer"));
    let stuck = scene.server.arm(Fault::any().of(OPERATOR).verb(Verb::Delete), failing);
    scene.server.delete("DemoRuntime", "default", "demo");
    stuck.hit(1).await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["finalizers"] = Value::Null;
    });
    labelled(&scene, "one", false).await;
    assert!(scene.server.object("DemoRuntime", "default", "demo").is_none());
}
