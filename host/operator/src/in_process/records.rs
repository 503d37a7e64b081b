//! Where records of releases are, and what the operator asks of Secrets.

use serde_json::{Value, json};
use wasser_chart::{Driver, move_records};
use wasser_test_api_server::ApiServer;

use super::drift::Bound;
use super::machine::guest;
use super::scene::{OPERATOR, QUIET, Scene, recording};

fn records(server: &ApiServer) -> Vec<String> {
    let maps = server.objects("ConfigMap", "default");
    let names = maps.iter().filter_map(|map| map["metadata"]["name"].as_str());
    let records = names.filter_map(|name| name.strip_prefix("sh.helm.release.v1.demo."));
    records.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_config_maps_need_no_right_to_secrets() {
    let mut scene = Scene::serving(&guest::objects());
    scene.recording = recording(Driver::ConfigMap);
    scene.server.take_requests();
    let bound = Bound::on(scene).await;
    assert_eq!(records(bound.server()), ["v1"]);
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "two").await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), ["v1", "v2"]);
    let status = |revision: &str| {
        let name = format!("sh.helm.release.v1.demo.{revision}");
        let record = bound.server().object("ConfigMap", "default", &name).unwrap();
        record["metadata"]["labels"]["status"].clone()
    };
    assert_eq!((status("v1"), status("v2")), (json!("superseded"), json!("deployed")));

    // The next operator finds it as it is.
    let _next = bound.scene.start().await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), ["v1", "v2"]);

    bound.server().delete("Dataset", "default", "demo");
    let gone = |server: &ApiServer| {
        let left = server.object("Dataset", "default", "demo").is_some() || !records(server).is_empty();
        (!left).then_some(())
    };
    bound.server().until("Dataset and records to be gone", gone).await;
    let asked = bound.server().take_requests().of(OPERATOR).describe();
    let of_secrets: Vec<&str> = asked.lines().filter(|line| line.contains("secrets")).collect();
    assert_eq!(of_secrets, Vec::<&str>::new());
}

/// Who changes the driver back has records in both places for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_config_maps_move_to_secrets_with_the_next_upgrade() {
    let mut scene = Scene::serving(&guest::objects());
    scene.recording = recording(Driver::ConfigMap);
    let mut bound = Bound::on(scene).await;
    let first = bound.stop();
    bound.scene.kill(first);
    bound.scene.recording = recording(Driver::Secret);
    let _second = bound.scene.start().await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), ["v1"], "nothing is asked for");
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "two").await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), Vec::<String>::new());
    let secrets = bound.server().objects("Secret", "default");
    let owners: Vec<&Value> = secrets
        .iter()
        .filter(|secret| secret["type"] == "helm.sh/release.v1")
        .map(|secret| &secret["metadata"]["ownerReferences"][0]["name"])
        .collect();
    assert_eq!(owners, ["demo", "demo"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_moved_are_those_of_the_same_release() {
    let mut bound = Bound::on(Scene::serving(&guest::objects())).await;
    let first = bound.stop();
    bound.scene.kill(first);
    let client = bound.server().client("admin");
    let written = json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": "YQ=="},
        "metadata": {"name": "sh.helm.release.v1.other.v1", "namespace": "default", "labels": {"owner": "helm"}}});
    bound.server().create(&written);
    let mut moved = Vec::new();
    let moving = move_records(&client, None, Driver::ConfigMap, |_, name| moved.push(name.to_owned()));
    assert_eq!(moving.await.unwrap(), 1);
    assert_eq!(moved, ["sh.helm.release.v1.demo.v1"], "Helm's own stays");
    let again = move_records(&client, Some("default"), Driver::ConfigMap, |_, _| {});
    assert_eq!(again.await.unwrap(), 0);

    bound.scene.recording = recording(Driver::ConfigMap);
    bound.server().take_requests();
    let _second = bound.scene.start().await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), ["v1"]);
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "two").await;
    bound.server().settled(QUIET).await;
    assert_eq!(records(bound.server()), ["v1", "v2"]);

    // And back, in the middle of which somebody has stopped.
    let back = move_records(&client, None, Driver::Secret, |_, _| {});
    assert_eq!(back.await.unwrap(), 2);
    assert_eq!(records(bound.server()), Vec::<String>::new());
}
