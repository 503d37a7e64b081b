//! The life of an EFCRuntime: from a directory of a file server, by more workers, to its end.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Outcome, Verb};

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{OPERATOR, QUIET, Scene};
use super::system;

const KIND: &str = "EFCRuntime";

fn create(scene: &Scene, spec: &Value) {
    let object = |kind: &str, spec: &Value| {
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": "demo", "namespace": "default"}})
    };
    let mounts = json!({"mounts": [{"mountPoint": "nfs://0a1b.cn-hangzhou.nas.aliyuncs.com:/data", "name": "data"}]});
    scene.server.create(&object(KIND, spec));
    scene.server.create(&object("Dataset", &mounts));
}

/// Lets all commands in pods succeed, and keeps them.
fn record_commands(scene: &Scene) -> Arc<Mutex<Vec<String>>> {
    let commands = Arc::new(Mutex::new(Vec::new()));
    scene.server.on_exec({
        let commands = commands.clone();
        move |command| {
            commands
                .lock()
                .push(format!("{}: {}", command.pod, command.argv.join(" ")));
            std::future::ready(Outcome::printing(""))
        }
    });
    commands
}

/// What empties the cache of a worker.
fn emptied(worker: u32) -> String {
    format!("demo-worker-{worker}: rm -rf -- /mnt/disk/default/demo/tier_dadi")
}

fn object(server: &ApiServer, kind: &str, name: &str) -> Value {
    server.object(kind, "default", name).unwrap_or_default()
}

/// How many workers masters and clients know.
fn known(server: &ApiServer) -> Option<usize> {
    let map = object(server, "ConfigMap", "demo-worker-endpoints");
    let text = map["data"]["efc-worker-endpoints.json"].as_str()?;
    let file: Value = serde_json::from_str(text).unwrap();
    Some(file["containerendpoints"].as_array()?.len())
}

#[tokio::test]
async fn a_file_server_is_bound_scaled_and_deleted() {
    let scene = Scene::serving(&[registered("efc")]);
    let commands = record_commands(&scene);
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    let disk = json!({"levels": [{"mediumtype": "SSD", "path": "/mnt/disk", "quota": "2Gi"}]});
    create(&scene, &json!({"replicas": 2, "tieredstore": disk}));
    scene.phase("Bound").await;
    scene.volume().await;
    let two_are_known = |server: &ApiServer| (known(server)? == 2).then_some(());
    scene.server.until("two workers to be known", two_are_known).await;
    scene.server.settled(QUIET).await;

    // The node plugin brings the session manager, and waits for it.
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    let attributes = &volume["spec"]["csi"]["volumeAttributes"];
    for (attribute, expected) in [
        ("fluid_path", "/runtime-mnt/efc/default/demo/efc-fuse"),
        ("mount_type", "alifuse.aliyun-alinas-efc"),
        ("efc_sessmgr_workdir", "/runtime-mnt/efc-sock"),
    ] {
        assert_eq!(attributes[attribute], expected, "{attribute}");
    }
    assert_eq!(volume["spec"]["claimRef"]["name"], "demo");
    system::parts_ready(&scene, KIND).await;
    let status = &object(&scene.server, KIND, "demo")["status"];
    assert_eq!(status["valueFile"], "demo-efc-values");
    system::capacity(&scene, "4.00GiB", |server| known(server) == Some(2)).await;

    // A first pod brings the client; a third worker is scaled up and known.
    scene.server.edit("Node", "", "node-b", |node| {
        node["metadata"]["labels"]["fluid.io/f-default-demo"] = json!("true");
    });
    scene.server.edit(KIND, "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3)
    });
    system::scaled(&scene, KIND, 3, 1).await;
    system::capacity(&scene, "6.00GiB", |server| known(server) == Some(3)).await;
    scene.server.settled(QUIET).await;

    // Nothing happens by itself, and nothing is left in the end.
    scene.server.take_requests();
    scene.server.edit(KIND, "default", "demo", |runtime| {
        runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "", "at rest");
    system::deleted(&scene, KIND).await;
    let mut ran = commands.lock().clone();
    ran.sort();
    assert_eq!(ran, [emptied(0), emptied(1), emptied(2)]);
    system::nothing_left(
        &scene,
        &[
            ("StatefulSet", &["demo-master", "demo-worker"]),
            ("ConfigMap", &["demo-worker-endpoints", "demo-efc-values"]),
            ("DaemonSet", &["demo-fuse"]),
            ("PersistentVolumeClaim", &["demo"]),
        ],
    );
}

/// The API server does not answer while the only attempt is made that the user allows.
#[tokio::test]
async fn an_outage_does_not_use_up_the_attempts_to_empty_a_cache() {
    let scene = Scene::serving(&[registered("efc")]);
    let commands = record_commands(&scene);
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    let disk = json!({"levels": [{"mediumtype": "SSD", "path": "/mnt/disk", "quota": "2Gi"}]});
    let once = json!({"maxRetryAttempts": 1});
    create(
        &scene,
        &json!({"replicas": 1, "tieredstore": disk, "cleanCachePolicy": once}),
    );
    scene.phase("Bound").await;
    scene.volume().await;
    system::parts_ready(&scene, KIND).await;
    scene.server.settled(QUIET).await;
    let down_once = |fault: Fault| {
        let down = Failure::new(503, "ServiceUnavailable", "the API server is down");
        scene.server.arm(fault.of(OPERATOR).times(1), Effect::Answer(down))
    };
    let attempts = down_once(Fault::any().resource("pods/exec"));
    let looks = down_once(Fault::any().verb(Verb::Get).resource("efcruntimes"));
    system::deleted(&scene, KIND).await;
    assert_eq!((attempts.hits(), looks.hits()), (1, 1));
    assert_eq!(*commands.lock(), [emptied(0)]);
    let events = scene.server.objects("Event", "default");
    let gave_up = |event: &Value| event.to_string().contains("the deletion goes on");
    assert!(!events.iter().any(gave_up), "{events:?}");
}

#[tokio::test]
async fn clients_alone_need_neither_masters_nor_workers() {
    let scene = Scene::serving(&[registered("efc")]);
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    let disabled = json!({"disabled": true});
    create(&scene, &json!({"replicas": 1, "master": disabled, "worker": disabled}));
    scene.phase("Bound").await;
    scene.server.settled(QUIET).await;
    for name in ["demo-master", "demo-worker"] {
        assert_eq!(scene.server.object("StatefulSet", "default", name), None, "{name}");
    }
    let status = &object(&scene.server, KIND, "demo")["status"];
    assert_eq!(
        (&status["workerPhase"], &status["masterPhase"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(known(&scene.server), Some(0));
}
