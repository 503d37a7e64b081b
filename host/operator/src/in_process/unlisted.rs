//! A kind of runtime that the operator may not list, though its plugin is registered and its CRD is
//! there.

use serde_json::json;
use wasser_test_api_server::{ApiServer, Armed, Effect, Failure, Fault, Verb};

use super::gone::object_gone;
use super::scene::{OPERATOR, Scene};

/// Withholds the right to list the kind.
fn withhold(scene: &Scene) -> Armed {
    let lists = Fault::any().of(OPERATOR).verb(Verb::List).resource("demoruntimes");
    let refused = Failure::new(403, "Forbidden", "no role says so");
    scene.server.arm(lists, Effect::Answer(refused))
}

fn dataset(scene: &Scene, name: &str) {
    scene.server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
        "metadata": {"name": name, "namespace": "default", "finalizers": ["fluid-dataset-controller-finalizer"]},
        "spec": {"mounts": [{"mountPoint": "demo://bucket", "name": "demo"}]},
    }));
}

async fn verdict(scene: &Scene, word: &str, text: &str) {
    let is_said = |server: &ApiServer| {
        let map = server.object("ConfigMap", OPERATOR, "demo")?;
        let annotations = &map["metadata"]["annotations"];
        let message = annotations["wasser.fluid.io/message"].as_str()?;
        (annotations["wasser.fluid.io/verdict"] == word && message.contains(text)).then_some(())
    };
    let what = format!("the verdict {word} that says {text:?}");
    scene.server.until(&what, is_said).await;
}

#[tokio::test]
async fn a_kind_that_may_not_be_listed_holds_up_nothing_and_says_so() {
    let scene = Scene::new();
    let withheld = withhold(&scene);
    dataset(&scene, "leaving");
    dataset(&scene, "alone");
    scene.server.delete("Dataset", "default", "leaving");
    let _operator = scene.start().await;
    object_gone(&scene, "Dataset", "leaving").await;
    verdict(&scene, "waiting", "rbac.runtimes").await;
    let complains = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "alone")?;
        let condition = dataset["status"]["conditions"].as_array()?.first()?.clone();
        condition["message"].as_str()?.contains("rbac.runtimes").then_some(())
    };
    scene.server.until("the Dataset to say why", complains).await;

    scene.create_runtime();
    drop(withheld);
    verdict(&scene, "loaded", "serves DemoRuntime").await;
    scene.bind().await;
}

/// As an upgrade of the chart takes a plugin away: its rights go first.
#[tokio::test]
async fn a_plugin_that_is_removed_after_its_rights_is_missed_by_its_runtimes_and_their_datasets() {
    let (scene, _operator) = Scene::bound().await;
    let _withheld = withhold(&scene);
    scene.server.delete("ConfigMap", OPERATOR, "demo");
    for reason in ["PluginRemoved", "ErrorProcessDataset"] {
        let is_told = |server: &ApiServer| {
            let events = server.objects("Event", "default");
            events.iter().any(|event| event["reason"] == reason).then_some(())
        };
        scene.server.until(&format!("the event {reason}"), is_told).await;
    }
}
