//! What is shown of operations while they run.

use std::time::Duration;

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Fault};

use super::jobs::{end, pod_of};
use super::operations::operation;
use super::scene::{OPERATOR, Operator, QUIET, Scene};

/// A Dataset that is Bound, and an operator that asks often.
async fn asking() -> (Scene, Operator) {
    let mut scene = Scene::new();
    scene.progress_period = Duration::from_millis(20);
    let operator = scene.start().await;
    scene.create_runtime();
    scene.bind().await;
    (scene, operator)
}

fn load(name: &str) -> Value {
    operation("DataLoad", name, json!({"dataset": {"name": "demo"}}))
}

/// Starts a pod for the Job of a load.
async fn run_pod(scene: &Scene, load: &str, pod: &str) {
    let spec = json!({"nodeName": "a",
        "containers": [{"name": "loader", "image": "i"}, {"name": "sidecar", "image": "i"}]});
    pod_of(
        scene,
        &format!("{load}-loader-job"),
        pod,
        spec,
        json!({"phase": "Running"}),
    )
    .await;
}

/// Waits until the figures of a load are these, but for its rate.
async fn shows(scene: &Scene, name: &str, expected: &Value) {
    let look = |server: &ApiServer| {
        let mut infos = server.object("DataLoad", "default", name)?["status"]["infos"].clone();
        infos
            .as_object_mut()?
            .retain(|figure, _| figure != "rate" && figure != "left");
        (infos == *expected).then_some(())
    };
    scene.server.until(&format!("{name} to show {expected}"), look).await;
}

#[tokio::test]
async fn a_load_shows_how_far_its_pod_is_and_in_the_end_only_how_much_it_was() {
    let (scene, _operator) = asking().await;
    scene.server.on_log(async |asked| {
        assert_eq!(
            [asked.container, asked.tail_lines, asked.limit_bytes],
            ["loader", "64", "65536"]
        );
        "redis://u:secret@host\nprogress files=12 bytes=3565158 total-files=100 total-bytes=35651584\nsecret=1\n"
            .to_owned()
    });
    scene.server.create(&load("warm"));
    run_pod(&scene, "warm", "warm-x").await;
    let figures = json!({"progress": "9%", "files": "12/100", "bytes": "3.40MiB/34.00MiB"});
    shows(&scene, "warm", &figures).await;
    let object = scene.server.object("DataLoad", "default", "warm").unwrap();
    assert_eq!(object["status"]["phase"], "Executing");
    assert!(!object.to_string().contains("secret"), "{object}");

    scene
        .server
        .on_log(async |_| "progress files=50 bytes=17825792 total-files=100 total-bytes=35651584\n".to_owned());
    let figures = json!({"progress": "50%", "files": "50/100", "bytes": "17.00MiB/34.00MiB"});
    shows(&scene, "warm", &figures).await;
    end(&scene, "warm-loader-job", "Complete").await;
    shows(&scene, "warm", &json!({"progress": "100%"})).await;
    // Nobody is asked about what has ended.
    scene.server.settled(QUIET).await;
    let infos = scene.server.object("DataLoad", "default", "warm").unwrap()["status"]["infos"].clone();
    assert_eq!(infos, json!({"progress": "100%"}));
}

#[tokio::test]
async fn logs_that_cannot_be_read_neither_fail_nor_hold_up_an_operation() {
    let (scene, _operator) = asking().await;
    let logs = scene.server.arm(
        Fault::any().when(|attempt| attempt.call.subresource == "log"),
        Effect::Hang,
    );
    for name in ["one", "two"] {
        scene.server.create(&load(name));
        run_pod(&scene, name, &format!("{name}-x")).await;
    }
    logs.hit(1).await;
    for name in ["one", "two"] {
        shows(&scene, name, &json!({"progress": "running"})).await;
        end(&scene, &format!("{name}-loader-job"), "Complete").await;
        shows(&scene, name, &json!({"progress": "100%"})).await;
    }
}

#[tokio::test]
async fn an_operation_whose_figures_stay_is_not_written_again() {
    let (scene, _operator) = asking().await;
    scene.server.on_log(async |_| "progress files=12\n".to_owned());
    scene.server.create(&load("warm"));
    run_pod(&scene, "warm", "warm-x").await;
    let stalls = |server: &ApiServer| {
        let infos = server.object("DataLoad", "default", "warm")?["status"]["infos"].clone();
        (infos["rate"] == "0 files/s").then_some(())
    };
    scene.server.until("the rate to be zero", stalls).await;
    scene.server.take_requests();
    let logs = scene.server.arm(
        Fault::any().when(|attempt| attempt.call.subresource == "log"),
        Effect::Nothing,
    );
    logs.hit(4).await;
    let writes = scene.server.take_requests().of(OPERATOR).writes();
    assert_eq!(writes.resource("dataloads").describe(), "");
}

#[tokio::test]
async fn an_image_that_is_not_there_is_shown() {
    let (scene, _operator) = asking().await;
    scene.server.create(&load("warm"));
    run_pod(&scene, "warm", "warm-x").await;
    scene.server.edit_status("Pod", "default", "warm-x", |status| {
        *status = json!({"phase": "Pending", "containerStatuses": [{"name": "loader", "image": "i", "imageID": "",
            "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]});
    });
    shows(&scene, "warm", &json!({"progress": "ImagePullBackOff"})).await;
    let told = |server: &ApiServer| {
        let events = server.objects("Event", "default");
        let note = events
            .iter()
            .filter_map(|event| event["note"].as_str().or(event["message"].as_str()));
        note.into_iter()
            .any(|note| note.contains("its pod warm-x does not start: ImagePullBackOff: not found; correct that"))
            .then_some(())
    };
    scene.server.until("the user to be told", told).await;
    scene.server.on_log(async |_| "progress files=3\n".to_owned());
    scene.server.edit_status("Pod", "default", "warm-x", |status| {
        *status = json!({"phase": "Running"})
    });
    shows(&scene, "warm", &json!({"progress": "3 files", "files": "3"})).await;
}
