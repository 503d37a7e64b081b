//! What vanishes while a watch is interrupted: only the list that follows shows it, by not naming
//! it.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Cut};

use super::nodes::{add_workers, labelled};
use super::operations::{phase, process, says};
use super::scene::{QUIET, Scene};

/// Lets something happen that the watch of a resource never tells, since it has to list again.
fn unseen(server: &ApiServer, resource: &str, happen: impl FnOnce(&ApiServer)) {
    server.hold(resource);
    happen(server);
    server.forget_history();
    server.release(resource);
    server.cut(resource, Cut::Expire);
}

#[tokio::test]
async fn an_operation_that_has_vanished_is_waited_for_no_longer() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    let after = json!({"runAfter": {"kind": "DataProcess", "name": "first"}});
    scene.server.create(&process("second", &after));
    phase(&scene, "DataProcess", "first", "Executing").await;
    says(&scene, "DataProcess", "second", "DataOperationWaiting").await;
    scene.server.settled(QUIET).await;
    unseen(&scene.server, "dataprocesses", |server| {
        server.edit("DataProcess", "default", "first", |object| {
            object["metadata"]["finalizers"] = json!([]);
        });
        server.delete("DataProcess", "default", "first");
    });
    says(&scene, "DataProcess", "second", "DataOperationNotFound").await;
    // The Dataset no longer shows it.
    let shown = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        let names = &dataset["status"]["operationRef"]["DataProcess"];
        (!names.to_string().contains("first")).then_some(())
    };
    scene.server.until("the Dataset to show no operation", shown).await;
}

#[tokio::test]
async fn an_object_that_has_vanished_is_put_back() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.settled(QUIET).await;
    let uid = |server: &ApiServer| -> Option<Value> {
        Some(server.object("StatefulSet", "default", "demo-worker")?["metadata"]["uid"].clone())
    };
    let before = uid(&scene.server).unwrap();
    unseen(&scene.server, "statefulsets", |server| {
        server.delete("StatefulSet", "default", "demo-worker");
    });
    let again = |server: &ApiServer| uid(server).filter(|uid| *uid != before);
    scene.server.until("the workers to be put back", again).await;
}

#[tokio::test]
async fn a_runtime_that_has_vanished_leaves_no_labels() {
    let (scene, _operator) = Scene::bound().await;
    add_workers(&scene, &["one"]);
    labelled(&scene, "one", true).await;
    scene.server.settled(QUIET).await;
    unseen(&scene.server, "demoruntimes", |server| {
        server.edit("DemoRuntime", "default", "demo", |object| {
            object["metadata"]["finalizers"] = json!([]);
        });
        server.delete("DemoRuntime", "default", "demo");
    });
    labelled(&scene, "one", false).await;
    assert!(scene.server.object("DemoRuntime", "default", "demo").is_none());
}
