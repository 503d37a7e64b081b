//! What has the name of something of a runtime, and is not the runtime's.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use wasser_test_api_server::{ApiServer, Outcome};

use super::common::{Argument, Guest};
use super::references::complains;
use super::scene::{QUIET, STATEFUL_SET, Scene, chart, registration};

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

/// Creates a worker on the node `own`, and on the node `theirs` pods that look like one. Waits until
/// the operator has seen the worker.
async fn run_pods(scene: &Scene) {
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
            "spec": {"nodeName": node, "containers": [{"name": "demo", "image": "demo"}]},
        }));
        let name = format!("{node}-{}", kind.to_lowercase());
        scene.server.edit_status("Pod", "default", &name, |status| {
            status["phase"] = json!("Running");
        });
    }
    let is_labelled = |server: &ApiServer| labelled(server, "own").then_some(());
    scene
        .server
        .until("the node of the worker to be labelled", is_labelled)
        .await;
}

fn labelled(server: &ApiServer, node: &str) -> bool {
    let node = server.object("Node", "", node).unwrap_or_default();
    node["metadata"]["labels"].get("fluid.io/s-default-demo").is_some()
}

#[tokio::test]
async fn pods_of_somebody_else_are_not_the_runtimes() {
    let (scene, _operator) = Scene::bound().await;
    run_pods(&scene).await;
    assert!(!labelled(&scene.server, "theirs"), "{}", scene.server.situation());
}

/// A plugin that runs a command in this pod to see whether its runtime is healthy.
fn asking(pod: &str) -> Value {
    use Argument::{Number, Text, Texts};
    let none = || [Number(0), Number(0), Number(0)];
    let mut command = vec![Text(pod)];
    command.extend(none());
    command.push(Texts(&["status"]));
    command.extend(none());
    command.extend([Number(0), Number(0)]);
    let guest = Guest::default()
        .answers("desired", b"{}")
        .converses("check-runtime-healthy", "run", &command, 1);
    let chart = chart(&[("worker.yaml", STATEFUL_SET)]);
    registration(&guest.build(), &chart, "exec: [worker], kinds: [StatefulSet]", "{}")
}

#[rstest]
#[case::of_the_runtime("own-statefulset", true)]
#[case::of_another_workload("theirs-statefulset", false)]
#[case::of_an_owner_of_another_kind("theirs-configmap", false)]
#[tokio::test]
async fn commands_run_in_no_pod_of_somebody_else(#[case] pod: &str, #[case] is_own: bool) {
    let (scene, _operator) = Scene::bound().await;
    run_pods(&scene).await;
    let (sender, mut commands) = unbounded_channel();
    scene.server.on_exec(move |command| {
        let _ = sender.send(command.pod);
        std::future::ready(Outcome::printing(""))
    });
    scene.register(&asking(pod));
    if is_own {
        let reached = tokio::time::timeout(Duration::from_secs(60), commands.recv()).await;
        assert_eq!(reached.unwrap().as_deref(), Some(pod));
    } else {
        complains(&scene, "demo", &format!("has no pod `{pod}`")).await;
        assert!(commands.try_recv().is_err(), "{}", scene.server.situation());
    }
}
