//! Datasets that refer to others, and what becomes of a reference that changes.

use serde_json::{Value, json};
use wasser_engine::{Sharing, TenantRules};
use wasser_test_api_server::ApiServer;

use super::gone::object_gone;
use super::scene::{OPERATOR, Operator, QUIET, Scene};

const REFUSED: &str = "the volume leads to dataset://default/demo";

/// A scene whose kind serves references as well, with the Datasets `demo` and `other` bound, and
/// `view`, which refers to `demo`.
pub(super) async fn scene() -> (Scene, Operator) {
    scene_with(TenantRules::default()).await
}

/// The same in an installation with these rules.
async fn scene_with(tenant_rules: TenantRules) -> (Scene, Operator) {
    scene_of(Scene {
        tenant_rules,
        ..Scene::new()
    })
    .await
}

/// The same from a scene that is new.
pub(super) async fn scene_of(scene: Scene) -> (Scene, Operator) {
    scene.server.edit("ConfigMap", OPERATOR, "demo", |map| {
        let text = map["data"]["plugin.yaml"].as_str().unwrap().to_owned();
        let (text, _) = text.split_once("settings:").unwrap();
        map["data"]["plugin.yaml"] = json!(format!("{text}settings: {{dataset-references: \"true\"}}\n"));
    });
    let operator = scene.start().await;
    for name in ["demo", "other"] {
        dataset(
            &scene,
            name,
            &json!([{"mountPoint": format!("demo://{name}"), "name": name}]),
        );
        let runtime = json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "DemoRuntime", "spec": {"replicas": 1},
            "metadata": {"name": name, "namespace": "default"},
        });
        scene.server.create(&runtime);
        ready(&scene, name).await;
        phase(&scene, name, "Bound").await;
    }
    dataset(
        &scene,
        "view",
        &json!([{"mountPoint": "dataset://default/demo/models"}]),
    );
    phase(&scene, "view", "Bound").await;
    scene.server.settled(QUIET).await;
    (scene, operator)
}

pub(super) fn dataset(scene: &Scene, name: &str, mounts: &Value) {
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "spec": {"mounts": mounts},
        "metadata": {"name": name, "namespace": "default"},
    }));
}

async fn ready(scene: &Scene, name: &str) {
    let workload = format!("{name}-worker");
    let started = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", &workload)?;
        (set["spec"]["replicas"] == 1).then_some(())
    };
    scene.server.until("workers to start", started).await;
    scene.server.edit_status("StatefulSet", "default", &workload, |status| {
        *status = json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    });
}

pub(super) async fn phase(scene: &Scene, name: &str, phase: &str) {
    let look = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", name)?;
        (dataset["status"]["phase"] == phase).then_some(())
    };
    scene.server.until(&format!("{name} to be {phase}"), look).await;
}

/// Sets the only mount of a Dataset.
fn mount(scene: &Scene, name: &str, point: &str) {
    scene.server.edit("Dataset", "default", name, |dataset| {
        dataset["spec"]["mounts"] = json!([{"mountPoint": point, "name": name}]);
    });
}

/// The message of the condition `NotReady`.
pub(super) fn complaint(server: &ApiServer, name: &str) -> Option<String> {
    let dataset = server.object("Dataset", "default", name)?;
    let conditions = dataset["status"]["conditions"].as_array()?.clone();
    let found = conditions.iter().find(|condition| condition["type"] == "NotReady")?;
    Some(found["message"].as_str()?.to_owned())
}

pub(super) async fn complains(scene: &Scene, name: &str, text: &str) {
    let look = |server: &ApiServer| complaint(server, name).filter(|message| message.contains(text));
    scene
        .server
        .until(&format!("the condition that says {text:?}"), look)
        .await;
}

fn referring(scene: &Scene, name: &str) -> Value {
    let dataset = scene.server.object("Dataset", "default", name).unwrap();
    dataset["status"].get("datasetRef").cloned().unwrap_or(json!([]))
}

/// Checks that the operator has nothing more to write.
async fn rests(scene: &Scene) {
    scene.server.settled(QUIET).await;
    scene.server.take_requests();
    scene.server.edit("Dataset", "default", "view", |dataset| {
        dataset["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.describe(), "", "{}", scene.server.situation());
}

pub(super) async fn delete(scene: &Scene, name: &str) {
    scene.server.delete("Dataset", "default", name);
    object_gone(scene, "Dataset", name).await;
}

#[rstest::rstest]
#[case::other("dataset://default/other")]
#[case::directory("dataset://default/demo/others")]
#[case::own("demo://bucket")]
#[tokio::test]
async fn a_volume_leads_where_it_led_whatever_its_dataset_says_later(#[case] changed: &str) {
    let (scene, _operator) = scene().await;
    mount(&scene, "view", changed);
    complains(&scene, "view", REFUSED).await;
    rests(&scene).await;
    let shown = scene.server.object("Dataset", "default", "view").unwrap();
    assert_eq!(shown["status"]["mounts"][0]["mountPoint"], "demo://demo");
    assert_eq!(referring(&scene, "demo"), json!(["default/view"]));
    assert_eq!(referring(&scene, "other"), json!([]));

    mount(&scene, "view", "dataset://default/demo/models");
    let over = |server: &ApiServer| complaint(server, "view").is_none().then_some(());
    scene.server.until("the condition to go", over).await;
    rests(&scene).await;

    mount(&scene, "view", changed);
    complains(&scene, "view", REFUSED).await;
    delete(&scene, "view").await;
    for name in ["demo", "other"] {
        assert_eq!(referring(&scene, name), json!([]), "{name}");
        delete(&scene, name).await;
    }
    assert!(
        scene.server.objects("StatefulSet", "default").is_empty(),
        "{}",
        scene.server.situation()
    );
}

#[tokio::test]
async fn the_claim_of_a_reference_names_what_it_refers_to() {
    let (scene, _operator) = scene().await;
    let named = |name: &str| {
        let claim = scene.server.object("PersistentVolumeClaim", "default", name).unwrap();
        let label = |key: &str| claim["metadata"]["labels"].get(key).cloned();
        [
            label("fluid.io/dataset.referring-name"),
            label("fluid.io/dataset.referring-namespace"),
        ]
    };
    assert_eq!(named("view"), [Some(json!("demo")), Some(json!("default"))]);
    assert_eq!(named("demo"), [None, None]);
}

/// The kubelet takes two volumes of one handle for the same one.
#[tokio::test]
async fn the_volume_of_a_reference_has_a_handle_of_its_own() {
    let (scene, _operator) = scene().await;
    for name in ["default-view", "default-demo"] {
        let volume = scene.server.object("PersistentVolume", "", name).unwrap();
        assert_eq!(volume["spec"]["csi"]["volumeHandle"], name);
    }
}

#[tokio::test]
async fn an_entry_of_a_dataset_that_does_not_refer_blocks_nothing() {
    let (scene, _operator) = scene().await;
    scene.server.edit_status("Dataset", "default", "demo", |status| {
        status["datasetRef"] = json!(["default/other", "default/view", "default/gone"]);
    });
    let forgotten = |_: &ApiServer| (referring(&scene, "demo") == json!(["default/view"])).then_some(());
    scene.server.until("the stale entries to go", forgotten).await;
    delete(&scene, "view").await;
    scene.server.edit_status("Dataset", "default", "demo", |status| {
        status["datasetRef"] = json!(["default/other"]);
    });
    delete(&scene, "demo").await;
}

#[rstest::rstest]
#[case::reference("dataset://default/other", "has a cache of its own")]
#[case::malformed("dataset://default", "must be dataset://NAMESPACE/NAME")]
#[tokio::test]
async fn a_bound_dataset_that_becomes_a_reference_is_refused_and_attended(#[case] changed: &str, #[case] words: &str) {
    let (scene, _operator) = scene().await;
    mount(&scene, "demo", changed);
    complains(&scene, "demo", words).await;
    rests(&scene).await;
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(3);
    });
    let scaled = |server: &ApiServer| {
        let set = server.object("StatefulSet", "default", "demo-worker")?;
        (set["spec"]["replicas"] == 3).then_some(())
    };
    scene.server.until("three workers", scaled).await;
    delete(&scene, "view").await;
    delete(&scene, "demo").await;
    let left = scene.server.object("StatefulSet", "default", "demo-worker");
    assert!(left.is_none(), "{}", scene.server.situation());
}

#[tokio::test]
async fn a_reference_waits_for_the_consent_of_the_other_where_the_installation_asks_for_it() {
    let (scene, _operator) = scene_with(TenantRules {
        references: Sharing::Shared,
        ..TenantRules::default()
    })
    .await;
    scene
        .server
        .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}));
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
        "metadata": {"name": "far", "namespace": "team"},
        "spec": {"mounts": [{"mountPoint": "dataset://default/demo"}]},
    }));
    let far = |server: &ApiServer| server.object("Dataset", "team", "far").unwrap();
    let refused = |server: &ApiServer| {
        let conditions = far(server)["status"]["conditions"].to_string();
        let words = "not shared with the namespace team";
        (conditions.contains(words) && conditions.contains("data.fluid.io/shared-with")).then_some(())
    };
    scene.server.until("the refusal", refused).await;
    scene.server.settled(QUIET).await;
    // The other Dataset hears nothing of it, and nobody gets its volume or its ConfigMaps.
    assert_eq!(referring(&scene, "demo"), json!(["default/view"]));
    assert!(scene.server.object("PersistentVolume", "", "team-far").is_none());
    assert!(scene.server.objects("ConfigMap", "team").is_empty());
    let share = |with: &'static str| {
        scene.server.edit("Dataset", "default", "demo", |dataset| {
            dataset["metadata"]["annotations"]["data.fluid.io/shared-with"] = with.into();
        });
    };
    share("other,team");
    let bound = |server: &ApiServer| (far(server)["status"]["phase"] == "Bound").then_some(());
    scene.server.until("the reference to be Bound", bound).await;
    assert!(scene.server.object("PersistentVolume", "", "team-far").is_some());
    // Pods may use it by now.
    share("");
    rests(&scene).await;
    assert_eq!(far(&scene.server)["status"]["phase"], "Bound");
}

#[tokio::test]
async fn a_dataset_names_directories_of_nodes_only_where_the_installation_lets_it() {
    let (scene, _operator) = scene_with(TenantRules {
        host_paths: false,
        ..TenantRules::default()
    })
    .await;
    let mounts = json!([{"mountPoint": "local:///etc", "name": "etc"}]);
    dataset(&scene, "node", &mounts);
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DemoRuntime", "spec": {"replicas": 1},
        "metadata": {"name": "node", "namespace": "default"},
    }));
    complains(&scene, "node", "runtime.datasetHostPaths").await;
    scene.server.settled(QUIET).await;
    assert!(scene.server.object("StatefulSet", "default", "node-worker").is_none());
    mount(&scene, "node", "demo://node");
    ready(&scene, "node").await;
    phase(&scene, "node", "Bound").await;
}
