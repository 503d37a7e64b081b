//! A kind of runtime that the operator may not list, or not yet, though its plugin is registered and
//! its CRD is there.

use std::time::Duration;

use serde_json::json;
use wasser_test_api_server::{ApiServer, Armed, Effect, Failure, Fault, Record, Verb};

use super::gone::object_gone;
use super::references;
use super::scene::{OPERATOR, QUIET, Scene};

fn lists() -> Fault {
    Fault::any().of(OPERATOR).verb(Verb::List).resource("demoruntimes")
}

/// Withholds the right to list the kind.
fn withhold(scene: &Scene) -> Armed {
    let refused = Failure::new(403, "Forbidden", "no role says so");
    scene.server.arm(lists(), Effect::Answer(refused))
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

/// Among them is one that refers to another: without a runtime, it would get one.
#[tokio::test]
async fn datasets_whose_runtimes_are_not_listed_yet_are_left_as_they_are() {
    let (mut scene, operator) = references::scene().await;
    scene.kill(operator);
    scene.first_lists = Duration::from_millis(50);
    let hung = scene.server.arm(lists(), Effect::Hang);
    scene.server.take_requests();
    let _operator = scene.start().await;
    hung.hit(1).await;
    // Once this one is looked at, so are those that were there before.
    let mounts = json!([{"mountPoint": "demo://bucket", "name": "sign"}]);
    references::dataset(&scene, "sign", &mounts);
    let is_taken_on = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "sign")?;
        dataset["metadata"]["finalizers"].is_array().then_some(())
    };
    scene.server.until("the finalizer of the Dataset", is_taken_on).await;
    scene.server.settled(QUIET).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    let is_about_others = |record: &&Record| record.call.namespace == "default" && record.call.name != "sign";
    let others: Vec<String> = writes.0.iter().filter(is_about_others).map(Record::describe).collect();
    assert_eq!(others, [""; 0], "{}", scene.server.situation());
}
