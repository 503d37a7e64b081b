//! The life of a VineyardRuntime: from a Dataset of nothing, by more workers, to its end.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::machine::scenario::registered;
use super::machine::world::World;
use super::scene::{OPERATOR, QUIET, Scene};
use super::system;

const KIND: &str = "VineyardRuntime";

/// A cluster with what Fluid's documentation creates: a Dataset without a spec, and its runtime.
fn create(scene: &Scene, spec: &Value) {
    let object = |kind: &str| {
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
            "metadata": {"name": "demo", "namespace": "default"}})
    };
    let mut runtime = object(KIND);
    runtime["spec"] = spec.clone();
    scene.server.create(&runtime);
    scene.server.create(&object("Dataset"));
}

fn memory() -> Value {
    json!({"replicas": 2, "tieredstore": {"levels": [{"mediumtype": "MEM", "quota": "1Gi"}]}})
}

fn object(server: &ApiServer, kind: &str, name: &str) -> Value {
    server.object(kind, "default", name).unwrap_or_default()
}

/// The addresses of the daemons, as pods find them.
fn addresses(server: &ApiServer) -> Vec<String> {
    let map = object(server, "ConfigMap", "demo-rpc-conf");
    let addresses = map["data"]["VINEYARD_RPC_ENDPOINT"].as_str().unwrap_or_default();
    addresses.split(',').map(str::to_owned).collect()
}

/// Waits until the capacity of so many workers is shown, and their addresses.
async fn serves(scene: &Scene, workers: usize) {
    let is_known = |server: &ApiServer| addresses(server).len() == workers;
    system::capacity(scene, &format!("{workers}.00GiB"), is_known).await;
}

#[tokio::test]
async fn a_dataset_of_nothing_is_bound_scaled_and_deleted() {
    let scene = Scene::serving(&[registered("vineyard")]);
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    create(&scene, &memory());
    scene.phase("Bound").await;
    scene.volume().await;
    scene.server.settled(QUIET).await;

    // A pod that mounts the claim gets the directory in which the clients show the socket.
    let volume = scene.server.object("PersistentVolume", "", "default-demo").unwrap();
    let attributes = &volume["spec"]["csi"]["volumeAttributes"];
    let path = "/runtime-mnt/vineyard/default/demo/vineyard-fuse";
    for (attribute, expected) in [
        ("fluid_path", path),
        ("mount_type", "vineyard-fuse"),
        ("fluid.io/skip-check-mount-ready-target", "All"),
    ] {
        assert_eq!(attributes[attribute], expected, "{attribute}");
    }
    system::parts_ready(&scene, KIND).await;
    assert_eq!(
        object(&scene.server, KIND, "demo")["status"]["valueFile"],
        "demo-vineyard-values"
    );
    assert_eq!(
        object(&scene.server, "StatefulSet", "demo-worker")["spec"]["replicas"],
        2
    );
    serves(&scene, 2).await;

    // A first pod brings the client; a third worker is scaled up and found.
    scene.server.edit("Node", "", "node-b", |node| {
        node["metadata"]["labels"]["fluid.io/f-default-demo"] = json!("true");
    });
    scene.server.edit(KIND, "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3)
    });
    system::scaled(&scene, KIND, 3, 1).await;
    serves(&scene, 3).await;
    scene.server.settled(QUIET).await;
    let rpc =
        &object(&scene.server, "StatefulSet", "demo-worker")["spec"]["template"]["spec"]["containers"][0]["ports"];
    let port = rpc[0]["containerPort"].as_u64().unwrap();
    assert!(
        addresses(&scene.server)[2] == format!("demo-worker-2.demo-worker.default:{port}"),
        "{:?}",
        addresses(&scene.server)
    );

    // Nothing is left but what was there before.
    scene.server.take_requests();
    scene.server.edit(KIND, "default", "demo", |runtime| {
        runtime["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    assert_eq!(
        scene.server.take_requests().of(OPERATOR).writes().describe(),
        "",
        "at rest"
    );
    system::deleted(&scene, KIND).await;
    system::nothing_left(
        &scene,
        &[
            ("StatefulSet", &["demo-master", "demo-worker"]),
            ("Service", &["demo-master", "demo-worker"]),
            ("ConfigMap", &["demo-rpc-conf", "demo-vineyard-values"]),
            ("DaemonSet", &["demo-fuse"]),
            ("PersistentVolumeClaim", &["demo"]),
        ],
    );
}

#[tokio::test]
async fn an_etcd_elsewhere_needs_no_master() {
    let scene = Scene::serving(&[registered("vineyard")]);
    let _world = World::start(&scene.server);
    let _operator = scene.start().await;
    create(
        &scene,
        &json!({"replicas": 1, "master": {"endpoint": {"uri": "etcd.other:2379"}}}),
    );
    scene.phase("Bound").await;
    scene.server.settled(QUIET).await;
    for kind in ["StatefulSet", "Service"] {
        assert_eq!(scene.server.object(kind, "default", "demo-master"), None, "{kind}");
    }
    let is_ready = |server: &ApiServer| {
        let status = &object(server, KIND, "demo")["status"];
        (status["workerPhase"] == "Ready" && status["masterPhase"] == "").then_some(())
    };
    scene.server.until("the workers alone to be ready", is_ready).await;
}
