//! Datasets without a runtime, and with one that is gone without a word.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::common::{Guest, WORKER};
use super::gone::object_gone;
use super::scene::{QUIET, STATEFUL_SET, Scene, chart, crd, definition, registration};

/// A kind that no plugin serves, but for the scenes of [`two_kinds`].
const UNSERVED: &str = "OtherRuntime";

/// A scene with a plugin for this kind as well.
fn two_kinds() -> Scene {
    let chart = chart(&[("worker.yaml", STATEFUL_SET)]);
    let grants = "exec: [worker], kinds: [StatefulSet]";
    let demo = Guest::default().answers("desired", b"{}");
    let other = Guest::default()
        .called([UNSERVED, "otherruntimes", "other", "other-fuse"])
        .with_roles(&[WORKER], &[("exec", &["worker"]), ("kinds", &["StatefulSet"])])
        .answers("desired", b"{}");
    let mut registered = registration(&other.build(), &chart, grants, "{}");
    registered["metadata"]["name"] = json!("other");
    let text = registered["data"]["plugin.yaml"].as_str().unwrap();
    registered["data"]["plugin.yaml"] = json!(text.replace("DemoRuntime", UNSERVED));
    Scene::serving(&[
        crd(),
        definition(UNSERVED),
        registration(&demo.build(), &chart, grants, "{}"),
        registered,
    ])
}

fn object(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "demo", "namespace": "default"},
        "spec": spec})
}

/// Lets the Dataset show that it is bound to a runtime of the kind that nobody serves.
fn bind_to_other(scene: &Scene) {
    let runtime = json!({"name": "demo", "namespace": "default", "category": "Accelerate", "type": "other"});
    scene.server.edit_status("Dataset", "default", "demo", |status| {
        status["phase"] = json!("Bound");
        status["runtimes"] = json!([runtime]);
        if status["conditions"].is_null() {
            status["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "DatasetReady",
                "message": "The ddc runtime is ready.", "lastUpdateTime": "2026-01-01T00:00:00Z",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        }
    });
}

/// Waits until an event says this.
async fn event(scene: &Scene, text: &str) {
    let look = |server: &ApiServer| {
        let events = server.objects("Event", "default");
        events
            .iter()
            .any(|event| event.to_string().contains(text))
            .then_some(())
    };
    scene.server.until(&format!("an event that says {text:?}"), look).await;
}

/// Waits until the Dataset is bound to the runtime that is served, with a volume other than before.
async fn bound_again(scene: &Scene, volume: &Value) {
    let look = |server: &ApiServer| {
        server.release_protection();
        let dataset = server.object("Dataset", "default", "demo")?;
        let runtimes = &dataset["status"]["runtimes"];
        (dataset["status"]["phase"] == "Bound" && runtimes[0]["type"] == "demo").then_some(())?;
        let now = server.object("PersistentVolume", "", "default-demo")?;
        (now["metadata"]["uid"] != volume["metadata"]["uid"]).then_some(())
    };
    scene.server.until("the Dataset to be bound again", look).await;
}

#[tokio::test]
async fn a_runtime_takes_the_place_of_one_that_is_gone() {
    let (scene, _operator) = Scene::bound().await;
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    bind_to_other(&scene);
    bound_again(&scene, &volume).await;
}

#[tokio::test]
async fn the_younger_of_two_runtimes_is_bound_once_the_older_has_gone() {
    let scene = two_kinds();
    let _operator = scene.start().await;
    let mounts = json!({"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]});
    scene.server.create(&object("Dataset", &mounts));
    scene.server.create(&object(UNSERVED, &json!({"replicas": 2})));
    let is_set_up = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    let workers = scene.server.until("the workers of the older", is_set_up).await;
    assert_eq!(workers["metadata"]["ownerReferences"][0]["kind"], UNSERVED);
    // Its kind comes first, so that only its age speaks against it.
    scene.server.set_clock_ahead(60);
    scene.server.create(&object("DemoRuntime", &json!({"replicas": 2})));
    event(&scene, "belongs to the older OtherRuntime of the same name").await;

    scene.server.delete(UNSERVED, "default", "demo");
    object_gone(&scene, UNSERVED, "demo").await;
    scene.bind().await;
    let dataset = scene.server.object("Dataset", "default", "demo").unwrap();
    assert_eq!(dataset["status"]["runtimes"][0]["type"], "demo", "{dataset}");
}

#[tokio::test]
async fn a_runtime_waits_for_one_that_nobody_serves_while_it_is_there() {
    let (scene, _operator) = Scene::bound().await;
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    scene.server.create(&definition(UNSERVED));
    scene.server.create(&object(UNSERVED, &json!({})));
    bind_to_other(&scene);
    event(&scene, "belongs to the other runtime default/demo").await;
    scene.server.settled(QUIET).await;
    let now = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    assert_eq!(now["metadata"]["uid"], volume["metadata"]["uid"]);
    scene.server.delete(UNSERVED, "default", "demo");
    // No watch shows that.
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["labels"]["example.org/looked-at"] = json!("yes");
    });
    bound_again(&scene, &volume).await;
}

#[tokio::test]
async fn a_dataset_whose_runtime_is_gone_says_so() {
    let scene = Scene::new();
    scene.server.create(&object(
        "Dataset",
        &json!({"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]}),
    ));
    bind_to_other(&scene);
    let _operator = scene.start().await;
    scene.phase("NotBound").await;
    event(&scene, "there is no runtime demo in the namespace default").await;
}

/// Its age would say that it has been alone for long.
#[tokio::test]
async fn a_runtime_may_follow_its_dataset_whatever_the_clock_of_the_server_says() {
    let scene = Scene::new();
    scene.server.set_clock_ahead(3600);
    let _operator = scene.start().await;
    scene.server.create(&object(
        "Dataset",
        &json!({"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]}),
    ));
    let is_taken_on = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        dataset["metadata"]["finalizers"].is_array().then_some(())
    };
    scene.server.until("the finalizer of the Dataset", is_taken_on).await;
    scene.server.settled(QUIET).await;
    scene.server.create(&object("DemoRuntime", &json!({"replicas": 2})));
    scene.bind().await;
    let events = scene.server.objects("Event", "default");
    let complains = |event: &Value| event.to_string().contains("there is no runtime demo");
    assert!(!events.iter().any(complains), "{events:?}");
}
