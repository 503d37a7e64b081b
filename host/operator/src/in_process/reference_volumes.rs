//! The volumes of Datasets that refer to others, and what is in their way.

use std::time::Duration;

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::references::{complains, complaint, dataset, phase, scene_of};
use super::scene::Scene;

/// What somebody else has made, which no watch shows.
fn in_the_way(kind: &str) -> Value {
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "next", "namespace": "default"},
        "spec": {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "default-next"},
        "spec": {"accessModes": ["ReadOnlyMany"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}},
    });
    if kind == "PersistentVolume" { volume } else { claim }
}

#[rstest::rstest]
#[case::volume("PersistentVolume", "", "default-next", "Wasser did not create it")]
#[case::claim("PersistentVolumeClaim", "default", "next", "Wasser did not create it")]
#[tokio::test]
async fn a_reference_goes_on_once_what_is_in_its_way_is_deleted(
    #[case] kind: &str,
    #[case] namespace: &str,
    #[case] name: &str,
    #[case] words: &str,
) {
    let (scene, _operator) = scene_of(Scene {
        sync_period: Duration::from_secs(1),
        ..Scene::new()
    })
    .await;
    scene.server.create(&in_the_way(kind));
    dataset(&scene, "next", &json!([{"mountPoint": "dataset://default/demo"}]));
    complains(&scene, "next", words).await;
    scene.server.delete(kind, namespace, name);
    scene.server.release_protection();
    phase(&scene, "next", "Bound").await;
    let over = |server: &ApiServer| complaint(server, "next").is_none().then_some(());
    scene.server.until("the condition to go", over).await;
}
