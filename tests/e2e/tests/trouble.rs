//! What users are shown of pods that do not run: on the Dataset and the runtime, by condition and
//! event, for as long as it is so.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::manifests::{dataset, runtime, secret, with};
use wasser_e2e::pods::{is_observed, is_ready};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "JuiceFSRuntime";
/// How long users wait for a reason at most, in seconds; times in conditions are whole seconds.
const SOON: i64 = 15 + 1;

async fn create(operator: &Operator, change: impl FnOnce(Value) -> Value) {
    operator.apply(&secret(1)).await;
    operator.apply(&dataset("demo")).await;
    operator.apply(&change(runtime("demo"))).await;
}

/// Waits until the Dataset complains of this, and returns the whole message and since when it does.
async fn complains(operator: &Operator, of: &[&str]) -> (String, Timestamp) {
    operator.condition_saying("demo", "NotReady", of).await
}

async fn complains_no_more(operator: &Operator) {
    let look = |dataset: &DynamicObject| {
        let mut conditions = dataset.data["status"]["conditions"].as_array().into_iter().flatten();
        conditions
            .all(|condition| condition["type"] != "NotReady")
            .then_some(())
    };
    operator
        .object(API, "Dataset", "demo", "it complains no more", look)
        .await;
}

async fn uid(operator: &Operator, kind: &str) -> String {
    operator.api(API, kind).get("demo").await.unwrap().metadata.uid.unwrap()
}

/// Waits until an object of this kind and name is there, and returns since when.
async fn created(operator: &Operator, api: &str, kind: &str, name: &str) -> Timestamp {
    let look = |object: &DynamicObject| object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    operator.object(api, kind, name, "it is there", look).await
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_pod_that_no_node_fits_is_shown_with_what_helps() {
    let operator = Operator::start_serving("no-node").await;
    let nowhere = json!({"no-such-label": "true"});
    create(&operator, |runtime| with(runtime, "/spec/worker/nodeSelector", nowhere)).await;
    let pod = created(&operator, "v1", "Pod", "demo-worker-0").await;
    let (message, since) = complains(&operator, &["worker pod demo-worker-0: Unschedulable: "]).await;
    assert!(
        message.contains("nodes are available") && message.contains("correct node selectors"),
        "{message}"
    );
    assert!(seconds(pod, since) <= SOON, "after {} s", seconds(pod, since));
    for kind in ["Dataset", KIND] {
        operator
            .event_saying("Unschedulable", &uid(&operator, kind).await, "demo-worker-0")
            .await;
    }
    let shown = |runtime: &DynamicObject| {
        let conditions = runtime.data["status"]["conditions"].as_array()?;
        let workers = conditions
            .iter()
            .find(|condition| condition["type"] == "WorkersReady")?;
        (workers["status"] == "False"
            && workers["reason"] == "Unschedulable"
            && runtime.data["status"]["workerReason"] == "Unschedulable")
            .then_some(())
    };
    operator
        .object(API, KIND, "demo", "its condition has the reason", shown)
        .await;

    operator
        .patch(KIND, "demo", &json!({"spec": {"worker": {"nodeSelector": null}}}))
        .await;
    let corrected = |set: &DynamicObject| {
        let selector = &set.data["spec"]["template"]["spec"]["nodeSelector"];
        (is_observed(set) && selector.get("no-such-label").is_none()).then_some(())
    };
    operator
        .object("apps/v1", "StatefulSet", "demo-worker", "it is corrected", corrected)
        .await;
    operator.delete("v1", "Pod", "demo-worker-0").await;
    operator.bound("demo").await;
    complains_no_more(&operator).await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

/// Sets the readiness and the state of the containers of the worker.
async fn set_worker(operator: &Operator, ready: bool, state: Value) {
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    let mut pod = pods.get("demo-worker-0").await.unwrap();
    let status = pod.status.as_mut().unwrap();
    for condition in status.conditions.iter_mut().flatten() {
        if condition.type_ == "Ready" || condition.type_ == "ContainersReady" {
            condition.status = if ready { "True" } else { "False" }.to_owned();
        }
    }
    for container in status.container_statuses.iter_mut().flatten() {
        container.ready = ready;
        container.state = Some(serde_json::from_value(state.clone()).unwrap());
    }
    // A pod of the network of a fake node has no address, and is made ready again for as long as it
    // has none.
    let address = "10.9.9.9";
    let patch = Patch::Merge(json!({"status": {
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": status.conditions,
        "containerStatuses": status.container_statuses,
    }}));
    pods.patch_status("demo-worker-0", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_pod_without_its_image_is_shown_and_so_is_its_recovery() {
    let operator = Operator::start_serving("no-image").await;
    create(&operator, |runtime| runtime).await;
    operator.bound("demo").await;
    operator
        .object("v1", "Pod", "demo-worker-0", "it is ready", is_ready)
        .await;
    let missing = "Back-off pulling image \"nowhere/juicefs:none\": ErrImagePull: not found";
    set_worker(
        &operator,
        false,
        json!({"waiting": {"reason": "ImagePullBackOff", "message": missing}}),
    )
    .await;
    let trouble = "worker pod demo-worker-0: ImagePullBackOff: not found; correct the image";
    complains(&operator, &[trouble]).await;
    for kind in ["Dataset", KIND] {
        operator
            .event_saying("ErrorProcessRuntime", &uid(&operator, kind).await, trouble)
            .await;
    }
    // What is mounted stays mounted.
    assert_eq!(operator.bound("demo").await.data["status"]["phase"], "Bound");
    set_worker(
        &operator,
        true,
        json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
    )
    .await;
    complains_no_more(&operator).await;
    for kind in ["Dataset", KIND] {
        operator
            .event_saying("RuntimeRecovered", &uid(&operator, kind).await, trouble)
            .await;
    }
    operator.delete_dataset("demo").await;
    operator.end().await;
}

/// A pod that is never created has no status: only the events of its workload say why.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn pods_that_cannot_be_created_are_shown_with_the_reason() {
    let operator = Operator::start_serving("no-pods").await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}
    });
    operator.apply(&quota).await;
    let counted = |quota: &DynamicObject| (quota.data["status"]["hard"]["pods"] == "0").then_some(());
    operator
        .object("v1", "ResourceQuota", "none", "it holds", counted)
        .await;
    create(&operator, |runtime| runtime).await;
    let set = created(&operator, "apps/v1", "StatefulSet", "demo-worker").await;
    let (_, since) = complains(
        &operator,
        &["worker StatefulSet demo-worker: FailedCreate: ", "exceeded quota: none"],
    )
    .await;
    assert!(seconds(set, since) <= SOON, "after {} s", seconds(set, since));
    operator.delete("v1", "ResourceQuota", "none").await;
    operator.bound("demo").await;
    complains_no_more(&operator).await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bound_dataset_tells_its_life_by_events() {
    let operator = Operator::start_serving("life").await;
    create(&operator, |runtime| runtime).await;
    operator.bound("demo").await;
    let (dataset, runtime) = (uid(&operator, "Dataset").await, uid(&operator, KIND).await);
    operator.event("RuntimeInstalled", &dataset).await;
    operator.event("DatasetBound", &dataset).await;
    operator.scale("demo", 2).await;
    operator.event_saying("WorkersScaled", &dataset, "to 2 replicas").await;

    // It stays bound while a worker has no node, and says so.
    let elsewhere = json!({"spec": {"worker": {"nodeSelector": {"no-such-label": "true"}}}});
    operator.patch(KIND, "demo", &elsewhere).await;
    operator.event("RuntimeUpgraded", &dataset).await;
    operator.delete("v1", "Pod", "demo-worker-1").await;
    complains(&operator, &["worker pod demo-worker-1: Unschedulable: "]).await;
    assert_eq!(operator.bound("demo").await.data["status"]["phase"], "Bound");
    operator.scale("demo", 1).await;
    complains_no_more(&operator).await;
    for uid in [&dataset, &runtime] {
        operator.event_saying("RuntimeRecovered", uid, "demo-worker-1").await;
    }
    operator.delete_dataset("demo").await;
    operator.event("RuntimeDeleted", &dataset).await;
    operator.end().await;
}

/// What is refused is shown; what is installed is scaled and looked after all the same.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bound_dataset_whose_spec_is_refused_is_attended() {
    let operator = Operator::start_serving("attended").await;
    create(&operator, |runtime| runtime).await;
    operator.bound("demo").await;
    let wrong = json!({"spec": {"worker": {"options": {"no-such-option": "1"}}}});
    operator.patch(KIND, "demo", &wrong).await;
    complains(&operator, &["JuiceFSRuntime.spec.worker.options.no-such-option"]).await;
    operator.scale("demo", 2).await;
    operator.status(KIND, "demo", &json!({"workerNumberReady": 2})).await;
    operator.delete("v1", "ConfigMap", "demo-fuse-script").await;
    created(&operator, "v1", "ConfigMap", "demo-fuse-script").await;
    let right = json!({"spec": {"worker": {"options": null}}});
    operator.patch(KIND, "demo", &right).await;
    complains_no_more(&operator).await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}
