//! What is deleted, with the garbage collector and the guards of volumes played here.

use wasser_test_api_server::ApiServer;

use super::scene::Scene;

/// Waits until something is gone.
pub async fn collected(scene: &Scene, what: &str, is_gone: impl Fn(&ApiServer) -> bool) {
    let look = |server: &ApiServer| {
        server.release_protection();
        server.collect();
        is_gone(server).then_some(())
    };
    scene.server.until(what, look).await;
}

/// Waits until an object is gone.
pub async fn object_gone(scene: &Scene, kind: &str, name: &str) {
    let is_gone = |server: &ApiServer| server.object(kind, "default", name).is_none();
    collected(scene, &format!("{kind} {name} to go"), is_gone).await;
}

/// Waits until no object of these kinds is left.
pub async fn none_left(scene: &Scene, kinds: &[&str]) {
    let is_gone = |server: &ApiServer| kinds.iter().all(|kind| server.objects(kind, "default").is_empty());
    collected(scene, &format!("all of {kinds:?} to go"), is_gone).await;
}
