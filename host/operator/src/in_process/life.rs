//! The life of one runtime, from its creation to its end.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wasser_plugin::Threads;
use wasser_test_api_server::{ApiServer, Verb};

use super::common::Guest;
use super::scene::{OPERATOR, Operator, QUIET, STATEFUL_SET, Scene, chart, crd, registration};

#[tokio::test]
async fn a_dataset_is_bound_once_its_workers_are_ready() {
    let (scene, _operator) = Scene::bound().await;
    let runtime = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    assert_eq!(runtime["status"]["workerPhase"], "Ready", "{runtime}");
    let set = scene.server.object("StatefulSet", "default", "demo-worker").unwrap();
    assert_eq!(set["spec"]["replicas"], 2);
}

/// What changes for the datasets of a cluster would pile up until it leads.
#[tokio::test]
async fn a_replica_that_does_not_lead_gathers_nothing() {
    let scene = Scene::new();
    let operator = scene.start_behind().await;
    scene.create_runtime();
    scene.server.settled(QUIET).await;
    assert_eq!(operator.change_bus.followers(), 0);
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "");
    operator.lead();
    scene.bind().await;
    assert!(operator.change_bus.followers() > 0);
}

#[tokio::test]
async fn reconciles_run_on_the_threads_of_guests() {
    let mut scene = Scene::new();
    scene.threads = Threads::start().unwrap();
    let _operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    scene.server.delete("DemoRuntime", "default", "demo");
    let is_gone = |server: &ApiServer| {
        server.release_protection();
        server.object("DemoRuntime", "default", "demo").is_none().then_some(())
    };
    scene.server.until("the runtime to go", is_gone).await;
}

#[tokio::test]
async fn a_runtime_at_rest_causes_no_writes() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.take_requests();
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "");
}

/// How often the plugin was asked whether it accepts a spec, and what the values are.
fn asked(operator: &Operator) -> [u32; 2] {
    let text = operator.metrics.text();
    ["validate", "desired"].map(|method| {
        let series =
            format!("wasser_plugin_call_duration_seconds_count{{plugin=\"DemoRuntime\",method=\"{method}\"}} ");
        let count = text.lines().find_map(|line| line.strip_prefix(&series));
        count.map_or(0, |count| count.parse().unwrap())
    })
}

#[tokio::test]
async fn a_plugin_accepts_a_spec_once_for_all_that_pods_do() {
    // It has the method, and leaves the answer to the host.
    let component = Guest::default().answers("desired", b"{}");
    let component = component.method("validate", "(i32.const 64)").build();
    let chart = chart(&[("worker.yaml", STATEFUL_SET)]);
    let grants = "exec: [worker], kinds: [StatefulSet]";
    let scene = Scene::serving(&[crd(), registration(&component, &chart, grants, "{}")]);
    let operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    scene.server.settled(QUIET).await;
    let [accepted, computed] = asked(&operator);
    assert!(accepted > 0);
    let ready = |count: i32| {
        scene
            .server
            .edit_status("StatefulSet", "default", "demo-worker", |status| {
                status["readyReplicas"] = count.into();
            });
        scene.server.settled(QUIET)
    };
    ready(1).await;
    let [now, computed_now] = asked(&operator);
    assert_eq!(now, accepted);
    assert!(computed_now > computed, "{computed_now}");
    scene.server.edit("Dataset", "default", "demo", |dataset| {
        dataset["spec"]["mounts"][0]["mountPoint"] = "demo://another".into();
    });
    scene.server.settled(QUIET).await;
    assert!(asked(&operator)[0] > accepted);
}

/// A watch whose connection is dead shows nothing, and ends only when its time is over.
#[tokio::test]
async fn every_watch_ends_soon_and_begins_again() {
    let (scene, _operator) = Scene::bound().await;
    let mut requests = scene.server.take_requests().of(OPERATOR);
    requests.0.retain(|record| record.call.verb == Verb::Watch);
    for resource in [
        "configmaps",
        "customresourcedefinitions",
        "datasets",
        "demoruntimes",
        "jobs",
    ] {
        let is_watched = requests.0.iter().any(|record| record.call.resource == resource);
        assert!(is_watched, "{resource}: {}", requests.describe());
    }
    requests
        .0
        .retain(|record| record.call.query.get("timeoutSeconds") != "60");
    assert_eq!(requests.describe(), "");
}

/// The definitions of an earlier Fluid lack fields.
#[tokio::test]
async fn a_field_that_the_definition_drops_is_not_written_again_and_again() {
    let scene = Scene::new();
    let crd = "datasets.data.fluid.io";
    scene.server.edit("CustomResourceDefinition", "", crd, |crd| {
        let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
        let fields = crd.pointer_mut(fields).and_then(Value::as_object_mut).unwrap();
        assert!(fields.remove("mounts").is_some());
    });
    let _operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    for look in ["first", "second"] {
        scene.server.take_requests();
        scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
            runtime["metadata"]["annotations"]["example.org/note"] = look.into();
        });
        scene.server.settled(QUIET).await;
    }
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "");
}

/// A plugin that comes back at once may find the controller of its kind as it was.
#[tokio::test]
async fn what_changes_while_a_plugin_is_exchanged_is_not_missed() {
    let (scene, operator) = Scene::bound().await;
    let plugin = operator.registry.get("DemoRuntime").unwrap();
    operator.registry.fill(BTreeMap::new());
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = 3.into();
    });
    scene.server.settled(QUIET).await;
    operator
        .registry
        .fill(BTreeMap::from([("DemoRuntime".to_owned(), plugin)]));
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", "demo-worker")?;
        (set["spec"]["replicas"] == 3).then_some(())
    };
    scene.server.until("three workers", scaled).await;
}

#[tokio::test]
async fn a_deleted_runtime_leaves_nothing_of_its_own() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.delete("DemoRuntime", "default", "demo");
    let look = |server: &ApiServer| {
        server.release_protection();
        server.object("DemoRuntime", "default", "demo").is_none().then_some(())
    };
    scene.server.until("the runtime to go", look).await;
    scene.phase("NotBound").await;
    scene.server.collect();
    for kind in ["StatefulSet", "PersistentVolumeClaim", "PersistentVolume", "Secret"] {
        assert!(
            scene.server.objects(kind, "").is_empty(),
            "{kind}: {}",
            scene.server.situation()
        );
    }
}

#[tokio::test]
async fn an_operator_ends_when_it_is_asked_to() {
    let (_scene, mut operator) = Scene::bound().await;
    operator.stop();
    assert!(operator.ended().await);
}

#[tokio::test]
async fn an_operator_that_has_lost_a_watch_ends() {
    let scene = Scene::new();
    let mut operator = scene.start().await;
    let breaks = async { panic!("this is what the test is about") };
    operator
        .supervisor
        .spawn("the watch of something", &CancellationToken::new(), breaks);
    assert!(!operator.ended().await);
}
