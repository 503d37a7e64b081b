//! Answers that are lost, caches that are stale, and operators that are killed.

use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use wasser_api::labels;
use wasser_test_api_server::{ApiServer, Attempt, Effect, Fault, Snapshot};

use super::scene::{OPERATOR, QUIET, Scene};

/// Scenes that are played at the same time; most of their time is waiting.
const AT_ONCE: usize = 4;

/// Sets a runtime up without any fault.
async fn undisturbed() -> Snapshot {
    let scene = Scene::new();
    let _operator = scene.start().await;
    scene.create_runtime();
    end_of(&scene).await
}

/// The state of a runtime that is set up and at rest.
async fn end_of(scene: &Scene) -> Snapshot {
    scene.bind().await;
    let mut end = scene.server.snapshot();
    if let Some(runtime) = end.0.get_mut("DemoRuntime default/demo") {
        // It took as long as it took.
        runtime["status"]["setupDuration"] = Value::Null;
    }
    if let Some(map) = end.0.get_mut("ConfigMap default/demo-demo-values") {
        // It is of values with the UID of the runtime.
        map["metadata"]["annotations"][labels::VALUES_DIGEST] = Value::Null;
    }
    end
}

/// Checks that a scene ends as it does without the fault in this write.
async fn ends_as(expected: &Snapshot, scene: &Scene, write: usize) {
    let found = end_of(scene).await;
    let differences: Vec<String> = expected.differences(&found).iter().map(ToString::to_string).collect();
    assert!(
        differences.is_empty(),
        "write {write}: {}\n{}",
        differences.join("\n"),
        scene.server.situation()
    );
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_changes_nothing_in_the_end() {
    let expected = undisturbed().await;
    let attempt = |number: usize| {
        let expected = expected.clone();
        async move {
            let scene = Scene::new();
            let _operator = scene.start().await;
            let is_about_events = |attempt: &Attempt<'_>| attempt.call.resource == "events";
            let fault = Fault::writes()
                .of(OPERATOR)
                .when(move |attempt| !is_about_events(attempt))
                .after(number)
                .times(1);
            let armed = scene.server.arm(fault, Effect::ApplyThenBreak);
            scene.create_runtime();
            ends_as(&expected, &scene, number).await;
            armed.hits()
        }
    };
    let hits: Vec<usize> = futures::stream::iter((0..12).map(attempt))
        .buffered(AT_ONCE)
        .collect()
        .await;
    assert!(hits.iter().sum::<usize>() >= 8, "{hits:?}");
}

#[tokio::test]
async fn a_killed_operator_is_continued_by_the_next_one() {
    let expected = undisturbed().await;
    let attempt = |number: usize| {
        let expected = expected.clone();
        async move {
            let scene = Scene::new();
            let first = scene.start().await;
            let fault = Fault::writes().of(OPERATOR).after(number).times(1);
            let armed = scene.server.arm(fault, Effect::ApplyThenHang);
            scene.create_runtime();
            armed.hit(1).await;
            scene.kill(first);
            drop(armed);
            let _second = scene.start().await;
            ends_as(&expected, &scene, number).await;
        }
    };
    futures::stream::iter([0, 2, 4, 6].map(attempt))
        .buffered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test]
async fn a_dataset_is_bound_only_once_its_workers_are_seen() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    scene.server.hold("statefulsets");
    scene.create_runtime();
    let installed = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    scene.server.until("the release", installed).await;
    scene.server.settled(QUIET).await;
    let dataset = scene.server.object("Dataset", "default", "demo").unwrap();
    assert_ne!(dataset["status"]["phase"], "Bound", "{}", scene.server.situation());
    // What the watch does not show yet is not missing.
    let records = scene.server.objects("Secret", "default");
    assert_eq!(records.len(), 1, "{}", scene.server.situation());
    scene.server.release("statefulsets");
    end_of(&scene).await;
}

#[tokio::test]
async fn a_write_that_is_refused_until_the_watch_goes_on_is_made_ever_more_seldom() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    let create = |kind: &str, spec: Value| {
        scene.server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
            "metadata": {"name": "demo", "namespace": "default"}, "spec": spec,
        }));
    };
    create("DemoRuntime", json!({"replicas": 2}));
    scene.server.settled(QUIET).await;
    scene.server.hold("demoruntimes");
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    let adoption = Fault::writes().of(OPERATOR).resource("demoruntimes");
    let armed = scene.server.arm(adoption, Effect::Nothing);
    create(
        "Dataset",
        json!({"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]}),
    );
    // The first ones may also be because the Dataset has changed.
    armed.hit(3).await;
    let third = Instant::now();
    armed.hit(6).await;
    let pauses = third.elapsed();
    assert!(
        pauses > Duration::from_millis(600),
        "{pauses:?}: {}",
        scene.server.situation()
    );
    scene.server.release("demoruntimes");
    scene.bind().await;
}
