//! Copies of what the clients of a Dataset name, in the namespaces of those that refer to it.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::gone::collected;
use super::references::scene;
use super::scene::{QUIET, Scene};

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

/// A Dataset `demo` in another namespace, with clients that name a ConfigMap of the same name.
async fn namesake(scene: &Scene) {
    let server = &scene.server;
    server.namespace("b");
    for (kind, spec) in [
        ("Dataset", json!({"mounts": [{"mountPoint": "demo://b", "name": "b"}]})),
        ("DemoRuntime", json!({"replicas": 1})),
    ] {
        server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": "demo", "namespace": "b"},
        }));
    }
    let started = |server: &ApiServer| {
        let set = server.object("StatefulSet", "b", "demo-worker")?;
        (set["spec"]["replicas"] == 1).then_some(())
    };
    server.until("workers to start", started).await;
    server.edit_status("StatefulSet", "b", "demo-worker", |status| {
        *status = json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    });
    let mut clients = clients();
    clients["metadata"]["namespace"] = json!("b");
    clients["metadata"]["labels"]["fluid.io/dataset-id"] = json!("b-demo");
    server.create(&clients);
    server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "b"},
        "metadata": {"name": "demo-script", "namespace": "b", "labels": {"fluid.io/dataset-id": "b-demo"}},
    }));
    let bound = |server: &ApiServer| {
        let dataset = server.object("Dataset", "b", "demo")?;
        (dataset["status"]["phase"] == "Bound").then_some(())
    };
    server.until("the namesake to be Bound", bound).await;
}

#[tokio::test]
async fn a_reference_says_that_its_copy_is_taken_until_the_other_reference_goes() {
    let (scene, _operator) = scene().await;
    let server = &scene.server;
    server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "a"},
        "metadata": {"name": "demo-script", "namespace": "default", "labels": {"fluid.io/dataset-id": "default-demo"}},
    }));
    server.create(&clients());
    namesake(&scene).await;
    server.namespace("team");
    server.settled(QUIET).await;
    let refer = |name: &str, to: &str| {
        server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": name, "namespace": "team"},
            "spec": {"mounts": [{"mountPoint": format!("dataset://{to}/demo")}]},
        }));
    };
    let text = |expected: &'static str| {
        move |server: &ApiServer| {
            let copy = server.object("ConfigMap", "team", "demo-script")?;
            (copy["data"]["text"] == expected).then_some(())
        }
    };
    refer("first", "default");
    server.until("the copy", text("a")).await;
    refer("second", "b");
    let complaint = |server: &ApiServer| {
        let dataset = server.object("Dataset", "team", "second")?;
        let conditions = dataset["status"]["conditions"].as_array()?.clone();
        let found = conditions.iter().find(|condition| condition["type"] == "NotReady");
        Some((
            dataset["status"]["phase"].clone(),
            found.map(|found| found["message"].to_string()),
        ))
    };
    let complains = |server: &ApiServer| complaint(server).and_then(|(phase, text)| Some((phase, text?)));
    let (phase, said) = server.until("the complaint", complains).await;
    for words in ["a copy of default/demo-script", "(first)", "one of b/demo-script"] {
        assert!(said.contains(words), "{said}");
    }
    // The node plugin mounts it in the pods that do not mount by themselves.
    assert_eq!(phase, "Bound");

    server.delete("Dataset", "team", "first");
    collected(&scene, "the first reference to go", |server: &ApiServer| {
        server.object("Dataset", "team", "first").is_none()
    })
    .await;
    server.collect();
    server.until("the copy of the other", text("b")).await;
    let is_over = |server: &ApiServer| complaint(server)?.1.is_none().then_some(());
    server.until("the complaint to be over", is_over).await;
}
