//! Sizes of Datasets on Alluxio that take long to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Command, Outcome};

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::Scene;

/// What a command of Alluxio prints that only asks.
fn report(command: &Command) -> Outcome {
    let says = |word: &str| command.argv.iter().any(|said| said == word);
    Outcome::printing(match () {
        () if says("summary") => "Total Capacity: 2GB\nUsed Capacity: 3MB",
        () if says("count") => "File Count               Folder Count             Folder Size\n3 1 3145728",
        () => "",
    })
}

fn walks(command: &Command) -> bool {
    command.argv.iter().any(|word| word == "loadMetadata")
}

/// Brings a Dataset up, and waits until its status is as it should be.
async fn shows(scene: Scene, look: impl Fn(&Value) -> bool) {
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    let mount = json!({"mountPoint": "s3://bucket/data", "name": "data"});
    for (kind, spec) in [
        ("Dataset", json!({"mounts": [mount]})),
        ("AlluxioRuntime", json!({"replicas": 1})),
    ] {
        scene.server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
            "metadata": {"name": "demo", "namespace": "default"}, "spec": spec,
        }));
    }
    let status = |server: &ApiServer| look(&server.object("Dataset", "default", "demo")?["status"]).then_some(());
    scene.server.until("the status", status).await;
}

/// A cluster with Alluxio that looks at what it serves more often than others.
fn cluster() -> Scene {
    let mut scene = Scene::serving(&[registered("alluxio")]);
    scene.sync_period = Duration::from_millis(500);
    scene
}

#[tokio::test]
async fn a_walk_that_hangs_does_not_hide_the_cache() {
    let scene = cluster();
    scene.server.on_exec(|command| async move {
        if walks(&command) {
            std::future::pending::<()>().await;
        }
        report(&command)
    });
    let looks = |status: &Value| status["cacheStates"]["cached"] == "3.00MiB" && status["ufsTotal"] == "[Calculating]";
    shows(scene, looks).await;
}

#[tokio::test]
async fn a_command_whose_connection_breaks_is_run_again() {
    let scene = cluster();
    let begun = Arc::new(AtomicUsize::new(0));
    let walked = begun.clone();
    scene.server.on_exec(move |command| {
        let is_first = walks(&command) && walked.fetch_add(1, Ordering::Relaxed) == 0;
        std::future::ready(if is_first { Outcome::lost() } else { report(&command) })
    });
    shows(scene, |status| status["ufsTotal"] == "3.00MiB").await;
    assert_eq!(begun.load(Ordering::Relaxed), 2);
}
