//! The volumes of Datasets that refer to others: what is in their way, and where they lead.

use std::time::Duration;

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::gone::collected;
use super::references::{complains, complaint, dataset, delete, phase, scene, scene_of};
use super::scene::{Operator, Scene};

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

fn path(server: &ApiServer, volume: &str) -> Option<Value> {
    let volume = server.object("PersistentVolume", "", volume)?;
    Some(volume["spec"]["csi"]["volumeAttributes"]["fluid_path"].clone())
}

/// A scene where the volume of `view` leads to where `demo` was with an earlier runtime, and this
/// pod uses it.
async fn outdated(pod: Option<&str>) -> (Scene, Operator) {
    let (scene, operator) = scene().await;
    scene.kill(operator);
    let mut volume = scene.server.object("PersistentVolume", "", "default-view").unwrap();
    scene.server.delete("PersistentVolume", "", "default-view");
    scene.server.release_protection();
    volume["spec"]["csi"]["volumeAttributes"]["fluid_path"] = json!("/runtime-mnt/former/default/demo/former-fuse");
    let kept = &volume["metadata"];
    volume["metadata"] = json!({"name": "default-view", "labels": kept["labels"], "annotations": kept["annotations"]});
    scene.server.create(&volume);
    if let Some(pod) = pod {
        scene.server.create(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "namespace": "default"},
            "spec": {
                "containers": [{"name": "app", "image": "app"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "view"}}],
            },
        }));
    }
    let operator = scene.start().await;
    (scene, operator)
}

async fn leads_to_demo(scene: &Scene) {
    let leads = |server: &ApiServer| {
        let is_there = server.object("PersistentVolumeClaim", "default", "view").is_some();
        is_there && path(server, "default-view") == path(server, "default-demo")
    };
    collected(scene, "the volume to lead to demo", leads).await;
}

#[tokio::test]
async fn a_volume_that_leads_to_an_earlier_runtime_is_made_again() {
    let (scene, _operator) = outdated(None).await;
    leads_to_demo(&scene).await;
    phase(&scene, "view", "Bound").await;
    delete(&scene, "view").await;
    for (kind, namespace, name) in [
        ("PersistentVolume", "", "default-view"),
        ("PersistentVolumeClaim", "default", "view"),
    ] {
        assert!(scene.server.object(kind, namespace, name).is_none(), "{kind}");
    }
}

#[tokio::test]
async fn one_that_pods_use_is_named_until_they_end() {
    let (scene, _operator) = outdated(Some("reader")).await;
    complains(
        &scene,
        "view",
        "it has fluid_path /runtime-mnt/former/default/demo/former-fuse",
    )
    .await;
    complains(&scene, "view", "(reader)").await;
    phase(&scene, "view", "Bound").await;
    assert_ne!(path(&scene.server, "default-view"), path(&scene.server, "default-demo"));
    scene.server.delete("Pod", "default", "reader");
    scene.server.edit("Dataset", "default", "view", |dataset| {
        dataset["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    leads_to_demo(&scene).await;
    let over = |server: &ApiServer| complaint(server, "view").is_none().then_some(());
    scene.server.until("the condition to go", over).await;
}
