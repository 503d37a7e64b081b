//! Volumes of Datasets whose clients mount something else by now.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Command, Outcome};

use super::gone::collected;
use super::machine::scenario::registered;
use super::machine::world::World;
use super::references::{complains, complaint};
use super::scene::{Operator, QUIET, Scene};

const CLASS: &str = "CacheRuntimeClass";
const SKIP: &str = "fluid.io/skip-check-mount-ready-target";

fn no_command(_: Command) -> std::future::Ready<Outcome> {
    std::future::ready(Outcome::failing(1, "the class has no commands"))
}

/// A Dataset that is Bound and has its volume, of a class whose file system is `fuse.files`.
async fn bound() -> (Scene, World, Operator) {
    let scene = Scene::serving(&[registered("cache")]);
    scene.server.on_exec(no_command);
    let world = World::start(&scene.server);
    let operator = scene.start().await;
    let component = |name: &str| json!({"template": {"spec": {"containers": [{"name": name, "image": "files:v1"}]}}});
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": CLASS, "metadata": {"name": "files"},
        "fileSystemType": "fuse.files", "topology": {"worker": component("worker"), "client": component("client")},
    }));
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": "demo", "namespace": "default"},
        })
    };
    let mounts = json!([{"mountPoint": "files://one", "name": "files"}]);
    scene.server.create(&object("Dataset", json!({"mounts": mounts})));
    let runtime = object("CacheRuntime", json!({"runtimeClassName": "files"}));
    scene.server.create(&runtime);
    scene.phase("Bound").await;
    scene.volume().await;
    (scene, world, operator)
}

fn attribute(server: &ApiServer, name: &str) -> Option<String> {
    let volume = server.object("PersistentVolume", "", "default-demo")?;
    let attribute = volume["spec"]["csi"]["volumeAttributes"].get(name)?;
    attribute.as_str().map(str::to_owned)
}

/// Waits until there are a volume with this attribute and its claim.
async fn renewed(scene: &Scene, name: &str, value: Option<&str>) {
    let is_new = |server: &ApiServer| {
        let has_both = server.object("PersistentVolume", "", "default-demo").is_some()
            && server.object("PersistentVolumeClaim", "default", "demo").is_some();
        has_both && attribute(server, name).as_deref() == value
    };
    collected(scene, &format!("a volume with {name} {value:?}"), is_new).await;
}

fn change_type(scene: &Scene) {
    scene.server.edit(CLASS, "", "files", |class| {
        class["fileSystemType"] = json!("fuse.others")
    });
}

#[tokio::test]
async fn a_volume_that_no_pod_uses_follows_its_clients_and_goes_with_the_dataset() {
    let (scene, _world, _operator) = bound().await;
    change_type(&scene);
    renewed(&scene, "mount_type", Some("fuse.others")).await;
    scene.phase("Bound").await;
    for value in [Some("All"), None] {
        scene.server.edit("CacheRuntime", "default", "demo", |runtime| {
            runtime["metadata"]["annotations"] = value.map_or(Value::Null, |value| json!({SKIP: value}));
        });
        renewed(&scene, SKIP, value).await;
    }
    scene.server.delete("Dataset", "default", "demo");
    let is_gone = |server: &ApiServer| {
        server.object("PersistentVolume", "", "default-demo").is_none()
            && server.object("PersistentVolumeClaim", "default", "demo").is_none()
            && server.object("Dataset", "default", "demo").is_none()
    };
    collected(&scene, "the Dataset and its volume to go", is_gone).await;
}

/// A pod that uses the claim of a Dataset.
pub(super) fn read(scene: &Scene, dataset: &str) {
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{dataset}-reader"), "namespace": "default"},
        "spec": {
            "containers": [{"name": "app", "image": "app"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": dataset}}],
        },
    }));
}

#[tokio::test]
async fn pods_that_use_a_volume_are_no_trouble_where_only_the_next_ones_mount_otherwise() {
    let (scene, _world, _operator) = bound().await;
    read(&scene, "demo");
    scene.server.edit("CacheRuntime", "default", "demo", |runtime| {
        runtime["metadata"]["annotations"] = json!({SKIP: "All"});
    });
    scene.server.settled(QUIET).await;
    assert_eq!(
        (complaint(&scene.server, "demo"), attribute(&scene.server, SKIP)),
        (None, None)
    );
    scene.phase("Bound").await;
    scene.server.delete("Pod", "default", "demo-reader");
    renewed(&scene, SKIP, Some("All")).await;
}

#[tokio::test]
async fn a_volume_that_pods_use_stays_and_its_dataset_names_them() {
    let (scene, _world, operator) = bound().await;
    read(&scene, "demo");
    change_type(&scene);
    complains(
        &scene,
        "demo",
        "it has mount_type fuse.files, and the clients have mount_type fuse.others",
    )
    .await;
    complains(&scene, "demo", "(demo-reader)").await;
    scene.phase("Bound").await;
    assert_eq!(attribute(&scene.server, "mount_type").as_deref(), Some("fuse.files"));
    // The claim, on its way out with the pod, does not bring the old volume back.
    scene.server.delete("Pod", "default", "demo-reader");
    scene.kill(operator);
    scene.server.delete("PersistentVolumeClaim", "default", "demo");
    scene.server.release_protection();
    let _operator = scene.start().await;
    renewed(&scene, "mount_type", Some("fuse.others")).await;
    let over = |server: &ApiServer| complaint(server, "demo").is_none().then_some(());
    scene.server.until("the condition to go", over).await;
}
