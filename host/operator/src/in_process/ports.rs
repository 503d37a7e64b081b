//! Host ports: whom they are taken from, and where they are recorded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;
use serde_json::{Value, json};
use wasser_plugin::Digest;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};

use super::common::{Guest, RETURNED};
use super::scene::{OPERATOR, QUIET, Scene, chart, definition};

/// The first port of the plugin's range.
const FIRST: u64 = 14_000;
/// A kind that no plugin serves.
const UNSERVED: &str = "OtherRuntime";
const WORKLOAD: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  serviceName: {{ .Release.Name }}-worker
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      hostNetwork: true
      containers:
        - {name: worker, image: demo, ports: [{containerPort: {{ .Values.hostPorts.port }}}]}
";

/// A plugin that asks for a port called `port`.
fn component() -> Vec<u8> {
    let mut guest = Guest::wanting(&[("kinds", &["StatefulSet"]), ("ports", &[]), ("host-network", &[])]);
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let (name, length) = guest.bytes(b"port");
    let (names, _) = guest.bytes(&words(&[name, length]));
    let (values, length) = guest.bytes(b"{}");
    let (answer, _) = guest.bytes(&words(&[0, values, length]));
    let body = format!(
        "(call $allocate (i32.const {names}) (i32.const 1) (i32.const {RETURNED}))
         (if (i32.load8_u (i32.const {RETURNED})) (then unreachable))
         (i32.const {answer})"
    );
    guest
        .pages(8)
        .import("ports", "allocate", "(param i32 i32 i32)")
        .method("desired", &body)
        .build()
}

/// A scene whose plugin gives its workers a port of the node.
fn scene() -> Scene {
    let (scene, component) = (Scene::new(), component());
    scene.server.edit("ConfigMap", OPERATOR, "demo", |map| {
        map["data"]["plugin.yaml"] = json!(format!(
            "runtime: DemoRuntime\ncomponent: {{inline: demo.wasm}}\ndigest: {}\nchart: {{inline: demo.tgz}}\n\
             grants: {{kinds: [StatefulSet], ports: true, host-network: true}}\n",
            Digest::of(&component)
        ));
        map["binaryData"] = json!({"demo.wasm": STANDARD.encode(&component), "demo.tgz": STANDARD.encode(chart(&[("worker.yaml", WORKLOAD)]))});
    });
    scene
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": "default"},
    })
}

fn dataset(name: &str) -> Value {
    object(
        "Dataset",
        name,
        json!({"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]}),
    )
}

fn create(scene: &Scene, name: &str, annotations: &Value) {
    for mut object in [dataset(name), object("DemoRuntime", name, json!({"replicas": 1}))] {
        object["metadata"]["annotations"] = annotations.clone();
        scene.server.create(&object);
    }
}

/// The clients of the Dataset `old`, which take the first port, of a runtime of this kind and UID.
fn clients(kind: &str, uid: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {
            "name": "old-fuse", "namespace": "default", "labels": {"fluid.io/dataset-id": "default-old"},
            "ownerReferences": [{"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "name": "old", "uid": uid,
                "controller": true}],
        },
        "spec": {
            "selector": {"matchLabels": {"app": "old"}},
            "template": {
                "metadata": {"labels": {"app": "old"}},
                "spec": {"hostNetwork": true, "containers": [
                    {"name": "fuse", "image": "demo", "ports": [{"containerPort": FIRST}]}]},
            },
        },
    })
}

/// The port of the workload that was installed for a runtime.
async fn port(scene: &Scene, name: &str) -> u64 {
    let workload = format!("{name}-worker");
    let look = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", &workload)?;
        set["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"].as_u64()
    };
    scene.server.until(&format!("the workload of {name}"), look).await
}

#[tokio::test]
async fn an_operator_that_starts_anew_takes_no_port_of_others() {
    let scene = scene();
    let first = scene.start().await;
    create(&scene, "one", &json!({}));
    assert_eq!(port(&scene, "one").await, FIRST);
    scene.server.settled(QUIET).await;
    scene.kill(first);
    // It comes first in the list.
    create(&scene, "another", &json!({}));
    let _second = scene.start().await;
    assert_eq!(port(&scene, "another").await, FIRST + 1);
    // What is missing of a release is put back with the ports that it had.
    scene.server.delete("StatefulSet", "default", "one-worker");
    scene.server.collect();
    assert_eq!(port(&scene, "one").await, FIRST);
}

#[tokio::test]
async fn a_release_that_is_interrupted_gets_the_ports_that_it_had() {
    for effect in [Effect::Answer(Failure::internal("no")), Effect::ApplyThenHang] {
        let scene = scene();
        let first = scene.start().await;
        let records = Fault::writes().of(OPERATOR).resource("secrets").times(1);
        let armed = scene.server.arm(records, effect);
        create(&scene, "one", &json!({}));
        armed.hit(1).await;
        scene.kill(first);
        drop(armed);
        let _second = scene.start().await;
        assert_eq!(port(&scene, "one").await, FIRST);
        create(&scene, "another", &json!({}));
        assert_eq!(port(&scene, "another").await, FIRST + 1);
    }
}

#[tokio::test]
async fn ports_that_fluid_gave_are_taken() {
    let scene = scene();
    create(&scene, "old", &json!({}));
    let owner = scene.server.object("DemoRuntime", "default", "old").unwrap();
    scene.server.create(&clients("DemoRuntime", &owner["metadata"]["uid"]));
    // Nothing of one that is being deleted is installed anew: that is another matter.
    scene.server.edit("DemoRuntime", "default", "old", |runtime| {
        runtime["metadata"]["finalizers"] = json!(["example.org/kept"]);
    });
    scene.server.delete("DemoRuntime", "default", "old");
    let _operator = scene.start().await;
    create(&scene, "new", &json!({}));
    assert_eq!(port(&scene, "new").await, FIRST + 1);
}

/// It may be one whose kind is still to be listed. Later, only a Dataset that is bound counts.
#[rstest]
#[case::bound(true)]
#[case::after_the_start(false)]
#[tokio::test]
async fn ports_of_a_runtime_that_nobody_serves_are_taken(#[case] is_bound: bool) {
    let scene = scene();
    scene.server.create(&definition(UNSERVED));
    scene.server.create(&dataset("old"));
    scene.server.create(&object(UNSERVED, "old", json!({})));
    let owner = scene.server.object(UNSERVED, "default", "old").unwrap();
    scene.server.create(&clients(UNSERVED, &owner["metadata"]["uid"]));
    let bound = json!({"name": "old", "namespace": "default", "category": "Accelerate", "type": "other"});
    if is_bound {
        scene.server.edit_status("Dataset", "default", "old", |status| {
            *status = json!({"phase": "Bound", "conditions": [], "runtimes": [bound]});
        });
    }
    let _operator = scene.start().await;
    create(&scene, "new", &json!({}));
    assert_eq!(port(&scene, "new").await, FIRST + 1);
}

#[tokio::test]
async fn an_owner_that_is_no_runtime_takes_no_port() {
    let scene = scene();
    scene.server.create(&dataset("old"));
    scene.server.create(&clients("DemoRuntime", &json!("invented")));
    let _operator = scene.start().await;
    create(&scene, "new", &json!({}));
    assert_eq!(port(&scene, "new").await, FIRST);
}

#[tokio::test]
async fn a_user_cannot_take_ports_by_writing_that_they_are_taken() {
    let scene = scene();
    let all: serde_json::Map<String, Value> = (0..2000)
        .map(|number| (format!("port-{number}"), json!(FIRST + number)))
        .collect();
    let copied = json!({"wasser.fluid.io/ports": json!(all).to_string()});
    let _operator = scene.start().await;
    create(&scene, "greedy", &copied);
    assert_eq!(port(&scene, "greedy").await, FIRST);
    create(
        &scene,
        "one",
        &json!({"wasser.fluid.io/ports": format!("{{\"port\":{FIRST}}}")}),
    );
    assert_eq!(port(&scene, "one").await, FIRST + 1);
}
