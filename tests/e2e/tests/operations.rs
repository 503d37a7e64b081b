//! Data operations on fake nodes: what they wait for, what is made of them, and that nothing is left.
//! The real job controller makes their pods; no container runs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::manifests::file;

const API: &str = "data.fluid.io/v1alpha1";
/// What a test has in its namespace besides what Wasser makes.
const OWN: [&str; 2] = ["minio-keys", "thin"];

fn operation(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

async fn phase(operator: &Operator, kind: &str, name: &str, phase: &str) -> Value {
    let look = |object: &DynamicObject| {
        let status = object.data["status"].clone();
        (status["phase"] == phase).then_some(status)
    };
    operator.object(API, kind, name, &format!("is {phase}"), look).await
}

async fn delete(operator: &Operator, kind: &str, name: &str) {
    let api = operator.api(API, kind);
    api.delete(name, &DeleteParams::default()).await.unwrap();
    let gone = || async { api.get_opt(name).await.unwrap().is_none().then_some(()) };
    operator.eventually(&format!("{kind} {name} is gone"), gone).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn operations_wait_for_their_dataset_run_as_jobs_and_leave_nothing() {
    let operator = Operator::start_with("operations", &["--sync-period", "2s"]).await;
    operator.serve("thin").await;
    let dataset = json!({"name": "photos"});
    operator
        .apply(&operation(
            "DataLoad",
            "warm",
            &json!({"dataset": dataset, "target": [{"path": "/2024"}]}),
        ))
        .await;
    let waiting = phase(&operator, "DataLoad", "warm", "Pending").await;
    assert_eq!(waiting["conditions"][0]["reason"], "TargetDatasetNotFound", "{waiting}");
    for object in file("thin.yaml") {
        operator.apply(&object).await;
    }
    operator.bound("photos").await;
    phase(&operator, "DataLoad", "warm", "Executing").await;
    let arguments = |job: &DynamicObject| {
        let container = &job.data["spec"]["template"]["spec"]["containers"][0];
        (container["args"] == json!(["/2024"])).then_some(())
    };
    operator
        .object("batch/v1", "Job", "warm-loader-job", "reads the target", arguments)
        .await;

    let process = json!({
        "dataset": {"name": "photos", "mountPath": "/data"}, "policy": "Cron", "schedule": "0 3 1 1 *",
        "processor": {"script": {"image": "bash", "command": ["bash"], "source": "ls /data"}},
    });
    operator.apply(&operation("DataProcess", "yearly", &process)).await;
    let schedule = |cron: &DynamicObject| (cron.data["spec"]["schedule"] == "0 3 1 1 *").then_some(());
    operator
        .object(
            "batch/v1",
            "CronJob",
            "yearly-processor-job",
            "has its schedule",
            schedule,
        )
        .await;

    // The controller of CronJobs starts a run within a minute, which no container ends.
    let mut minutely = process.clone();
    minutely["schedule"] = json!("* * * * *");
    operator.apply(&operation("DataProcess", "minutely", &minutely)).await;
    phase(&operator, "DataProcess", "minutely", "Executing").await;
    // Of this, Kubernetes tells after it has made the Job.
    let has_time = |run: &DynamicObject| run.data["status"]["lastScheduleTime"].is_string().then_some(());
    operator
        .object(API, "DataProcess", "minutely", "shows when it was to begin", has_time)
        .await;
    let shown = |dataset: &DynamicObject| {
        let shown = &dataset.data["status"]["operationRef"]["DataProcess"];
        (shown == "minutely").then_some(())
    };
    operator.object(API, "Dataset", "photos", "shows the run", shown).await;

    let backup = json!({"dataset": "photos", "backupPath": "pvc://backups/photos"});
    operator.apply(&operation("DataBackup", "saved", &backup)).await;
    let failed = phase(&operator, "DataBackup", "saved", "Failed").await;
    assert_eq!(failed["conditions"][0]["reason"], "DataOperationNotSupport", "{failed}");

    let operations = [
        ("DataLoad", "warm"),
        ("DataProcess", "yearly"),
        ("DataProcess", "minutely"),
        ("DataBackup", "saved"),
    ];
    for (kind, name) in operations {
        delete(&operator, kind, name).await;
    }
    operator.delete_dataset("photos").await;
    operator.empty(&OWN).await;
    operator.clean_nodes().await;
    operator.end().await;
}
