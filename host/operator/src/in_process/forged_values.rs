//! Records that somebody has forged whose values a plugin returns as a whole, since what it makes
//! values of is gone.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Outcome};

use super::helm_record;
use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{QUIET, Scene};

const RECORD: &str = "sh.helm.release.v1.demo.v1";

fn object(kind: &str, name: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": name}});
    if kind != "CacheRuntimeClass" && kind != "ThinRuntimeProfile" {
        object["metadata"]["namespace"] = json!("default");
    }
    for (field, value) in more.as_object().unwrap() {
        object[field] = value.clone();
    }
    object
}

fn class() -> Value {
    let component = |name: &str| json!({"template": {"spec": {"containers": [{"name": name, "image": "files:v1"}]}}});
    let topology = json!({"worker": component("worker"), "client": component("client")});
    object(
        "CacheRuntimeClass",
        "files",
        json!({"fileSystemType": "fuse.files", "topology": topology}),
    )
}

fn profile() -> Value {
    let fuse = json!({"image": "files", "imageTag": "v1", "imagePullPolicy": "IfNotPresent", "command": ["mount"]});
    object(
        "ThinRuntimeProfile",
        "files",
        json!({"spec": {"fileSystemType": "fuse.files", "fuse": fuse}}),
    )
}

/// Adds a field to everything that has an image.
fn add(values: &mut Value, field: &str, value: &Value) {
    match values {
        Value::Object(fields) => {
            if fields.get("image").is_some_and(Value::is_string) {
                fields.insert(field.to_owned(), value.clone());
            }
            fields.values_mut().for_each(|inner| add(inner, field, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| add(inner, field, value)),
        _ => {}
    }
}

fn clients(server: &ApiServer) -> Vec<Value> {
    let sets = server.objects("DaemonSet", "default");
    sets.iter().map(|set| set["spec"]["template"]["spec"].clone()).collect()
}

#[rstest]
#[case::lifecycle("lifecycle", json!({"postStart": {"exec": {"command": ["evil"]}}}), "lifecycle")]
#[case::probe("livenessProbe", json!({"exec": {"command": ["evil"]}}), "livenessProbe")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_only_a_record_names_come_to_no_client(
    #[values(("thin", "ThinRuntime", json!({"profileName": "files"}), profile()),
        ("cache", "CacheRuntime", json!({"runtimeClassName": "files"}), class()))]
    runtime: (&str, &str, Value, Value),
    #[case] field: &str,
    #[case] value: Value,
    #[case] named: &str,
) {
    let (plugin, kind, spec, named_object) = runtime;
    let scene = Scene::serving(&[registered(plugin)]);
    let server = &scene.server;
    server.on_exec(|_| std::future::ready(Outcome::failing(1, "not now")));
    let _world = World::start(server);
    let first = scene.start().await;
    server.create(&named_object);
    let mount = json!({"mountPoint": "files://one", "name": "files"});
    server.create(&object("Dataset", "demo", json!({"spec": {"mounts": [mount]}})));
    server.create(&object(kind, "demo", json!({"spec": spec})));
    scene.phase("Bound").await;
    scene.volume().await;
    server.settled(QUIET).await;
    scene.kill(first);
    let before = clients(server);
    assert!(!before.is_empty(), "{}", server.situation());

    server.delete(named_object["kind"].as_str().unwrap(), "", "files");
    server.edit("Secret", "default", RECORD, |record| {
        helm_record::change(record, |record| {
            add(&mut record["config"], field, &value);
            // Without it, the values are not what is recorded, and the release is upgraded.
            record["config"].as_object_mut().unwrap().remove("owner");
        });
    });
    let _second = scene.start().await;
    let refused = |server: &ApiServer| {
        let events = server.objects("Event", "default");
        let told = events.iter().map(Value::to_string);
        let mut refusals = told.filter(|told| told.contains("was not written by this installation"));
        refusals.find(|told| told.contains(named)).map(drop)
    };
    server.until("the refusal", refused).await;
    assert_eq!(clients(server), before);
}
