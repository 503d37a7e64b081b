//! Operations that exclude each other: over a restart, on two Datasets, and through a reference.

use rstest::rstest;
use serde_json::{Value, json};

use super::common::Guest;
use super::jobs::{end, job};
use super::juicefs_operations::{bound, migration, status};
use super::machine::scenario::{juicefs_objects, juicefs_scene, registered};
use super::machine::world::World;
use super::operations::{load, operation, phase, says};
use super::scene::{OPERATOR, Operator, QUIET, STATEFUL_SET, Scene, chart, crd, registration};

/// A load of a Dataset.
fn load_of(dataset: &str, name: &str) -> Value {
    operation("DataLoad", name, json!({"dataset": {"name": dataset}}))
}

/// A cluster with a Dataset on JuiceFS that is Bound, whose controllers go on.
async fn alive() -> (Scene, World, Operator) {
    let scene = juicefs_scene();
    scene.server.create(&registered("thin"));
    let world = World::start(&scene.server);
    let operator = scene.start().await;
    for object in juicefs_objects() {
        scene.server.create(&object);
    }
    scene.phase("Bound").await;
    scene.volume().await;
    (scene, world, operator)
}

/// The Dataset of JuiceFS with another name, and its runtime.
fn another(name: &str) -> [Value; 2] {
    juicefs_objects().map(|mut object| {
        object["metadata"]["name"] = json!(name);
        object
    })
}

/// A migration from one Dataset into another one.
fn between(name: &str, from: &str, to: &str) -> Value {
    let end = |dataset: &str| json!({"dataset": {"name": dataset, "namespace": "default"}});
    operation("DataMigrate", name, json!({"from": end(from), "to": end(to)}))
}

#[tokio::test]
async fn what_runs_is_waited_for_after_a_restart() {
    let (scene, operator) = bound().await;
    scene.server.create(&migration("in", &json!({})));
    status(&scene, "DataMigrate", "in", "Executing").await;
    let names: Vec<String> = (0..8).map(|number| format!("warm-{number}")).collect();
    for name in &names {
        scene.server.create(&load(name));
    }
    for name in &names {
        let why = says(&scene, "DataLoad", name, "DataOperationCollision").await;
        assert!(why.contains("DataMigrate default/in"), "{why}");
    }
    scene.kill(operator);
    let _operator = scene.start().await;
    scene.server.settled(QUIET).await;
    let jobs: Vec<Value> = scene.server.objects("Job", "default");
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    end(&scene, "in-migrate-migrate", "Complete").await;
    for name in &names {
        job(&scene, &format!("{name}-loader-job")).await;
    }
}

#[tokio::test]
async fn a_migration_between_datasets_is_done_by_its_end_however_late_that_is_there() {
    let (scene, _world, _operator) = alive().await;
    let [dataset, runtime] = another("other");
    scene.server.create(&dataset);
    scene.server.create(&between("move", "demo", "other"));
    let why = says(&scene, "DataMigrate", "move", "RuntimeNotReady").await;
    assert!(why.contains("default/other is not Bound"), "{why}");
    scene.server.create(&runtime);
    let made = job(&scene, "move-migrate-migrate").await;
    let container = &made["spec"]["template"]["spec"]["containers"][0];
    let value = |name: &str| {
        let env = container["env"].as_array().unwrap();
        env.iter().find(|variable| variable["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(
        (value("FROM"), value("TO")),
        (json!("file:///mnt/fluid-native/"), json!("jfs://METAURL/"))
    );
}

#[tokio::test]
async fn a_migration_between_datasets_waits_for_both_and_is_waited_for_on_both() {
    let (scene, world, _operator) = alive().await;
    for object in another("other") {
        scene.server.create(&object);
    }
    scene.phase_of("other", "Bound").await;
    // From here on, Jobs end as the test says.
    drop(world);
    scene.server.create(&load_of("demo", "first"));
    job(&scene, "first-loader-job").await;
    phase(&scene, "DataLoad", "first", "Executing").await;
    scene.server.create(&between("move", "demo", "other"));
    let why = says(&scene, "DataMigrate", "move", "DataOperationCollision").await;
    assert!(
        why.contains("DataLoad default/first") && why.contains("default/demo"),
        "{why}"
    );
    end(&scene, "first-loader-job", "Complete").await;
    job(&scene, "move-migrate-migrate").await;
    phase(&scene, "DataMigrate", "move", "Executing").await;
    for dataset in ["demo", "other"] {
        let name = format!("after-{dataset}");
        scene.server.create(&load_of(dataset, &name));
        let why = says(&scene, "DataLoad", &name, "DataOperationCollision").await;
        assert!(why.contains("DataMigrate default/move"), "{why}");
    }
    end(&scene, "move-migrate-migrate", "Complete").await;
    for dataset in ["demo", "other"] {
        job(&scene, &format!("after-{dataset}-loader-job")).await;
    }
}

#[tokio::test]
async fn a_load_through_a_reference_waits_for_what_works_on_the_cache() {
    let (scene, world, _operator) = alive().await;
    scene.server.create(
        &json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "view",
            "namespace": "default"}, "spec": {"mounts": [{"mountPoint": "dataset://default/demo"}]}}),
    );
    scene.phase_of("view", "Bound").await;
    drop(world);
    scene.server.create(&migration("in", &json!({})));
    status(&scene, "DataMigrate", "in", "Executing").await;
    scene.server.create(&load_of("view", "warm"));
    let why = says(&scene, "DataLoad", "warm", "DataOperationCollision").await;
    assert!(
        why.contains("DataMigrate default/in") && why.contains("default/demo"),
        "{why}"
    );
    end(&scene, "in-migrate-migrate", "Complete").await;
    job(&scene, "warm-loader-job").await;
}

/// Adds a Dataset on another kind of runtime than JuiceFS, with these access modes.
async fn plain(scene: &Scene, modes: &Value) {
    let component = Guest::default().answers("desired", b"{}").build();
    let chart = chart(&[("worker.yaml", STATEFUL_SET)]);
    let mut demo = registration(&component, &chart, "exec: [worker], kinds: [StatefulSet]", "{}");
    demo["metadata"]["name"] = json!("another-kind");
    scene.server.create(&crd());
    scene.server.create(&demo);
    scene.create_named("plain");
    scene.server.edit("Dataset", "default", "plain", |dataset| {
        dataset["spec"]["accessModes"] = modes.clone();
    });
    scene.phase_of("plain", "Bound").await;
}

#[tokio::test]
async fn a_migration_needs_no_plugin_for_the_end_that_does_not_do_the_work() {
    let (scene, _world, operator) = alive().await;
    plain(&scene, &json!(["ReadWriteMany"])).await;
    scene.kill(operator);
    scene.server.delete("ConfigMap", OPERATOR, "another-kind");
    let _operator = scene.start().await;
    for (name, from, to) in [("out", "demo", "plain"), ("in", "plain", "demo")] {
        scene.server.create(&between(name, from, to));
        let made = job(&scene, &format!("{name}-migrate-migrate")).await.to_string();
        assert!(
            made.contains("jfs://METAURL/") && made.contains("file:///mnt/fluid-native/"),
            "{made}"
        );
    }
    scene.server.create(&load_of("plain", "warm"));
    let why = says(&scene, "DataLoad", "warm", "RuntimeNotReady").await;
    assert!(why.contains("default/plain is not served"), "{why}");
}

#[rstest]
#[case::for_reading_only(json!([]))]
#[case::for_writing(json!(["ReadWriteMany"]))]
#[tokio::test]
async fn a_migration_into_another_kind_of_dataset_is_done_by_the_one_that_can(#[case] modes: Value) {
    let (scene, _world, _operator) = alive().await;
    plain(&scene, &modes).await;
    scene.server.create(&between("out", "demo", "plain"));
    if modes == json!([]) {
        status(&scene, "DataMigrate", "out", "Failed").await;
        let why = says(&scene, "DataMigrate", "out", "DataOperationNotValid").await;
        assert!(why.contains("DataMigrate.spec.to.dataset: default/plain"), "{why}");
    } else {
        let made = job(&scene, "out-migrate-migrate").await.to_string();
        assert!(
            made.contains("jfs://METAURL/") && made.contains("file:///mnt/fluid-native/"),
            "{made}"
        );
    }
}
