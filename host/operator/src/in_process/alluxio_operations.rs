//! The data operations of Alluxio: what the plugin plans is what the policy of its grants lets it make.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Outcome};

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{QUIET, Scene};

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    })
}

#[tokio::test]
async fn a_backup_runs_beside_its_master_and_a_load_asks_for_copies() {
    let scene = Scene::serving(&[registered("alluxio")]);
    scene.server.on_exec(|_| std::future::ready(Outcome::printing("")));
    let world = World::start(&scene.server);
    let _operator = scene.start().await;
    let mount = json!({"mountPoint": "s3://bucket/data", "name": "data"});
    scene
        .server
        .create(&object("Dataset", "demo", json!({"mounts": [mount]})));
    scene
        .server
        .create(&object("AlluxioRuntime", "demo", json!({"replicas": 1})));
    scene.phase("Bound").await;
    scene.volume().await;
    scene.server.settled(QUIET).await;
    drop(world);

    let backup = json!({"dataset": "demo", "backupPath": "local:///data/backup"});
    scene.server.create(&object("DataBackup", "saved", backup));
    let look = |server: &ApiServer| server.object("Job", "default", "saved-pod");
    let made = scene.server.until("the Job of the backup", look).await;
    let pod = &made["spec"]["template"]["spec"];
    let paths: Vec<&Value> = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| &volume["hostPath"]["path"])
        .collect();
    assert!(paths.contains(&&json!("/data/backup")), "{made}");
    let master = scene.server.object("StatefulSet", "default", "demo-master").unwrap();
    let shared = |volumes: &Value| {
        let volumes = volumes.as_array().unwrap().iter();
        let found = volumes.clone().find(|volume| volume["name"] == "alluxio-backup");
        found.unwrap()["hostPath"]["path"].clone()
    };
    assert_eq!(
        shared(&pod["volumes"]),
        shared(&master["spec"]["template"]["spec"]["volumes"])
    );
    let shown = |server: &ApiServer| {
        let infos = server.object("DataBackup", "default", "saved")?["status"]["infos"].clone();
        infos["BackupLocationNodeName"].is_string().then_some(infos)
    };
    let infos = scene.server.until("the place of the backup", shown).await;
    assert_eq!(infos["BackupLocationPath"], "local:///data/backup");

    let load = json!({"dataset": {"name": "demo"}, "target": [{"path": "/data", "replicas": 2}]});
    scene.server.create(&object("DataLoad", "warm", load));
    let look = |server: &ApiServer| server.object("Job", "default", "warm-loader-job");
    let made = scene.server.until("the Job of the load", look).await;
    let container = &made["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["2", "/data"]));
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "demo-config");
}
