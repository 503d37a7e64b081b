//! Data operations: what they wait for, what runs, and how they end.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::gone::none_left;
use super::jobs::{end, job, run, schedule};
use super::scene::{OPERATOR, QUIET, Scene};

/// An operation of this kind in the namespace `default`.
pub(super) fn operation(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    })
}

pub(super) fn load(name: &str) -> Value {
    operation(
        "DataLoad",
        name,
        json!({"dataset": {"name": "demo"}, "target": [{"path": "/a b;$(c)"}]}),
    )
}

pub(super) fn process(name: &str, more: &Value) -> Value {
    let mut spec = json!({
        "dataset": {"name": "demo", "namespace": "default", "mountPath": "/data"},
        "processor": {"script": {"image": "bash", "imageTag": "5", "command": ["bash"], "source": "echo ${HOME}\n"}},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    operation("DataProcess", name, spec)
}

/// Waits until an operation has a phase, and returns its status.
pub(super) async fn phase(scene: &Scene, kind: &str, name: &str, phase: &str) -> Value {
    let look = |server: &ApiServer| {
        let status = server.object(kind, "default", name)?["status"].clone();
        (status["phase"] == phase).then_some(status)
    };
    scene.server.until(&format!("{kind} {name} to be {phase}"), look).await
}

/// Waits until the condition of an operation has this reason, and returns its message.
pub(super) async fn says(scene: &Scene, kind: &str, name: &str, reason: &str) -> String {
    let look = |server: &ApiServer| {
        let condition = server.object(kind, "default", name)?["status"]["conditions"][0].clone();
        (condition["reason"] == reason).then(|| condition["message"].as_str().unwrap_or_default().to_owned())
    };
    scene
        .server
        .until(&format!("{kind} {name} to say {reason}"), look)
        .await
}

pub(super) fn events(scene: &Scene, reason: &str) -> usize {
    let events = scene.server.objects("Event", "default");
    events.iter().filter(|event| event["reason"] == reason).count()
}

/// Waits until nothing of an operation is left.
pub(super) async fn gone(scene: &Scene, kind: &str, name: &str) {
    let look = |server: &ApiServer| {
        server.collect();
        server.object(kind, "default", name).is_none().then_some(())
    };
    scene.server.until(&format!("{kind} {name} to go"), look).await;
    scene.server.collect();
    let left: Vec<Value> = ["Job", "CronJob", "ConfigMap", "Secret"]
        .into_iter()
        .flat_map(|kind| scene.server.objects(kind, "default"))
        .filter(|object| object["metadata"]["name"].as_str().unwrap().contains(name))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_load_that_comes_with_its_dataset_waits_and_then_runs() {
    let scene = Scene::new();
    let _operator = scene.start().await;
    scene.server.create(&load("warm"));
    says(&scene, "DataLoad", "warm", "TargetDatasetNotFound").await;
    scene.create_runtime();
    let waiting = says(&scene, "DataLoad", "warm", "RuntimeNotReady").await;
    assert!(waiting.contains("default/demo is not Bound"), "{waiting}");
    assert!(scene.server.objects("Job", "").is_empty());
    scene.bind().await;

    let made = job(&scene, "warm-loader-job").await;
    let pod = &made["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["args"], json!(["/a b;$$(c)"]), "{made}");
    assert_eq!(container["image"], "demo");
    assert_eq!(pod["volumes"][1]["persistentVolumeClaim"]["claimName"], "demo");
    assert_eq!(made["metadata"]["labels"]["role"], "dataload-job");
    assert_eq!(made["metadata"]["labels"]["targetDataset"], "demo");
    assert!(
        scene
            .server
            .object("ConfigMap", "default", "warm-loader-data-load-script")
            .is_some()
    );
    let status = phase(&scene, "DataLoad", "warm", "Executing").await;
    assert_eq!(
        (&status["duration"], &status["conditions"]),
        (&json!("Unfinished"), &json!([]))
    );
    let shown = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        (dataset["status"]["operationRef"] == json!({"DataLoad": "warm"})).then_some(())
    };
    scene.server.until("the Dataset to show the operation", shown).await;

    end(&scene, "warm-loader-job", "Complete").await;
    let status = phase(&scene, "DataLoad", "warm", "Complete").await;
    assert_eq!(status["conditions"][0]["type"], "Complete");
    assert_eq!(status["infos"]["progress"], "100%");
    let forgotten = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        dataset["status"]
            .get("operationRef")
            .is_none_or(|shown| shown == &json!({}))
            .then_some(())
    };
    scene.server.until("the Dataset to show no operation", forgotten).await;
    scene.server.settled(QUIET).await;
    assert_eq!(
        (
            events(&scene, "DataOperationStarted"),
            events(&scene, "DataOperationSucceed")
        ),
        (1, 1)
    );

    scene.server.take_requests();
    scene.server.edit("DataLoad", "default", "warm", |load| {
        load["metadata"]["annotations"]["example.org/note"] = "x".into();
    });
    scene.server.settled(QUIET).await;
    assert_eq!(scene.server.take_requests().of(OPERATOR).writes().describe(), "");
    scene.server.delete("DataLoad", "default", "warm");
    gone(&scene, "DataLoad", "warm").await;
}

#[tokio::test]
async fn an_operation_that_cannot_work_fails_once_and_says_why() {
    let (scene, _operator) = Scene::bound().await;
    let dataset = json!({"name": "demo", "namespace": "default"});
    let cases = [
        (
            operation(
                "DataLoad",
                "elsewhere",
                json!({"dataset": {"name": "demo", "namespace": "other"}}),
            ),
            ("TargetDatasetNamespaceNotSame", "create the operation in the namespace"),
        ),
        (
            operation(
                "DataLoad",
                "badly",
                json!({"dataset": dataset, "policy": "Cron", "schedule": "61 * * * *"}),
            ),
            ("DataOperationNotValid", "as minute"),
        ),
        (
            operation("DataLoad", "never", json!({"dataset": dataset, "policy": "Cron"})),
            ("ScheduleNotSpecified", "needs one"),
        ),
        (
            operation("DataLoad", "someday", json!({"dataset": dataset, "policy": "OnEvent"})),
            ("DataOperationNotValid", "OnEvent is not served"),
        ),
        (
            operation(
                "DataBackup",
                "saved",
                json!({"dataset": "demo", "backupPath": "pvc://claim/dir"}),
            ),
            ("DataOperationNotSupport", "a DemoRuntime has no DataBackup"),
        ),
        (
            operation(
                "DataBackup",
                "nowhere",
                json!({"dataset": "demo", "backupPath": "/dir"}),
            ),
            ("PathNotSupported", "neither pvc://"),
        ),
        (
            operation(
                "DataProcess",
                "nothing",
                json!({"dataset": {"name": "demo", "mountPath": "/d"}, "processor": {}}),
            ),
            ("ProcessorNotSpecified", "neither `job` nor `script`"),
        ),
        (
            operation(
                "DataProcess",
                "powerful",
                json!({"dataset": {"name": "demo", "mountPath": "/d"}, "processor": {"job": {"podSpec": {
                    "containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]}}}}),
            ),
            ("DataOperationNotValid", "powers over their node"),
        ),
        (
            operation(
                "DataMigrate",
                "moved",
                json!({"image": "i", "runtimeType": "juicefs", "from":
                {"dataset": dataset}, "to": {"externalStorage": {"uri": "s3://bucket"}}}),
            ),
            (
                "DataOperationNotValid",
                "DataMigrate.spec.runtimeType: is juicefs, but default/demo has",
            ),
        ),
    ];
    for (object, _) in &cases {
        scene.server.create(object);
    }
    for (object, (reason, words)) in &cases {
        let (kind, name) = (
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap(),
        );
        phase(&scene, kind, name, "Failed").await;
        let message = says(&scene, kind, name, reason).await;
        assert!(message.contains(words), "{name}: {message}");
    }
    scene.server.settled(QUIET).await;
    assert!(
        scene.server.objects("Job", "").is_empty(),
        "{}",
        scene.server.situation()
    );
}

#[tokio::test]
async fn operations_run_one_after_the_other_and_fail_with_each_other() {
    let (scene, _operator) = Scene::bound().await;
    let after = |name: &str| json!({"runAfter": {"kind": "DataProcess", "name": name}});
    scene.server.create(&process("third", &after("second")));
    scene.server.create(&process("second", &after("first")));
    says(&scene, "DataProcess", "second", "DataOperationNotFound").await;
    scene
        .server
        .create(&process("first", &json!({"ttlSecondsAfterFinished": 0})));
    end(&scene, "first-processor-job", "Complete").await;
    let made = job(&scene, "second-processor-job").await;
    assert_eq!(
        made["spec"]["template"]["spec"]["containers"][0]["args"],
        json!(["/fluid-scripts/preprocess.sh"])
    );
    gone(&scene, "DataProcess", "first").await;
    let status = phase(&scene, "DataProcess", "third", "Pending").await;
    assert_eq!(status["waitingFor"]["operationComplete"], true);
    assert_eq!(
        phase(&scene, "DataProcess", "second", "Executing").await["waitingFor"]["operationComplete"],
        false
    );
    end(&scene, "second-processor-job", "Failed").await;
    phase(&scene, "DataProcess", "second", "Failed").await;
    let why = says(&scene, "DataProcess", "third", "PredecessorFailed").await;
    assert!(why.contains("DataProcess default/second"), "{why}");

    scene.server.create(&process("chicken", &after("egg")));
    scene.server.create(&process("egg", &after("chicken")));
    // The other one fails with the one that sees the circle first.
    let circle = |server: &ApiServer| {
        let conditions = ["chicken", "egg"].into_iter().filter_map(|name| {
            let object = server.object("DataProcess", "default", name)?;
            Some(object["status"]["conditions"][0].clone())
        });
        let mut circles = conditions.filter(|condition| condition["reason"] == "DataOperationCycle");
        Some(circles.next()?["message"].to_string())
    };
    let why = scene.server.until("the circle to be told", circle).await;
    assert!(
        why.contains("DataProcess default/egg → DataProcess default/chicken"),
        "{why}"
    );
}

#[tokio::test]
async fn a_schedule_is_followed_from_run_to_run() {
    let (scene, _operator) = Scene::bound().await;
    scene
        .server
        .create(&process("nightly", &json!({"policy": "Cron", "schedule": "0 3 * * *"})));
    phase(&scene, "DataProcess", "nightly", "Pending").await;
    let schedule = schedule(&scene, "nightly-processor-job").await;
    assert_eq!(
        (&schedule["spec"]["schedule"], &schedule["spec"]["concurrencyPolicy"]),
        (&json!("0 3 * * *"), &json!("Forbid"))
    );
    says(&scene, "DataProcess", "nightly", "DataOperationWaiting").await;
    for (name, outcome) in [("nightly-1", "Complete"), ("nightly-2", "Failed")] {
        run(&scene, &schedule, name);
        phase(&scene, "DataProcess", "nightly", "Executing").await;
        end(&scene, name, outcome).await;
        phase(&scene, "DataProcess", "nightly", outcome).await;
        // Kubernetes keeps some of the past runs; creation times are in seconds.
        if outcome == "Complete" {
            scene.server.delete("Job", "default", name);
        }
    }
    scene.server.delete("DataProcess", "default", "nightly");
    gone(&scene, "DataProcess", "nightly").await;
}

#[tokio::test]
async fn a_job_that_is_deleted_is_made_again_and_a_restart_makes_none_twice() {
    let (scene, operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    let first = job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    scene.server.settled(QUIET).await;
    scene.kill(operator);
    let _operator = scene.start().await;
    scene.server.settled(QUIET).await;
    assert_eq!(
        job(&scene, "warm-loader-job").await["metadata"]["uid"],
        first["metadata"]["uid"]
    );
    scene.server.delete("Job", "default", "warm-loader-job");
    let another = |server: &ApiServer| {
        let job = server.object("Job", "default", "warm-loader-job")?;
        (job["metadata"]["uid"] != first["metadata"]["uid"]).then_some(())
    };
    scene.server.until("another Job", another).await;
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
}

#[tokio::test]
async fn a_job_of_somebody_else_is_neither_followed_nor_deleted() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "warm-loader-job", "namespace": "default",
            "labels": {"fluid.io/dataset-id": "default-demo"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
    }));
    end(&scene, "warm-loader-job", "Complete").await;
    scene.server.create(&load("warm"));
    let told = |scene: &Scene| events(scene, "DataOperationExecutionFailed") > 0;
    scene
        .server
        .until("the user to be told", |_| told(&scene).then_some(()))
        .await;
    let why = says(&scene, "DataLoad", "warm", "DataOperationExecutionFailed").await;
    assert!(why.contains("warm-loader-job"), "{why}");
    phase(&scene, "DataLoad", "warm", "Pending").await;
    scene.server.delete("DataLoad", "default", "warm");
    let look = |server: &ApiServer| server.object("DataLoad", "default", "warm").is_none().then_some(());
    scene.server.until("the load to go", look).await;
    assert!(scene.server.object("Job", "default", "warm-loader-job").is_some());
}

#[tokio::test]
async fn an_operation_ends_when_its_dataset_is_deleted_half_way() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&load("warm"));
    job(&scene, "warm-loader-job").await;
    phase(&scene, "DataLoad", "warm", "Executing").await;
    scene.server.delete("Dataset", "default", "demo");
    none_left(&scene, &["DataLoad", "Dataset", "Job"]).await;
}
