//! Deletions that have to wait, or are disturbed.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Attempt, Effect, Failure, Fault, Record, Verb};

use super::gone::{collected, object_gone};
use super::machine::guest;
use super::scene::{OPERATOR, QUIET, Scene};

/// A finalizer that nobody here removes.
const KEPT: &str = "example.org/kept";

async fn gone(scene: &Scene, kind: &str) {
    object_gone(scene, kind, "demo").await;
}

/// A pod that uses the claim.
fn user(scene: &Scene) {
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "containers": [{"name": "app", "image": "app"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}],
        },
    }));
}

#[tokio::test]
async fn a_dataset_that_is_deleted_is_attended_while_pods_use_it() {
    let (scene, _operator) = Scene::bound().await;
    user(&scene);
    scene.server.delete("Dataset", "default", "demo");
    scene.server.settled(QUIET).await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3);
    });
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", "demo-worker")?;
        (set["spec"]["replicas"] == 3).then_some(())
    };
    scene.server.until("three workers", scaled).await;
    scene.server.delete("StatefulSet", "default", "demo-worker");
    scene.server.collect();
    let back = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    scene.server.until("the workers to be put back", back).await;
}

/// An earlier Fluid gave claims no label of their Dataset.
#[tokio::test]
async fn pods_are_waited_for_whose_claim_no_watch_shows() {
    let (scene, operator) = Scene::bound().await;
    user(&scene);
    scene.kill(operator);
    scene.server.edit("PersistentVolumeClaim", "default", "demo", |claim| {
        claim["metadata"]["labels"] = json!({"fluid.io/s-default-demo": "true"});
    });
    scene.server.delete("Dataset", "default", "demo");
    let _operator = scene.start().await;
    let is_named = |server: &ApiServer| {
        let events = server.objects("Event", "default");
        let names_it = |event: &Value| event.to_string().contains("the pods app still use the claim demo");
        events.iter().any(names_it).then_some(())
    };
    scene.server.until("the pod to be named", is_named).await;
    scene.server.settled(QUIET).await;
    let runtime = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    assert!(runtime["metadata"]["deletionTimestamp"].is_null(), "{runtime}");
    scene.server.delete("Pod", "default", "app");
    // No watch shows pods of users.
    scene.server.edit("Dataset", "default", "demo", |dataset| {
        dataset["metadata"]["labels"]["example.org/looked-at"] = json!("yes");
    });
    gone(&scene, "Dataset").await;
    assert_eq!(scene.server.object("PersistentVolumeClaim", "default", "demo"), None);
}

#[tokio::test]
async fn a_conflict_at_the_end_of_a_deletion_repeats_nothing() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.take_requests();
    let last = Fault::writes()
        .of(OPERATOR)
        .resource("demoruntimes")
        .when(|attempt| attempt.body["metadata"]["finalizers"] == json!([]));
    let armed = scene.server.arm(last.times(2), Effect::Answer(Failure::conflicting()));
    scene.server.delete("DemoRuntime", "default", "demo");
    gone(&scene, "DemoRuntime").await;
    assert_eq!(armed.hits(), 2);
    let requests = scene.server.take_requests().of(OPERATOR);
    let deleted = |resource: &str| {
        let is_it = |record: &&Record| record.call.verb == Verb::Delete && record.call.resource == resource;
        requests.0.iter().filter(is_it).count()
    };
    for resource in ["persistentvolumeclaims", "persistentvolumes", "statefulsets", "secrets"] {
        assert_eq!(deleted(resource), 1, "{resource}: {}", requests.describe());
    }
}

#[tokio::test]
async fn a_deletion_goes_on_as_soon_as_what_it_waits_for_is_gone() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.delete("Dataset", "default", "demo");
    for (kind, namespace, name) in [
        ("PersistentVolumeClaim", "default", "demo"),
        ("PersistentVolume", "", "default-demo"),
    ] {
        let is_terminating = |server: &ApiServer| {
            let object = server.object(kind, namespace, name)?;
            object["metadata"]["deletionTimestamp"].is_string().then_some(())
        };
        scene
            .server
            .until(&format!("{kind} to be deleted"), is_terminating)
            .await;
        scene.server.settled(QUIET).await;
        assert!(
            scene.server.object("DemoRuntime", "default", "demo").is_some(),
            "{kind}"
        );
        scene.server.release_protection();
        scene.server.settled(QUIET).await;
    }
    for kind in ["DemoRuntime", "Dataset"] {
        assert_eq!(scene.server.object(kind, "default", "demo"), None);
    }
}

#[tokio::test]
async fn a_runtime_that_somebody_else_holds_does_not_hold_its_dataset() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        let finalizers = runtime["metadata"]["finalizers"].as_array_mut().unwrap();
        finalizers.push(json!(KEPT));
    });
    scene.server.delete("Dataset", "default", "demo");
    let has_cleaned = |server: &ApiServer| {
        let runtime = server.object("DemoRuntime", "default", "demo").unwrap_or_default();
        runtime["metadata"]["finalizers"] == json!([KEPT])
    };
    collected(&scene, "the runtime to be cleaned up", has_cleaned).await;
    scene.server.settled(QUIET).await;
    assert_eq!(scene.server.object("Dataset", "default", "demo"), None);
}

/// A pod of the workers.
fn worker_pod(scene: &Scene) {
    let set = scene.server.object("StatefulSet", "default", "demo-worker").unwrap();
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "demo-worker-0", "namespace": "default",
            "labels": {"fluid.io/dataset-id": "default-demo", "fluid.io/dataset": "default-demo"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "demo-worker",
                "uid": set["metadata"]["uid"], "controller": true}],
        },
        "spec": {"containers": [{"name": "worker", "image": "demo"}]},
    }));
}

#[tokio::test]
async fn pods_are_waited_for_however_long_what_came_before_has_taken() {
    let (scene, _operator) = Scene::bound().await;
    worker_pod(&scene);
    scene.server.edit("Pod", "default", "demo-worker-0", |pod| {
        pod["metadata"]["finalizers"] = json!([KEPT]);
    });
    scene.server.settled(QUIET).await;
    // As if the claim had been in use for minutes.
    scene.server.set_clock_ahead(-700);
    scene.server.delete("DemoRuntime", "default", "demo");
    let is_uninstalled = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker").is_none();
    collected(&scene, "the release to go", is_uninstalled).await;
    scene.server.settled(QUIET).await;
    assert!(scene.server.object("DemoRuntime", "default", "demo").is_some());
    scene.server.edit("Pod", "default", "demo-worker-0", |pod| {
        pod["metadata"]["finalizers"] = json!([]);
    });
    gone(&scene, "DemoRuntime").await;
    let events = scene.server.objects("Event", "default");
    let gave_up = |event: &Value| event.to_string().contains("still terminating");
    assert!(!events.iter().any(gave_up), "{events:?}");
}

/// The quota refuses the clients, after the other workloads were made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_installation_left_half_way_goes_before_its_runtime() {
    let scene = Scene::serving(&guest::objects());
    let _operator = scene.start().await;
    let is_refused = |attempt: &Attempt<'_>| attempt.call.verb == Verb::Create && attempt.call.resource == "daemonsets";
    let refused = scene.server.arm(
        Fault::any().of(OPERATOR).when(is_refused),
        Effect::Answer(Failure::new(403, "Forbidden", "exceeded quota: workloads")),
    );
    scene.create_runtime();
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["values"] = json!({"mode": "one"});
    });
    refused.hit(1).await;
    let made = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    scene.server.until("the workers", made).await;
    worker_pod(&scene);
    scene.server.settled(QUIET).await;
    scene.server.delete("DemoRuntime", "default", "demo");
    for name in ["demo-master", "demo-worker"] {
        let is_gone = |server: &ApiServer| server.object("StatefulSet", "default", name).is_none().then_some(());
        scene.server.until(&format!("{name} to go"), is_gone).await;
    }
    assert!(scene.server.object("DemoRuntime", "default", "demo").is_some());
    gone(&scene, "DemoRuntime").await;
}

/// `kubectl delete dataset demo --cascade=orphan`: the garbage collector takes the owner reference
/// away, and then its own finalizer.
#[rstest]
#[case::in_order(None)]
#[case::the_dataset_is_seen_late(Some("datasets"))]
#[case::the_runtime_is_seen_late(Some("demoruntimes"))]
#[tokio::test]
async fn a_runtime_that_is_to_stay_stays(#[case] late: Option<&str>) {
    let (scene, _operator) = Scene::bound().await;
    user(&scene);
    if let Some(late) = late {
        scene.server.hold(late);
    }
    let orphan = json!({"propagationPolicy": "Orphan"});
    scene.server.delete_with("Dataset", "default", "demo", &orphan);
    scene.server.collect();
    scene.server.settled(QUIET).await;
    scene.server.delete("Pod", "default", "app");
    // No watch shows pods of users.
    scene.server.edit("Dataset", "default", "demo", |dataset| {
        dataset["metadata"]["labels"]["example.org/looked-at"] = json!("yes");
    });
    scene.server.settled(QUIET).await;
    scene.server.release_all();
    gone(&scene, "Dataset").await;
    scene.server.settled(QUIET).await;
    let runtime = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    assert!(runtime["metadata"]["deletionTimestamp"].is_null(), "{runtime}");
    assert!(runtime["metadata"]["ownerReferences"].is_null(), "{runtime}");
    for (kind, name) in [("StatefulSet", "demo-worker"), ("PersistentVolumeClaim", "demo")] {
        assert!(scene.server.object(kind, "default", name).is_some(), "{kind} {name}");
    }
}
