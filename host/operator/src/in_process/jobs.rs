//! The Jobs of operations and their pods, whose controllers and kubelets are played here.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::scene::Scene;

/// Waits for a Job.
pub async fn job(scene: &Scene, name: &str) -> Value {
    let look = |server: &ApiServer| server.object("Job", "default", name);
    scene.server.until(&format!("the Job {name}"), look).await
}

/// Starts a run of a schedule, as the controller of CronJobs does: the Job has the labels and annotations
/// of the template of Jobs, and no label of its pods.
pub fn run(scene: &Scene, schedule: &Value, name: &str) {
    let template = &schedule["spec"]["jobTemplate"];
    let mut metadata = json!({"name": name, "namespace": "default"});
    for field in ["labels", "annotations"] {
        if let Some(given) = template["metadata"].get(field) {
            metadata[field] = given.clone();
        }
    }
    metadata["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
        "blockOwnerDeletion": true, "name": schedule["metadata"]["name"], "uid": schedule["metadata"]["uid"]}]);
    scene
        .server
        .create(&json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
        "spec": template["spec"]}));
}

/// Waits for a CronJob.
pub async fn schedule(scene: &Scene, name: &str) -> Value {
    let look = |server: &ApiServer| server.object("CronJob", "default", name);
    scene.server.until(&format!("the CronJob {name}"), look).await
}

/// Ends a Job.
pub async fn end(scene: &Scene, name: &str, outcome: &str) {
    job(scene, name).await;
    scene.server.edit_status("Job", "default", name, |status| {
        *status = json!({"conditions": [{"type": outcome, "status": "True", "reason": "Test", "message": "it ended",
            "lastTransitionTime": "2026-01-01T00:00:42Z"}]});
    });
}

/// Creates a pod of a Job, with this spec and status.
pub async fn pod_of(scene: &Scene, job_name: &str, pod: &str, spec: Value, status: Value) {
    let made = job(scene, job_name).await;
    scene.server.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "namespace": "default",
            "labels": {"batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}},
        "spec": spec,
    }));
    scene.server.edit_status("Pod", "default", pod, |now| {
        now.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    });
}

/// Creates a pod of a Job whose container `c` has ended like this.
pub async fn ended_pod(scene: &Scene, job_name: &str, pod: &str, terminated: Value) {
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    let status = json!({"containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": false,
        "restartCount": 0, "state": {"terminated": terminated}}]});
    pod_of(scene, job_name, pod, spec, status).await;
}
