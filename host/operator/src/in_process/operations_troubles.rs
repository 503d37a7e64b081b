//! What goes wrong around an operation that runs: its pods, its Dataset, its runtime, its schedule.

use serde_json::json;
use wasser_test_api_server::{ApiServer, Effect, Fault};

use super::gone::{none_left, object_gone};
use super::jobs::{end, ended_pod, job, run, schedule};
use super::operations::{events, gone, load, operation, phase, process, says};
use super::scene::{OPERATOR, QUIET, Scene};

#[tokio::test]
async fn a_script_that_is_killed_fails_with_its_exit_code_and_one_of_a_user_never_with_its_words() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    let killed = json!({"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:42Z"});
    ended_pod(&scene, "warm-loader-job", "warm-x", killed).await;
    end(&scene, "warm-loader-job", "Failed").await;
    let failed = phase(&scene, "DataLoad", "warm", "Failed").await;
    let message = failed["conditions"][0]["message"].as_str().unwrap();
    assert_eq!(message, "container c ended with exit code 137. it ended");
    assert_eq!(failed["infos"].get("progress"), None, "{failed}");

    scene.server.create(&process("clean", &json!({})));
    let failed = json!({"exitCode": 2, "message": "password=secret", "finishedAt": "2026-01-01T00:00:42Z"});
    ended_pod(&scene, "clean-processor-job", "clean-x", failed).await;
    end(&scene, "clean-processor-job", "Failed").await;
    phase(&scene, "DataProcess", "clean", "Failed").await;
    let shown = scene
        .server
        .object("DataProcess", "default", "clean")
        .unwrap()
        .to_string();
    assert!(!shown.contains("secret") && shown.contains("exit code 2"), "{shown}");
}

#[tokio::test]
async fn a_pod_whose_node_is_lost_is_another_attempt() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    job(&scene, "warm-loader-job").await;
    scene.server.edit_status("Job", "default", "warm-loader-job", |status| {
        *status = json!({"active": 1, "failed": 1});
    });
    let look = |server: &ApiServer| {
        let infos = server.object("DataLoad", "default", "warm")?["status"]["infos"].clone();
        (infos["progress"] == "attempt 2").then_some(())
    };
    scene.server.until("the second attempt to be shown", look).await;
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
}

#[tokio::test]
async fn a_dataset_that_is_created_again_has_nothing_of_the_operations_before() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    let first = job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    scene.server.delete("Dataset", "default", "demo");
    none_left(&scene, &["DataLoad", "Dataset", "Job", "DemoRuntime"]).await;

    scene.create_runtime();
    scene.server.create(&load("warm"));
    says(&scene, "DataLoad", "warm", "RuntimeNotReady").await;
    scene.bind().await;
    let second = job(&scene, "warm-loader-job").await;
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
}

#[tokio::test]
async fn an_operation_goes_on_while_its_runtime_scales() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    let first = job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    for replicas in [5, 0] {
        scene.server.edit("DemoRuntime", "default", "demo", |runtime| {
            runtime["spec"]["replicas"] = replicas.into()
        });
        scene.server.settled(QUIET).await;
        let now = job(&scene, "warm-loader-job").await;
        assert_eq!(now["metadata"]["uid"], first["metadata"]["uid"]);
    }
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
    // What comes now has nothing to load into.
    scene.server.create(&load("late"));
    phase(&scene, "DataLoad", "late", "Failed").await;
    let why = says(&scene, "DataLoad", "late", "DataOperationNotValid").await;
    assert!(why.contains("has no workers to load data into"), "{why}");
}

#[tokio::test]
async fn a_runtime_that_is_deleted_leaves_no_operation_hanging() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    scene.server.delete("DemoRuntime", "default", "demo");
    object_gone(&scene, "DemoRuntime", "demo").await;
    // The Job still says how it ended; its pods had the volume.
    end(&scene, "warm-loader-job", "Failed").await;
    phase(&scene, "DataLoad", "warm", "Failed").await;
    scene.server.create(&load("late"));
    says(&scene, "DataLoad", "late", "RuntimeNotReady").await;
    for name in ["warm", "late"] {
        scene.server.delete("DataLoad", "default", name);
        gone(&scene, "DataLoad", name).await;
    }
}

#[tokio::test]
async fn a_time_to_live_of_zero_removes_what_has_ended_well_or_badly() {
    let (scene, _operator) = Scene::bound().await;
    for (name, outcome) in [("well", "Complete"), ("badly", "Failed")] {
        scene
            .server
            .create(&process(name, &json!({"ttlSecondsAfterFinished": 0})));
        end(&scene, &format!("{name}-processor-job"), outcome).await;
        gone(&scene, "DataProcess", name).await;
    }
    assert_eq!(events(&scene, "DataOperationFailed"), 1);
    // What was never run has a time as well.
    scene.server.create(&operation(
        "DataLoad",
        "refused",
        json!({"dataset": {"name": "demo"}, "policy": "OnEvent", "ttlSecondsAfterFinished": 0}),
    ));
    gone(&scene, "DataLoad", "refused").await;
}

#[tokio::test]
async fn a_hundred_past_runs_of_a_schedule_are_as_good_as_the_newest() {
    let (scene, operator) = Scene::bound().await;
    scene
        .server
        .create(&process("nightly", &json!({"policy": "Cron", "schedule": "0 3 * * *"})));
    phase(&scene, "DataProcess", "nightly", "Pending").await;
    let schedule = schedule(&scene, "nightly-processor-job").await;
    scene.server.settled(QUIET).await;
    scene.kill(operator);
    for number in 0..100 {
        let name = format!("nightly-{number:03}");
        run(&scene, &schedule, &name);
        let outcome = if number == 99 { "Complete" } else { "Failed" };
        end(&scene, &name, outcome).await;
    }
    let _operator = scene.start().await;
    phase(&scene, "DataProcess", "nightly", "Complete").await;
    scene.server.settled(QUIET).await;
    assert_eq!(
        (
            events(&scene, "DataOperationSucceed"),
            events(&scene, "DataOperationFailed")
        ),
        (1, 0)
    );
    scene.server.take_requests();
    scene.server.delete("Job", "default", "nightly-000");
    scene.server.settled(QUIET).await;
    assert_eq!(scene.server.take_requests().of(OPERATOR).writes().describe(), "");
    scene.server.delete("DataProcess", "default", "nightly");
    gone(&scene, "DataProcess", "nightly").await;
}

#[tokio::test]
async fn what_has_ended_is_told_however_many_wait_to_be_started() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("first"));
    job(&scene, "first-loader-job").await;
    let jobs = scene
        .server
        .arm(Fault::writes().of(OPERATOR).resource("jobs"), Effect::Hang);
    for number in 0..20 {
        scene.server.create(&load(&format!("later-{number}")));
    }
    jobs.hit(4).await;
    end(&scene, "first-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "first", "Complete").await;
}
