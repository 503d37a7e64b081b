//! How operations end: their pods first, also where a record is missing, and what users edit meanwhile.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};

use super::gone::collected;
use super::jobs::{end, job, pod_of, run, schedule};
use super::juicefs_operations::{bound, migration, status};
use super::operations::{gone, load, phase, process, says};
use super::scene::{OPERATOR, QUIET, Scene};

/// Creates a pod of a Job that runs on a node, and ends only when its kubelet says so.
async fn running_pod(scene: &Scene, job_name: &str, pod: &str) {
    let made = job(scene, job_name).await;
    let spec = json!({"nodeName": "node-a", "containers": [{"name": "c", "image": "i"}]});
    pod_of(scene, job_name, pod, spec, json!({"phase": "Running"})).await;
    scene.server.edit("Pod", "default", pod, |pod| {
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "controller": true,
            "blockOwnerDeletion": true, "name": job_name, "uid": made["metadata"]["uid"]}]);
    });
}

/// Waits until an object is being deleted, with the garbage collector at work.
async fn is_ending(scene: &Scene, kind: &str, name: &str) {
    let is_ending = |server: &ApiServer| {
        let object = server.object(kind, "default", name);
        object.is_some_and(|object| object["metadata"]["deletionTimestamp"].is_string())
    };
    collected(scene, &format!("{kind} {name} to be deleted"), is_ending).await;
}

/// Ends a pod as its kubelet does.
fn kubelet_ends(scene: &Scene, pod: &str) {
    scene
        .server
        .edit_status("Pod", "default", pod, |status| status["phase"] = json!("Succeeded"));
    scene.server.delete("Pod", "default", pod);
}

#[rstest]
#[case::of_the_operator(0)]
#[case::behind(-700)]
#[tokio::test]
async fn an_operation_that_is_deleted_is_waited_for_until_its_pods_have_ended(#[case] clock: i64) {
    let (scene, _operator) = bound().await;
    scene.server.set_clock_ahead(clock);
    scene.server.create(&migration("in", &json!({})));
    running_pod(&scene, "in-migrate-migrate", "in-x").await;
    status(&scene, "DataMigrate", "in", "Executing").await;
    scene.server.create(&load("warm"));
    says(&scene, "DataLoad", "warm", "DataOperationCollision").await;
    scene.server.delete("DataMigrate", "default", "in");
    is_ending(&scene, "Pod", "in-x").await;
    scene.server.settled(QUIET).await;
    for (kind, name) in [("DataMigrate", "in"), ("Job", "in-migrate-migrate")] {
        assert!(scene.server.object(kind, "default", name).is_some(), "{kind} {name}");
    }
    assert!(scene.server.object("Job", "default", "warm-loader-job").is_none());
    kubelet_ends(&scene, "in-x");
    gone(&scene, "DataMigrate", "in").await;
    job(&scene, "warm-loader-job").await;
}

#[tokio::test]
async fn a_job_whose_record_is_missing_is_followed_as_it_is_and_goes_with_its_operation() {
    let (scene, operator) = Scene::bound().await;
    let records = scene
        .server
        .arm(Fault::writes().of(OPERATOR).resource("secrets"), Effect::Hang);
    for name in ["warm", "other"] {
        scene.server.create(&load(name));
    }
    records.hit(2).await;
    scene.kill(operator);
    drop(records);
    // Something else would be planned now: nothing at all.
    scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
        runtime["spec"]["replicas"] = json!(0);
    });
    let made = job(&scene, "warm-loader-job").await;
    let _operator = scene.start().await;
    for name in ["warm", "other"] {
        phase(&scene, "DataLoad", name, "Executing").await;
        let record = format!("sh.helm.release.v1.{name}-loader.v1");
        let look = |server: &ApiServer| server.object("Secret", "default", &record);
        scene.server.until(&format!("the record of {name}"), look).await;
    }
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
    let now = job(&scene, "warm-loader-job").await;
    assert_eq!(now["metadata"]["uid"], made["metadata"]["uid"]);
    assert_eq!(now["spec"], made["spec"]);
    for name in ["warm", "other"] {
        scene.server.delete("DataLoad", "default", name);
        gone(&scene, "DataLoad", name).await;
    }
}

#[tokio::test]
async fn a_job_without_a_record_is_stopped_by_its_name() {
    let (scene, _operator) = Scene::bound().await;
    let records = scene.server.arm(
        Fault::writes().of(OPERATOR).resource("secrets"),
        Effect::Answer(Failure::new(403, "Forbidden", "exceeded quota")),
    );
    scene.server.create(&load("warm"));
    job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    scene.server.delete("DataLoad", "default", "warm");
    gone(&scene, "DataLoad", "warm").await;
    drop(records);
}

#[tokio::test]
async fn a_schedule_that_is_edited_is_followed_and_one_that_is_taken_back_stops() {
    let (scene, _operator) = Scene::bound().await;
    scene
        .server
        .create(&process("nightly", &json!({"policy": "Cron", "schedule": "0 3 * * *"})));
    let made = schedule(&scene, "nightly-processor-job").await;
    // As one that an earlier version has made, whose runs nobody sees.
    scene
        .server
        .edit("CronJob", "default", "nightly-processor-job", |schedule| {
            schedule["spec"]["jobTemplate"]["metadata"]["labels"]
                .as_object_mut()
                .unwrap()
                .remove("fluid.io/dataset-id");
        });
    scene.server.edit("DataProcess", "default", "nightly", |object| {
        object["spec"]["schedule"] = json!("0 4 * * *");
    });
    let edited = |server: &ApiServer| {
        let schedule = server.object("CronJob", "default", "nightly-processor-job")?;
        let labels = &schedule["spec"]["jobTemplate"]["metadata"]["labels"];
        let is_it = schedule["spec"]["schedule"] == "0 4 * * *" && labels["fluid.io/dataset-id"].is_string();
        is_it.then_some(schedule)
    };
    let edited = scene.server.until("the other schedule", edited).await;
    assert_eq!(edited["metadata"]["uid"], made["metadata"]["uid"]);
    run(&scene, &edited, "nightly-1");
    phase(&scene, "DataProcess", "nightly", "Executing").await;
    end(&scene, "nightly-1", "Complete").await;
    phase(&scene, "DataProcess", "nightly", "Complete").await;

    let policy = |policy: &'static str| move |object: &mut Value| object["spec"]["policy"] = json!(policy);
    scene.server.edit("DataProcess", "default", "nightly", policy("Once"));
    let is_gone = |server: &ApiServer| server.objects("CronJob", "default").is_empty();
    collected(&scene, "the CronJob to go", is_gone).await;
    // It has run, and is at its end.
    phase(&scene, "DataProcess", "nightly", "Complete").await;
    assert!(scene.server.objects("Job", "default").is_empty());
    scene.server.edit("DataProcess", "default", "nightly", policy("Cron"));
    schedule(&scene, "nightly-processor-job").await;
    phase(&scene, "DataProcess", "nightly", "Pending").await;
}

#[tokio::test]
async fn a_job_that_becomes_a_schedule_does_not_run_on() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("clean", &json!({})));
    job(&scene, "clean-processor-job").await;
    phase(&scene, "DataProcess", "clean", "Executing").await;
    scene.server.edit("DataProcess", "default", "clean", |object| {
        object["spec"]["policy"] = json!("Cron");
        object["spec"]["schedule"] = json!("0 3 * * *");
    });
    let became = |server: &ApiServer| {
        server.objects("Job", "default").is_empty() && !server.objects("CronJob", "default").is_empty()
    };
    collected(&scene, "the CronJob in place of the Job", became).await;
    phase(&scene, "DataProcess", "clean", "Pending").await;
}

#[tokio::test]
async fn a_node_that_no_pod_has_reached_is_named() {
    let (scene, _operator) = bound().await;
    scene.server.create(&load("warm"));
    job(&scene, "warm-loader-job").await;
    for pod in ["warm-x", "warm-again"] {
        let spec = json!({"nodeName": "node-a", "containers": [{"name": "c", "image": "i"}]});
        pod_of(&scene, "warm-loader-job", pod, spec, json!({"phase": "Succeeded"})).await;
    }
    end(&scene, "warm-loader-job", "Complete").await;
    let done = status(&scene, "DataLoad", "warm", "Complete").await;
    assert_eq!(done["infos"]["nodes-left-out"], "node-b", "{done}");
}

#[tokio::test]
async fn an_operation_is_kept_for_its_time_however_old_its_end_seems() {
    let (scene, _operator) = Scene::bound().await;
    // The test's Jobs have ended long ago.
    scene
        .server
        .create(&process("clean", &json!({"ttlSecondsAfterFinished": 3600})));
    end(&scene, "clean-processor-job", "Complete").await;
    phase(&scene, "DataProcess", "clean", "Complete").await;
    scene.server.settled(QUIET).await;
    assert!(scene.server.object("DataProcess", "default", "clean").is_some());
}
