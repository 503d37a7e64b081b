//! What the scenarios of whole cache systems, each one Dataset `default/demo` with its runtime, wait
//! for and look at.

use wasser_test_api_server::ApiServer;

use super::scene::{QUIET, Scene};

/// Waits until the runtime's status shows masters and workers that are ready.
pub async fn parts_ready(scene: &Scene, kind: &str) {
    let are_ready = |server: &ApiServer| {
        let status = &server.object(kind, "default", "demo")?["status"];
        (status["masterPhase"] == "Ready" && status["workerPhase"] == "Ready").then_some(())
    };
    scene.server.until("master and workers that are ready", are_ready).await;
}

/// Waits until the runtime's status shows so many workers and clients that are ready.
pub async fn scaled(scene: &Scene, kind: &str, workers: u32, clients: u32) {
    let is_scaled = |server: &ApiServer| {
        let status = &server.object(kind, "default", "demo")?["status"];
        (status["workerNumberReady"] == workers && status["fuseNumberReady"] == clients).then_some(())
    };
    let what = format!("{workers} workers and {clients} clients");
    scene.server.until(&what, is_scaled).await;
}

/// Waits until the Dataset shows this capacity, and what the system itself knows is so as well.
pub async fn capacity(scene: &Scene, capacity: &str, is_known: impl Fn(&ApiServer) -> bool) {
    let is_shown = |server: &ApiServer| {
        let states = &server.object("Dataset", "default", "demo")?["status"]["cacheStates"];
        (states["cacheCapacity"] == capacity && is_known(server)).then_some(())
    };
    scene.server.until(&format!("a capacity of {capacity}"), is_shown).await;
}

/// Deletes the Dataset, and waits until it and its runtime are gone.
pub async fn deleted(scene: &Scene, kind: &str) {
    scene.server.delete("Dataset", "default", "demo");
    let are_gone = |server: &ApiServer| {
        let gone = |kind: &str| server.object(kind, "default", "demo").is_none();
        (gone("Dataset") && gone(kind)).then_some(())
    };
    scene.server.until("Dataset and runtime to go", are_gone).await;
    scene.server.settled(QUIET).await;
}

/// Checks that none of these objects is left.
pub fn nothing_left(scene: &Scene, objects: &[(&str, &[&str])]) {
    for (kind, names) in objects {
        for name in *names {
            assert_eq!(scene.server.object(kind, "default", name), None, "{kind} {name}");
        }
    }
}
