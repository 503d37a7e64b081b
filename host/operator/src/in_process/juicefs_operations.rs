//! The data operations of JuiceFS: what the plugin plans, as Jobs.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::jobs;
use super::machine::scenario::{juicefs_objects, juicefs_scene};
use super::machine::world::World;
use super::scene::{Operator, QUIET, Scene};

/// A cluster with a Dataset on JuiceFS that is Bound, and in which nothing more happens by itself.
pub(super) async fn bound() -> (Scene, Operator) {
    bound_with(&json!({})).await
}

/// The same, with this in the spec of the runtime's clients. Two nodes are of the pool `cache`, and have
/// workers; the third is of the pool `gpu`.
async fn bound_with(fuse: &Value) -> (Scene, Operator) {
    let scene = juicefs_scene();
    let _world = World::start(&scene.server);
    for (node, pool) in [("node-a", "cache"), ("node-b", "cache"), ("node-c", "gpu")] {
        scene.server.edit("Node", "", node, |node| {
            node["metadata"]["labels"]["pool"] = json!(pool);
        });
    }
    let operator = scene.start().await;
    let [dataset, mut runtime] = juicefs_objects();
    runtime["spec"]["fuse"] = fuse.clone();
    for object in [dataset, runtime] {
        scene.server.create(&object);
    }
    scene.phase("Bound").await;
    scene.volume().await;
    scene.server.settled(QUIET).await;
    (scene, operator)
}

fn operation(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    })
}

pub(super) fn migration(name: &str, more: &Value) -> Value {
    let key = |name: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}});
    let mut spec = json!({
        "from": {"externalStorage": {"uri": "minio://minio:9000/photos/", "encryptOptions": [key("access-key"),
            key("secret-key")]}},
        "to": {"dataset": {"name": "demo", "namespace": "default", "path": "/2024"}},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    operation("DataMigrate", name, spec)
}

pub(super) async fn status(scene: &Scene, kind: &str, name: &str, phase: &str) -> Value {
    let look = |server: &ApiServer| {
        let status = server.object(kind, "default", name)?["status"].clone();
        (status["phase"] == phase).then_some(status)
    };
    scene.server.until(&format!("{kind} {name} to be {phase}"), look).await
}

async fn job(scene: &Scene, kind: &str, name: &str) -> Value {
    let look = |server: &ApiServer| server.object(kind, "default", name);
    scene.server.until(&format!("the {kind} {name}"), look).await
}

/// Ends a Job, whose pod leaves these words.
async fn end(scene: &Scene, name: &str, outcome: &str, words: &str) {
    let code = i32::from(outcome != "Complete");
    let terminated = json!({"exitCode": code, "message": words, "finishedAt": "2026-01-01T00:00:42Z"});
    jobs::ended_pod(scene, name, &format!("{name}-x"), terminated).await;
    jobs::end(scene, name, outcome).await;
}

#[tokio::test]
async fn a_migration_copies_by_the_clients_own_tool_and_shows_how_much() {
    let (scene, _operator) = bound().await;
    scene.server.create(&migration("in", &json!({})));
    let made = job(&scene, "Job", "in-migrate-migrate").await;
    let pod = &made["spec"]["template"]["spec"];
    let env = pod["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|variable| variable["name"] == name).unwrap().clone();
    assert_eq!(value("FROM")["value"], "minio://minio:9000/photos/");
    assert_eq!(value("TO")["value"], "jfs://METAURL/2024/");
    for name in ["METAURL", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"] {
        assert_eq!(value(name)["valueFrom"]["secretKeyRef"]["name"], "keys", "{name}");
    }
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        (&pod["serviceAccountName"], &pod["containers"][0]["securityContext"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(made["metadata"]["labels"]["role"], "datamigrate-job");
    let scripts = scene
        .server
        .object("ConfigMap", "default", "in-migrate-script")
        .unwrap();
    assert!(
        scripts["data"]["datamigrate.sh"]
            .as_str()
            .unwrap()
            .starts_with("#!/bin/sh\n"),
        "{scripts}"
    );

    // A load of the same Dataset waits for it.
    scene
        .server
        .create(&operation("DataLoad", "warm", json!({"dataset": {"name": "demo"}})));
    let waiting = status(&scene, "DataLoad", "warm", "Pending").await;
    assert_eq!(
        waiting["conditions"][0]["reason"], "DataOperationCollision",
        "{waiting}"
    );
    end(&scene, "in-migrate-migrate", "Complete", "files=3\nbytes=6.00 MiB").await;
    let done = status(&scene, "DataMigrate", "in", "Complete").await;
    assert_eq!(
        done["infos"],
        json!({"progress": "100%", "files": "3", "bytes": "6.00 MiB"})
    );

    let made = job(&scene, "Job", "warm-loader-job").await;
    assert_eq!(
        (&made["spec"]["completions"], &made["spec"]["parallelism"]),
        (&json!(2), &json!(2))
    );
    let pod = &made["spec"]["template"]["spec"];
    let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = pod.pointer(terms).and_then(Value::as_array).unwrap();
    let is_named = |term: &Value| term["matchFields"][0]["key"] == "metadata.name";
    assert!(terms.len() == 2 && terms.iter().all(is_named), "{terms:?}");
    assert_eq!(pod["containers"][0]["args"], json!(["/data"]));
    let gone = "the path /train does not exist in the dataset";
    end(&scene, "warm-loader-job", "Failed", gone).await;
    let failed = status(&scene, "DataLoad", "warm", "Failed").await;
    assert!(
        failed["conditions"][0]["message"].as_str().unwrap().starts_with(gone),
        "{failed}"
    );
}

/// The nodes that a Job's pods name.
fn named(job: &Value) -> Vec<&str> {
    let required = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms = job
        .pointer(required)
        .and_then(|required| required["nodeSelectorTerms"].as_array());
    let fields = terms
        .into_iter()
        .flatten()
        .map(|term| &term["matchFields"][0]["values"][0]);
    fields.filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_load_runs_on_the_nodes_with_a_worker_on_which_it_can() {
    let (scene, _operator) = bound().await;
    let of_demo = |more: Value| {
        let mut spec = json!({"dataset": {"name": "demo"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let one = of_demo(json!({"nodeSelector": {"kubernetes.io/hostname": "node-b"}}));
    scene.server.create(&operation("DataLoad", "one", one));
    let made = job(&scene, "Job", "one-loader-job").await;
    assert_eq!(
        (named(&made), &made["spec"]["completions"]),
        (vec!["node-b"], &json!(1))
    );

    let elsewhere = of_demo(json!({"nodeSelector": {"pool": "gpu"}}));
    scene.server.create(&operation("DataLoad", "elsewhere", elsewhere));
    let made = job(&scene, "Job", "elsewhere-loader-job").await;
    let pod = &made["spec"]["template"]["spec"];
    assert_eq!((named(&made), &pod["nodeSelector"]["pool"]), (vec![], &json!("gpu")));
    let shown = status(&scene, "DataLoad", "elsewhere", "Executing").await;
    assert_eq!(
        shown["infos"]["without-worker"], "DataLoad.spec.nodeSelector",
        "{shown}"
    );

    let nowhere = of_demo(json!({"nodeSelector": {"pool": "tape"}}));
    scene.server.create(&operation("DataLoad", "nowhere", nowhere));
    let refused = status(&scene, "DataLoad", "nowhere", "Failed").await;
    let message = refused["conditions"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("no node fits DataLoad.spec.nodeSelector"),
        "{message}"
    );
}

#[tokio::test]
async fn a_load_of_a_volume_that_is_for_other_nodes_than_the_workers_runs_on_one_of_those() {
    let (scene, _operator) = bound_with(&json!({"nodeSelector": {"pool": "gpu"}})).await;
    scene
        .server
        .create(&operation("DataLoad", "warm", json!({"dataset": {"name": "demo"}})));
    let made = job(&scene, "Job", "warm-loader-job").await;
    assert_eq!((named(&made), &made["spec"]["completions"]), (vec![], &json!(1)));
    let why = status(&scene, "DataLoad", "warm", "Executing").await["infos"]["without-worker"].clone();
    assert_eq!(why, "PersistentVolume default-demo.spec.nodeAffinity");

    let spec = json!({"dataset": {"name": "demo"}, "nodeSelector": {"pool": "cache"}});
    scene.server.create(&operation("DataLoad", "torn", spec));
    let refused = status(&scene, "DataLoad", "torn", "Failed").await;
    let message = refused["conditions"][0]["message"].as_str().unwrap();
    let both = "PersistentVolume default-demo.spec.nodeAffinity and DataLoad.spec.nodeSelector";
    assert!(message.contains(both), "{message}");
    assert_eq!(scene.server.objects("Job", "default").len(), 1);
}

#[tokio::test]
async fn a_migration_is_started_by_a_schedule_and_refused_with_its_field() {
    let (scene, _operator) = bound().await;
    scene.server.create(&migration(
        "nightly",
        &json!({"policy": "Cron", "schedule": "0 3 * * *", "parallelism": 3}),
    ));
    let made = job(&scene, "CronJob", "nightly-migrate-migrate").await;
    let container = &made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["--threads=30"]));
    assert_eq!(made["metadata"]["labels"]["role"], "datamigrate-cronjob");

    let uri = "s3://me:secret@bucket/";
    let refused = json!({"from": {"externalStorage": {"uri": uri}}});
    scene.server.create(&migration("open", &refused));
    let failed = status(&scene, "DataMigrate", "open", "Failed").await;
    let message = failed["conditions"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("DataMigrate.spec.from.externalStorage.uri"),
        "{message}"
    );
    assert!(
        message.contains("use encryptOptions") && !message.contains("me:secret"),
        "{message}"
    );
    scene.server.create(&migration("later", &json!({"policy": "OnEvent"})));
    let failed = status(&scene, "DataMigrate", "later", "Failed").await;
    assert!(
        failed["conditions"][0]["message"]
            .as_str()
            .unwrap()
            .contains("OnEvent is not served"),
        "{failed}"
    );
}

#[tokio::test]
async fn keys_of_a_storage_are_in_their_secret_and_nowhere_else_and_wrong_ones_are_told() {
    const KEY: &str = "AKIA-of-the-photos";
    let (scene, _operator) = bound().await;
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "photos", "namespace": "default"},
        "stringData": {"id": KEY}, "data": {"secret": STANDARD.encode(KEY)},
    }));
    let key =
        |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "photos", "key": key}}});
    let from = json!({"externalStorage": {"uri": "s3://photos.s3.amazonaws.com/", "encryptOptions": [
        key("access-key", "id"), key("secret-key", "secret")]}});
    scene.server.create(&migration("in", &json!({"from": from})));
    job(&scene, "Job", "in-migrate-migrate").await;
    let refused = "juicefs ended with exit code 1: InvalidAccessKeyId: status code: 403";
    end(&scene, "in-migrate-migrate", "Failed", refused).await;
    let failed = status(&scene, "DataMigrate", "in", "Failed").await;
    let message = failed["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with(refused), "{message}");
    for kind in ["ConfigMap", "Job", "Event", "DataMigrate", "Secret"] {
        for object in scene.server.objects(kind, "default") {
            let is_its_own = kind == "Secret" && object["metadata"]["name"] == "photos";
            assert!(is_its_own || !readable(&object).contains(KEY), "{object}");
        }
    }
}

/// An object, and what is packed in it if it is a record of a release.
fn readable(object: &Value) -> String {
    let packed = object["data"]["release"].as_str().and_then(|text| {
        let packed = STANDARD.decode(STANDARD.decode(text).ok()?).ok()?;
        let mut record = String::new();
        GzDecoder::new(packed.as_slice()).read_to_string(&mut record).ok()?;
        Some(record)
    });
    assert!(
        packed.is_some() || object["type"] != "helm.sh/release.v1",
        "the record is not read: {object}"
    );
    format!("{object}{}", packed.unwrap_or_default())
}
