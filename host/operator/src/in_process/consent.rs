//! References that need the consent of the other Dataset, and who tries to do without.

use serde_json::{Value, json};
use wasser_engine::{Sharing, TenantRules};
use wasser_test_api_server::ApiServer;

use super::scene::{OPERATOR, QUIET, Scene};

const TEAM: &str = "team";

/// Creates a Dataset with its runtime, and waits until it is Bound.
async fn bound(scene: &Scene, namespace: &str, name: &str) {
    let metadata = json!({"name": name, "namespace": namespace});
    let mounts = json!([{"mountPoint": "demo://bucket", "name": name}]);
    let objects = [
        ("Dataset", json!({"mounts": mounts})),
        ("DemoRuntime", json!({"replicas": 1})),
    ];
    for (kind, spec) in objects {
        scene
            .server
            .create(&json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}));
    }
    let workload = format!("{name}-worker");
    let started = |server: &ApiServer| {
        let set = server.object("StatefulSet", namespace, &workload)?;
        (set["spec"]["replicas"] == 1).then_some(())
    };
    scene.server.until("workers to start", started).await;
    scene.server.edit_status("StatefulSet", namespace, &workload, |status| {
        *status = json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    });
    let is_bound = |server: &ApiServer| {
        let dataset = server.object("Dataset", namespace, name)?;
        (dataset["status"]["phase"] == "Bound" && server.object("PersistentVolumeClaim", namespace, name).is_some())
            .then_some(())
    };
    scene.server.until("the Dataset to be Bound", is_bound).await;
}

/// A Dataset with a cache of its own whose records are gone looks like one that never had any.
#[tokio::test]
async fn a_volume_of_ones_own_is_not_the_consent_of_another() {
    let scene = Scene {
        tenant_rules: TenantRules {
            references: Sharing::Shared,
            ..TenantRules::default()
        },
        ..Scene::new()
    };
    scene.server.edit("ConfigMap", OPERATOR, "demo", |map| {
        let text = map["data"]["plugin.yaml"].as_str().unwrap().to_owned();
        let (text, _) = text.split_once("settings:").unwrap();
        map["data"]["plugin.yaml"] = json!(format!("{text}settings: {{dataset-references: \"true\"}}\n"));
    });
    scene
        .server
        .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}));
    let first = scene.start().await;
    bound(&scene, "default", "demo").await;
    bound(&scene, TEAM, "own").await;
    scene.server.settled(QUIET).await;
    scene.kill(first);

    for record in scene.server.objects("Secret", TEAM) {
        scene
            .server
            .delete("Secret", TEAM, record["metadata"]["name"].as_str().unwrap());
    }
    scene.server.edit("Dataset", TEAM, "own", |dataset| {
        dataset["spec"]["mounts"] = json!([{"mountPoint": "dataset://default/demo"}]);
    });
    let _second = scene.start().await;
    let refused = |server: &ApiServer| {
        // The Dataset goes on to show its own cache, which pods may use.
        let events = server.objects("Event", TEAM);
        let words = "not shared with the namespace team";
        events
            .iter()
            .any(|event| event.to_string().contains(words))
            .then_some(())
    };
    scene.server.until("the refusal", refused).await;
    let referring = |server: &ApiServer| -> Value {
        let demo = server.object("Dataset", "default", "demo").unwrap();
        demo["status"].get("datasetRef").cloned().unwrap_or(json!([]))
    };
    assert_eq!(referring(&scene.server), json!([]));
    let volume = scene.server.object("PersistentVolume", "", "team-own").unwrap();
    assert_eq!(volume["metadata"]["annotations"].get("wasser.fluid.io/refers-to"), None);
}
