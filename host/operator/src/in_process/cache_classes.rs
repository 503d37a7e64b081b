//! The CacheRuntime plugin: a class that is missing, comes, loads data, and goes.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Command, Outcome};

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{QUIET, Scene};

const CLASS: &str = "CacheRuntimeClass";

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    })
}

fn class() -> Value {
    let component = |name: &str| json!({"template": {"spec": {"containers": [{"name": name, "image": "files:v1"}]}}});
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": CLASS, "metadata": {"name": "files"},
        "fileSystemType": "fuse.files", "topology": {"worker": component("worker"), "client": component("client")},
        "dataOperationSpecs": [{"name": "DataLoad", "command": ["load"]}],
    })
}

/// How many events say this, however often.
fn events(server: &ApiServer, words: &str) -> u64 {
    let events = server.objects("Event", "default");
    let said = events
        .iter()
        .filter(|event| event["kind"] == "Event" && event.to_string().contains(words));
    said.map(|event| {
        event["count"]
            .as_u64()
            .or(event["series"]["count"].as_u64())
            .unwrap_or(1)
    })
    .sum()
}

fn no_command(_: Command) -> std::future::Ready<Outcome> {
    std::future::ready(Outcome::failing(1, "the class has no commands"))
}

#[tokio::test]
async fn a_class_is_told_of_when_it_is_missing_and_followed_when_it_comes() {
    let scene = Scene::serving(&[registered("cache")]);
    let server = &scene.server;
    server.on_exec(no_command);
    let _world = World::start(server);
    let _operator = scene.start().await;
    let mount = json!({"mountPoint": "files://one", "name": "files"});
    server.create(&object("Dataset", "demo", json!({"mounts": [mount]})));
    server.create(&object("CacheRuntime", "demo", json!({"runtimeClassName": "files"})));
    let missing = "the CacheRuntimeClass files does not exist; create it";
    let told = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        dataset["status"]["conditions"]
            .to_string()
            .contains(missing)
            .then_some(())
    };
    server.until("the condition that names the class", told).await;
    server.settled(QUIET).await;
    let so_often = events(server, missing);
    assert!(
        (1..=2).contains(&so_often),
        "{so_often}: once on the runtime, and once on its Dataset"
    );

    server.create(&class());
    scene.phase("Bound").await;
    scene.volume().await;

    let load = json!({"dataset": {"name": "demo"}, "target": [{"path": "/files", "replicas": 2}]});
    server.create(&object("DataLoad", "warm", load));
    let look = |server: &ApiServer| server.object("Job", "default", "warm-loader-job");
    let made = server.until("the Job of the load", look).await;
    let container = &made["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        (&container["image"], &container["command"]),
        (&json!("files:v1"), &json!(["load"]))
    );
    let paths = json!({"name": "FLUID_DATALOAD_DATA_PATH", "value": "/files"});
    assert!(container["env"].as_array().unwrap().contains(&paths), "{container}");

    server.delete(CLASS, "", "files");
    let lost = |server: &ApiServer| (events(server, "ClassMissing") > 0).then_some(());
    server.until("the event of the class that is lost", lost).await;
    server.settled(QUIET).await;
    scene.phase("Bound").await;
    assert!(server.object("DaemonSet", "default", "demo-client").is_some());
}
