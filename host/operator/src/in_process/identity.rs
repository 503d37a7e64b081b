//! What has the name of something of a runtime, and is not the runtime's.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::scene::{QUIET, Scene};

fn workers(server: &ApiServer) -> Option<Value> {
    server.object("StatefulSet", "default", "demo-worker")
}

#[tokio::test]
async fn a_workload_of_somebody_else_is_named_and_left_alone() {
    let (scene, _operator) = Scene::bound().await;
    let mut foreign = workers(&scene.server).unwrap();
    scene.server.delete("StatefulSet", "default", "demo-worker");
    foreign["metadata"] = json!({"name": "demo-worker", "namespace": "default",
        "labels": {"fluid.io/dataset-id": "default-demo"}});
    foreign["spec"]["replicas"] = json!(5);
    scene.server.create(&foreign);
    let named = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        let conditions = dataset["status"]["conditions"].as_array()?.clone();
        let not_ready = conditions.iter().find(|condition| condition["type"] == "NotReady")?;
        not_ready["message"].as_str()?.contains("StatefulSet").then_some(())
    };
    scene.server.until("the workload to be named", named).await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3);
    });
    scene.server.settled(QUIET).await;
    let left = workers(&scene.server).unwrap();
    assert_eq!(left["spec"]["replicas"], 5, "{}", scene.server.situation());
    assert!(left["metadata"]["ownerReferences"].is_null(), "{left}");
    // It goes on by itself once the workload is gone.
    scene.server.delete("StatefulSet", "default", "demo-worker");
    let back = |server: &ApiServer| {
        let replicas = workers(server)?["spec"]["replicas"].as_i64()?;
        (replicas == 3).then_some(())
    };
    scene.server.until("the runtime's own workers", back).await;
}

#[tokio::test]
async fn pods_of_somebody_else_are_not_the_runtimes() {
    let (scene, _operator) = Scene::bound().await;
    for node in ["theirs", "own"] {
        scene
            .server
            .create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
    }
    let set = workers(&scene.server).unwrap();
    let own = set["metadata"]["uid"].as_str().unwrap();
    for (node, kind, uid) in [
        ("theirs", "ConfigMap", own),
        ("theirs", "StatefulSet", "another"),
        ("own", "StatefulSet", own),
    ] {
        scene.server.create(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{node}-{}", kind.to_lowercase()), "namespace": "default",
                "labels": {"fluid.io/dataset": "default-demo", "fluid.io/dataset-id": "default-demo"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": "demo-worker", "uid": uid,
                    "controller": true}],
            },
            "spec": {"nodeName": node, "containers": [{"name": "worker", "image": "demo"}]},
        }));
    }
    let labels = |server: &ApiServer, node: &str| {
        let node = server.object("Node", "", node)?;
        node["metadata"]["labels"].get("fluid.io/s-default-demo").map(drop)
    };
    scene
        .server
        .until("the node of the worker to be labelled", |server| labels(server, "own"))
        .await;
    assert!(
        labels(&scene.server, "theirs").is_none(),
        "{}",
        scene.server.situation()
    );
}
