//! Copies of what the clients of a Dataset name, in the namespaces of those that refer to it.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::gone::collected;
use super::references::scene;
use super::scene::QUIET;

/// What the clients of `demo` name: two ConfigMaps of its release, of which one is there, and one of
/// its user.
fn clients() -> Value {
    let volume = |name: &str| json!({"name": name, "configMap": {"name": name}});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "demo-fuse", "namespace": "default", "labels": {"fluid.io/dataset-id": "default-demo"}},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "containers": [{"name": "fuse", "image": "demo"}],
                "volumes": [volume("demo-script"), volume("demo-none"), volume("users")],
            }},
        },
    })
}

#[tokio::test]
async fn what_clients_name_reaches_the_namespace_of_a_reference() {
    let (scene, _operator) = scene().await;
    let map = |name: &str, labels: Value| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "1"},
            "metadata": {"name": name, "namespace": "default", "labels": labels},
        })
    };
    scene
        .server
        .create(&map("demo-script", json!({"fluid.io/dataset-id": "default-demo"})));
    scene.server.create(&map("users", json!({})));
    scene.server.create(&clients());
    let team = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    scene.server.create(&team);
    scene.server.settled(QUIET).await;
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
        "metadata": {"name": "far", "namespace": "team"},
        "spec": {"mounts": [{"mountPoint": "dataset://default/demo"}]},
    }));
    let copied = |text: &'static str| {
        move |server: &ApiServer| {
            let copy = server.object("ConfigMap", "team", "demo-script")?;
            (copy["data"]["text"] == text).then_some(copy)
        }
    };
    let copy = scene.server.until("the copy", copied("1")).await;
    assert_eq!(copy["metadata"]["ownerReferences"][0]["name"], "far");
    assert_eq!(copy["metadata"]["labels"]["fluid.io/dataset-id"], "team-far");
    scene.server.edit("ConfigMap", "default", "demo-script", |map| {
        map["data"]["text"] = "2".into()
    });
    scene.server.settled(QUIET).await;
    scene.server.edit("Dataset", "team", "far", |dataset| {
        dataset["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.until("the newer copy", copied("2")).await;
    scene.server.settled(QUIET).await;
    let names: Vec<Value> = scene
        .server
        .objects("ConfigMap", "team")
        .iter()
        .map(|map| map["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, [json!("demo-script")], "what is the user's stays where it is");
}

#[tokio::test]
async fn a_copy_of_what_clients_name_outlives_the_first_of_two_references() {
    let (scene, _operator) = scene().await;
    let script = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "1"},
        "metadata": {"name": "demo-script", "namespace": "default", "labels": {"fluid.io/dataset-id": "default-demo"}},
    });
    scene.server.create(&script);
    scene.server.create(&clients());
    let team = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    scene.server.create(&team);
    scene.server.settled(QUIET).await;
    for name in ["first", "second"] {
        scene.server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": name, "namespace": "team"},
            "spec": {"mounts": [{"mountPoint": "dataset://default/demo"}]},
        }));
    }
    let copy = |server: &ApiServer| server.object("ConfigMap", "team", "demo-script");
    let owned_by = |expected: &'static [&'static str]| {
        move |server: &ApiServer| {
            let owners = copy(server)?["metadata"]["ownerReferences"].as_array()?.clone();
            let mut names: Vec<&str> = owners.iter().filter_map(|owner| owner["name"].as_str()).collect();
            names.sort_unstable();
            (names == expected).then_some(())
        }
    };
    let both = &["first", "second"];
    scene.server.until("both to own the copy", owned_by(both)).await;
    scene.server.settled(QUIET).await;
    scene.server.delete("ConfigMap", "team", "demo-script");
    scene.server.until("both to own the next copy", owned_by(both)).await;

    scene.server.delete("Dataset", "team", "first");
    let is_gone = |server: &ApiServer| server.object("Dataset", "team", "first").is_none();
    collected(&scene, "the first reference to go", is_gone).await;
    scene.server.collect();
    assert!(copy(&scene.server).is_some(), "the second reference needs it");
    scene.server.edit("ConfigMap", "default", "demo-script", |map| {
        map["data"]["text"] = "2".into()
    });
    scene.server.settled(QUIET).await;
    scene.server.edit("Dataset", "team", "second", |dataset| {
        dataset["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    let newer = |server: &ApiServer| (copy(server)?["data"]["text"] == "2").then_some(());
    scene.server.until("the newer copy", newer).await;
    scene.server.delete("Dataset", "team", "second");
    let is_gone = |server: &ApiServer| copy(server).is_none();
    collected(&scene, "the copy to go with the last reference", is_gone).await;
}
