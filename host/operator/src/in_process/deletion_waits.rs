//! What users learn of a deletion that waits long.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Attempt, Effect, Failure, Fault, Record, Verb};

use super::drift::Bound;
use super::machine::guest;
use super::scene::{OPERATOR, Scene};

const KEPT: &str = "example.org/kept";
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// A scene whose operators say soon what deletions wait for.
fn impatient(mut scene: Scene) -> Scene {
    scene.patience = Duration::from_millis(50);
    scene
}

/// Waits until an event on the runtime names what its deletion waits for.
async fn named(server: &ApiServer, texts: &[&str]) {
    let is_it = |event: &Value| {
        let message = event["message"].as_str().unwrap_or_default();
        event["reason"] == "DeletingRuntime"
            && event["involvedObject"]["kind"] == "DemoRuntime"
            && texts.iter().all(|text| message.contains(text))
    };
    let look = |server: &ApiServer| server.objects("Event", "default").iter().any(is_it).then_some(());
    server.until(&format!("an event that says {texts:?}"), look).await;
}

#[rstest]
#[case::claim("PersistentVolumeClaim", "default", "demo")]
#[case::volume("PersistentVolume", "", "default-demo")]
#[tokio::test]
async fn finalizers_of_others_are_named(#[case] kind: &str, #[case] namespace: &str, #[case] name: &str) {
    let scene = impatient(Scene::new());
    let _operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    scene.server.edit(kind, namespace, name, |object| {
        object["metadata"]["finalizers"] = json!([KEPT]);
    });
    scene.server.delete("DemoRuntime", "default", "demo");
    let is_terminating = |server: &ApiServer| {
        server.release_protection();
        let object = server.object(kind, namespace, name)?;
        object["metadata"]["deletionTimestamp"].is_string().then_some(())
    };
    scene
        .server
        .until(&format!("{kind} to be deleted"), is_terminating)
        .await;
    named(&scene.server, &[kind, "the finalizers example.org/kept hold it"]).await;
}

/// Nobody plays the controller that protects claims.
#[tokio::test]
async fn a_claim_that_nobody_uses_loses_its_protection_and_nothing_else() {
    let scene = impatient(Scene::new());
    let _operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    let claim = |server: &ApiServer| server.object("PersistentVolumeClaim", "default", "demo");
    let finalizers = |server: &ApiServer| claim(server).map(|claim| claim["metadata"]["finalizers"].clone());
    scene.server.edit("PersistentVolumeClaim", "default", "demo", |claim| {
        claim["metadata"]["finalizers"] = json!([PROTECTION, KEPT]);
    });
    let uid = claim(&scene.server).unwrap()["metadata"]["uid"].clone();
    scene.server.take_requests();
    scene.server.delete("DemoRuntime", "default", "demo");
    let is_released = |server: &ApiServer| {
        let left = finalizers(server).unwrap_or_default();
        (!left.to_string().contains(PROTECTION)).then_some(left)
    };
    let left = scene.server.until("the protection to go", is_released).await;
    assert_eq!(left, json!([KEPT]), "{}", scene.server.situation());
    let requests = scene.server.take_requests().of(OPERATOR);
    let claims = requests.resource("persistentvolumeclaims").writes();
    let patch = claims
        .0
        .iter()
        .find(|record| record.body["metadata"]["finalizers"].is_array());
    let of = &patch.unwrap().body["metadata"];
    assert_eq!(of["uid"], uid, "{of}");
    assert!(
        of["resourceVersion"].is_string(),
        "somebody may have added another one: {of}"
    );
    named(&scene.server, &["the finalizers example.org/kept hold it"]).await;
}

#[rstest]
#[case::alone(0)]
#[case::on_another_page(500)]
#[tokio::test]
async fn pods_that_use_the_claim_are_named(#[case] others: usize) {
    let scene = impatient(Scene::new());
    let _operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    for number in 0..others {
        scene.server.create(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("another-{number}"), "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": "app"}]},
        }));
    }
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "containers": [{"name": "app", "image": "app"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}],
        },
    }));
    scene.server.delete("DemoRuntime", "default", "demo");
    named(
        &scene.server,
        &["PersistentVolumeClaim default/demo", "the pods app still use it"],
    )
    .await;
    let requests = scene.server.take_requests().of(OPERATOR).resource("pods");
    let continued = |record: &Record| !record.call.query.get("continue").is_empty();
    assert_eq!(requests.0.iter().any(continued), others > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_refuse_patches_of_labels_are_named() {
    let bound = Bound::on(impatient(Scene::serving(&guest::objects()))).await;
    let labelled = |server: &ApiServer| {
        let nodes = server.objects("Node", "");
        nodes
            .iter()
            .any(|node| node.to_string().contains("fluid.io/s-default-demo"))
            .then_some(())
    };
    bound.server().until("a node with labels", labelled).await;
    let is_denied = |attempt: &Attempt<'_>| {
        attempt.client == OPERATOR && attempt.call.verb == Verb::Patch && attempt.call.resource == "nodes"
    };
    let denied = bound.server().arm(
        Fault::any().when(is_denied),
        Effect::Answer(Failure::new(403, "Forbidden", "denied by the guard of nodes")),
    );
    bound.server().delete("DemoRuntime", "default", "demo");
    denied.hit(1).await;
    named(
        bound.server(),
        &["labels of the runtime", "denied by the guard of nodes"],
    )
    .await;
}
