//! What the engine decides for a runtime that is set up, and for one that cannot be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasser_plugin::Digest;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};

use super::common::Guest;
use super::scene::{OPERATOR, QUIET, Scene};

/// How many records of Helm the release has.
fn records(server: &ApiServer) -> usize {
    server.objects("Secret", "default").len()
}

/// Waits until the Dataset's condition `NotReady` has a message with this text.
async fn refused(scene: &Scene, text: &str) {
    let look = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        let conditions = dataset["status"]["conditions"].as_array()?.clone();
        let not_ready = conditions.iter().find(|condition| condition["type"] == "NotReady")?;
        not_ready["message"].as_str()?.contains(text).then_some(())
    };
    scene
        .server
        .until(&format!("the condition that says {text:?}"), look)
        .await;
}

#[tokio::test]
async fn workers_are_scaled_without_another_revision() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3)
    });
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", "demo-worker")?;
        (set["spec"]["replicas"] == 3).then_some(())
    };
    scene.server.until("three workers", scaled).await;
    scene.server.settled(QUIET).await;
    let runtime = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    let conditions = runtime["status"]["conditions"].as_array().unwrap();
    assert!(
        conditions
            .iter()
            .any(|condition| condition["type"] == "WorkersScaledOut"),
        "{runtime}"
    );
    assert_eq!(records(&scene.server), 1);
}

#[tokio::test]
async fn what_is_deleted_is_put_back_as_a_new_revision() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.delete("StatefulSet", "default", "demo-worker");
    scene.server.collect();
    let back = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    scene.server.until("the workload to come back", back).await;
    scene.start_workers().await;
    scene.phase("Bound").await;
    scene.server.settled(QUIET).await;
    assert_eq!(records(&scene.server), 2, "{}", scene.server.situation());
}

#[tokio::test]
async fn a_missing_secret_is_named_before_anything_is_installed() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    let key = json!({"name": "key", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "id"}}});
    scene.create_runtime_with(json!([{"mountPoint": "demo://bucket", "name": "demo", "encryptOptions": [key]}]));
    refused(&scene, "the Secret keys does not exist").await;
    scene.server.settled(QUIET).await;
    assert!(scene.server.objects("StatefulSet", "default").is_empty());
    assert_eq!(records(&scene.server), 0);
}

#[tokio::test]
async fn a_volume_of_somebody_else_is_left_alone_and_named() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "default-demo"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "nfs": {"server": "s", "path": "/"}},
    });
    scene.server.create(&foreign);
    scene.create_runtime();
    scene.start_workers().await;
    refused(&scene, "default-demo").await;
    scene.server.settled(QUIET).await;
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    assert_eq!(volume["spec"]["nfs"]["server"], "s");
    assert!(
        scene
            .server
            .object("PersistentVolumeClaim", "default", "demo")
            .is_none()
    );
}

/// Kubernetes takes a claim for lost whose volume does not name its UID.
#[tokio::test]
async fn a_volume_is_not_made_free_while_it_has_a_claim_that_no_watch_shows() {
    let (scene, operator) = Scene::bound().await;
    scene.kill(operator);
    let claim = |server: &ApiServer| server.object("PersistentVolumeClaim", "default", "demo");
    let uid = claim(&scene.server).unwrap()["metadata"]["uid"].clone();
    scene.server.edit("PersistentVolume", "", "default-demo", |volume| {
        volume["spec"]["claimRef"]["uid"] = uid.clone();
    });
    scene.server.edit("PersistentVolumeClaim", "default", "demo", |claim| {
        claim["metadata"]["labels"] = json!({});
    });
    let _operator = scene.start().await;
    let is_labelled = |server: &ApiServer| {
        let claim = claim(server)?;
        claim["metadata"]["labels"]["fluid.io/dataset-id"]
            .is_string()
            .then_some(())
    };
    scene.server.until("the claim to be labelled", is_labelled).await;
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    assert_eq!(volume["spec"]["claimRef"]["uid"], uid, "{volume}");
}

#[tokio::test]
async fn a_dataset_that_cannot_be_read_is_attended_as_it_was() {
    let (scene, _operator) = Scene::bound().await;
    let crd = "datasets.data.fluid.io";
    scene.server.edit("CustomResourceDefinition", "", crd, |crd| {
        let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        schema["properties"]["spec"]["properties"]["mounts"] = json!({"x-kubernetes-preserve-unknown-fields": true});
    });
    scene.server.edit("Dataset", "default", "demo", |dataset| {
        dataset["spec"]["mounts"] = json!("demo://bucket");
    });
    refused(&scene, "Dataset.spec.mounts").await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3)
    });
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", "demo-worker")?;
        (set["spec"]["replicas"] == 3).then_some(())
    };
    scene.server.until("three workers", scaled).await;
    scene.server.settled(QUIET).await;
    scene.server.take_requests();
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "");
}

#[tokio::test]
async fn a_migration_that_nobody_ends_is_over() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.edit_status("Dataset", "default", "demo", |status| {
        status["phase"] = json!("DataMigrating");
    });
    scene.phase("Bound").await;
}

#[tokio::test]
async fn refused_writes_are_made_again() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    let conflict = scene.server.arm(
        Fault::writes().of(OPERATOR).after(2).times(2),
        Effect::Answer(Failure::conflicting()),
    );
    let outage = scene.server.arm(
        Fault::writes().of(OPERATOR).after(6).times(2),
        Effect::Answer(Failure::internal("the storage does not answer")),
    );
    scene.create_runtime();
    scene.bind().await;
    assert_eq!((conflict.hits(), outage.hits()), (2, 2));
    assert_eq!(records(&scene.server), 1, "{}", scene.server.situation());
    let runtime: Value = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    assert_eq!(runtime["status"]["workerPhase"], "Ready", "{runtime}");
}

#[tokio::test]
async fn what_a_role_waits_for_is_shown_before_it_was_ever_ready() {
    let scene = Scene::new();
    let mut guest = Guest::default();
    // `Ok(false)`.
    let (never, _) = guest.bytes(&[0; 8]);
    let component = guest
        .answers("desired", b"{}")
        .method("check-ready", &format!("(i32.const {never})"))
        .build();
    scene.server.edit("ConfigMap", OPERATOR, "demo", |map| {
        map["data"]["plugin.yaml"] = json!(format!(
            "runtime: DemoRuntime\ncomponent: {{inline: demo.wasm}}\ndigest: {}\nchart: {{inline: demo.tgz}}\n\
             grants: {{exec: [worker], kinds: [StatefulSet]}}\n",
            Digest::of(&component)
        ));
        map["binaryData"]["demo.wasm"] = json!(STANDARD.encode(&component));
    });
    let _operator = scene.start().await;
    scene.create_runtime();
    let installed = |server: &ApiServer| server.object("StatefulSet", "default", "demo-worker");
    let set = scene.server.until("the release", installed).await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "demo-worker-0", "namespace": "default", "labels": {"fluid.io/dataset-id": "default-demo"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "demo-worker",
                "uid": set["metadata"]["uid"], "controller": true}],
        },
        "spec": {"nodeName": "node", "containers": [{"name": "worker", "image": "demo"}]},
    });
    scene.server.create(&pod);
    scene.server.edit_status("Pod", "default", "demo-worker-0", |status| {
        let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}});
        status["containerStatuses"] = json!([{"name": "worker", "image": "demo", "imageID": "", "ready": false,
            "restartCount": 0, "state": waiting}]);
    });
    refused(&scene, "demo-worker-0").await;
    let runtime = scene.server.object("DemoRuntime", "default", "demo").unwrap();
    assert_eq!(runtime["status"]["valueFile"], "demo-demo-values", "{runtime}");
    let dataset = scene.server.object("Dataset", "default", "demo").unwrap();
    assert_eq!(dataset["status"]["phase"], "NotBound");
}
