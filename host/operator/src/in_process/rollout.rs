//! Another build of a plugin, and the releases of its kind: which it reaches, and when no more.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::common::Guest;
use super::outdated_volumes::read;
use super::references::complains;
use super::scene::{OPERATOR, Operator, QUIET, Scene, chart, crd, registration};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Workers that say which build has made them. Some builds ask for what is not granted.
const WORKERS: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  serviceName: {{ .Release.Name }}-worker
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      hostNetwork: {{ .Values.hostNetwork | default false }}
      containers: [{name: worker, image: demo, env: [{name: BUILD, value: {{ .Values.build | quote }}}]}]
";

fn build(values: &Value) -> Value {
    let component = Guest::default()
        .answers("desired", values.to_string().as_bytes())
        .build();
    let chart = chart(&[("worker.yaml", WORKERS)]);
    registration(&component, &chart, "exec: [worker], kinds: [StatefulSet]", "{}")
}

/// Bound Datasets with the build `one`.
async fn bound() -> (Scene, Operator) {
    let scene = Scene::serving(&[crd(), build(&json!({"build": "one"}))]);
    let operator = scene.start().await;
    for name in NAMES {
        scene.create_named(name);
    }
    for name in NAMES {
        scene.start_workers_of(name).await;
        scene.phase_of(name, "Bound").await;
    }
    scene.server.settled(QUIET).await;
    (scene, operator)
}

/// The builds that the runtimes have.
fn builds(server: &ApiServer) -> Vec<String> {
    let build = |name: &&str| {
        let set = server
            .object("StatefulSet", "default", &format!("{name}-worker"))
            .unwrap();
        let value = set.pointer("/spec/template/spec/containers/0/env/0/value").unwrap();
        value.as_str().unwrap().to_owned()
    };
    NAMES.iter().map(build).collect()
}

fn with(server: &ApiServer, build: &str) -> usize {
    builds(server).iter().filter(|has| *has == build).count()
}

async fn told(scene: &Scene, wanted: &str) {
    let is_told = |server: &ApiServer| {
        let map = server.object("ConfigMap", OPERATOR, "demo")?;
        let told = map["metadata"]["annotations"]["wasser.fluid.io/rollout"]
            .as_str()?
            .to_owned();
        told.contains(wanted).then_some(())
    };
    scene
        .server
        .until(&format!("{wanted:?} in how far it is"), is_told)
        .await;
}

/// Lets the workload controller have seen what is wanted of the workers.
fn observe(scene: &Scene) {
    for name in NAMES {
        scene.observe_workers_of(name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_reaches_one_runtime_first_and_then_the_others() {
    let (scene, _operator) = bound().await;
    scene.register(&build(&json!({"build": "two"})));
    told(&scene, "3 wait").await;
    scene.server.settled(QUIET).await;
    assert_eq!(
        with(&scene.server, "two"),
        1,
        "its controller has not seen what is wanted"
    );
    for wanted in [3, 4] {
        observe(&scene);
        let come = |server: &ApiServer| (with(server, "two") >= wanted).then_some(());
        scene
            .server
            .until(&format!("{wanted} runtimes with the build"), come)
            .await;
    }
    let is_over = |server: &ApiServer| {
        let map = server.object("ConfigMap", OPERATOR, "demo")?;
        map["metadata"]["annotations"]["wasser.fluid.io/rollout"]
            .is_null()
            .then_some(())
    };
    scene.server.until("nothing to tell", is_over).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_use_an_outdated_volume_do_not_stop_it() {
    let (scene, operator) = bound().await;
    scene.kill(operator);
    for name in NAMES {
        read(&scene, name);
        let volume = format!("default-{name}");
        let mut outdated = scene.server.object("PersistentVolume", "", &volume).unwrap();
        scene.server.delete("PersistentVolume", "", &volume);
        scene.server.release_protection();
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            outdated["metadata"].as_object_mut().unwrap().remove(field);
        }
        outdated["spec"]["csi"]["volumeAttributes"]["mount_type"] = json!("fuse.of-before");
        scene.server.create(&outdated);
    }
    let _operator = scene.start().await;
    scene.register(&build(&json!({"build": "two"})));
    for wanted in [1, 3, 4] {
        let come = |server: &ApiServer| (with(server, "two") >= wanted).then_some(());
        let what = format!("{wanted} runtimes with the build");
        scene.server.until(&what, come).await;
        observe(&scene);
    }
    for name in NAMES {
        complains(&scene, name, "the clients have").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_is_refused_for_the_first_one_reaches_no_other() {
    let (scene, _operator) = bound().await;
    scene.register(&build(&json!({"build": "bad", "hostNetwork": true})));
    told(&scene, "no further ones are upgraded").await;
    scene.server.settled(QUIET).await;
    assert_eq!(with(&scene.server, "one"), NAMES.len());
    let complaints = NAMES.iter().filter(|name| {
        let dataset = scene.server.object("Dataset", "default", name).unwrap();
        let conditions = dataset["status"]["conditions"].as_array().unwrap().clone();
        conditions
            .iter()
            .any(|condition| condition["type"] == "NotReady" && condition["status"] == "True")
    });
    assert_eq!(complaints.count(), 1, "nothing is wrong with those that wait");
    let events = scene.server.objects("Event", "default").into_iter();
    let waiting = events.filter(|event| {
        event["note"]
            .as_str()
            .is_some_and(|note| note.contains("not upgraded yet"))
    });
    assert_eq!(waiting.count(), 0);

    scene.register(&build(&json!({"build": "good"})));
    for wanted in [1, 3, 4] {
        let come = |server: &ApiServer| (with(server, "good") >= wanted).then_some(());
        scene
            .server
            .until(&format!("{wanted} runtimes with the build"), come)
            .await;
        observe(&scene);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_changes_does_not_wait() {
    let (scene, _operator) = bound().await;
    scene.register(&build(&json!({"build": "bad", "hostNetwork": true})));
    told(&scene, "no further ones are upgraded").await;
    scene.server.settled(QUIET).await;
    let refused = |server: &ApiServer| {
        let is_refused = |name: &&&str| {
            let dataset = server.object("Dataset", "default", name).unwrap();
            dataset["status"]["conditions"].to_string().contains("hostNetwork")
        };
        NAMES.iter().filter(is_refused).count()
    };
    assert_eq!(refused(&scene.server), 1);
    let waits = NAMES.iter().find(|name| {
        let dataset = scene.server.object("Dataset", "default", name).unwrap();
        !dataset["status"]["conditions"].to_string().contains("hostNetwork")
    });
    let edit = |field: &str, value: Value| {
        scene.server.edit("DemoRuntime", "default", waits.unwrap(), |runtime| {
            runtime["spec"][field] = value;
        });
    };
    edit("replicas", json!(3));
    scene.server.settled(QUIET).await;
    assert_eq!(refused(&scene.server), 1, "more workers need no upgrade");
    edit("mode", json!("other"));
    let is_told = |server: &ApiServer| (refused(server) == 2).then_some(());
    scene.server.until("the change to be tried", is_told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_scaled_to_nothing_while_it_is_observed_stops_nobody() {
    let (scene, _operator) = bound().await;
    scene.register(&build(&json!({"build": "two"})));
    told(&scene, "3 wait").await;
    // Its turn is told before its release is written.
    let upgraded = |server: &ApiServer| builds(server).iter().position(|build| build == "two");
    let first = scene.server.until("a runtime with the build", upgraded).await;
    let workload = format!("{}-worker", NAMES[first]);
    scene.server.edit("DemoRuntime", "default", NAMES[first], |runtime| {
        runtime["spec"]["replicas"] = json!(0);
    });
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", &workload)?;
        (set["spec"]["replicas"] == 0).then_some(())
    };
    scene.server.until("no workers", scaled).await;
    scene.server.edit_status("StatefulSet", "default", &workload, |status| {
        *status = json!({"replicas": 0});
    });
    scene.observe_workers_of(NAMES[first]);
    let come = |server: &ApiServer| (with(server, "two") >= 2).then_some(());
    scene.server.until("the next runtime with the build", come).await;
}
