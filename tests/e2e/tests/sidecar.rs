//! Pods that mount a dataset by a fuse client of their own, with Wasser and its webhook installed
//! by the chart on a real node.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use wasser_e2e::Installed;
use wasser_e2e::demo::{bound, end, pod};
use wasser_e2e::manifests::with;
use wasser_e2e::pods::{container, is_ready};
use wasser_e2e::tools::kubectl;

/// On pods that are to mount by themselves.
const INJECT: &str = "serverless.fluid.io/inject";

/// Waits until the API server lets the webhook change pods.
async fn webhook_works(installed: &Installed) {
    let probe = with(pod("probe", json!({})), "/metadata/labels", json!({INJECT: "true"}));
    installed.webhook_works(&probe).await;
}

/// The first pod of a Deployment or Job.
async fn pod_of(
    installed: &Installed,
    group: &str,
    what: &str,
    look: impl Fn(&DynamicObject) -> Option<()>,
) -> DynamicObject {
    let selected = ListParams::default().labels(&format!("group={group}"));
    let pods = installed.api("v1", "Pod");
    let found = || async {
        let list = pods.list(&selected).await.unwrap();
        list.items.into_iter().find(|pod| look(pod).is_some())
    };
    installed.eventually(what, found).await
}

/// What a Deployment or Job makes its pods of.
fn template(group: &str, spec: Value) -> Value {
    let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]);
    let spec = with(
        with(spec, "/volumes", volumes),
        "/terminationGracePeriodSeconds",
        json!(0),
    );
    json!({"metadata": {"labels": {"group": group, "app": "user", INJECT: "true"}}, "spec": spec})
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_deployment_reads_and_writes_through_a_client_of_its_own() {
    let installed = bound("sidecar", 16, |runtime| runtime).await;
    webhook_works(&installed).await;
    let spec = json!({"containers": [container("user", &["sleep", "1000000"], json!({}))]});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"group": "app"}}, "template": template("app", spec)}
    });
    installed.apply(&deployment).await;
    let app = pod_of(&installed, "app", "the pod is ready", is_ready).await.name_any();
    assert!(
        installed.fuse_pods().await.is_empty(),
        "the node plugin has nothing to do"
    );
    let mount = installed.inside(&app, "grep ' /data ' /proc/self/mountinfo").await;
    assert!(mount.contains("fuse.juicefs"), "{mount}");
    installed.inside(&app, "echo here > /data/file && sync").await;

    // A pod without the label reads it through the node plugin.
    installed.run(&pod("other", json!({}))).await;
    assert_eq!(installed.inside("other", "cat /data/file").await.trim(), "here");

    kubectl(&[
        "delete",
        "deployment",
        "app",
        "-n",
        &installed.namespace,
        "--wait",
        "--cascade=foreground",
    ])
    .await;
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_application_that_is_told_to_end_still_has_its_client() {
    let installed = bound("sidecar-end", 19, |runtime| runtime).await;
    webhook_works(&installed).await;
    // It needs longer than its client would, if both were told at the same time.
    let program = "trap 'sleep 5; echo last > /data/last && sync; exit' TERM; echo first > /data/first; \
        while :; do sleep 1; done";
    let mut app = pod("app", json!({}));
    app["metadata"]["labels"][INJECT] = json!("true");
    app["spec"]["containers"][0]["command"] = json!(["sh", "-c", program]);
    app["spec"]["terminationGracePeriodSeconds"] = json!(60);
    installed.run(&app).await;
    let mount = installed.inside("app", "grep ' /data ' /proc/self/mountinfo").await;
    assert!(mount.contains("fuse.juicefs"), "{mount}");
    installed.delete("v1", "Pod", "app").await;
    installed.gone("v1", "Pod", "app").await;

    installed.run(&pod("other", json!({}))).await;
    assert_eq!(
        installed.inside("other", "cat /data/first /data/last").await,
        "first\nlast\n"
    );
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_job_ends_with_its_client_and_its_init_container_sees_the_data() {
    let installed = bound("sidecar-job", 17, |runtime| runtime).await;
    webhook_works(&installed).await;
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [container("first", &["sh", "-c", "grep -q 'fuse.juicefs' /proc/self/mountinfo && echo \
            first > /data/order"], json!({}))],
        "containers": [container("user", &["sh", "-c", "echo second >> /data/order && sync"], json!({}))]
    });
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"},
        "spec": {"backoffLimit": 0, "template": template("job", spec)}
    });
    installed.apply(&job).await;
    let complete = |job: &DynamicObject| (job.data["status"]["succeeded"] == 1).then_some(());
    installed
        .object("batch/v1", "Job", "job", "it is complete", complete)
        .await;
    let ended = |pod: &DynamicObject| (pod.data["status"]["phase"] == "Succeeded").then_some(());
    pod_of(&installed, "job", "the pod has ended, and its client too", ended).await;

    installed.run(&pod("other", json!({}))).await;
    assert_eq!(installed.inside("other", "cat /data/order").await, "first\nsecond\n");
    kubectl(&[
        "delete",
        "job",
        "job",
        "-n",
        &installed.namespace,
        "--wait",
        "--cascade=foreground",
    ])
    .await;
    end(installed).await;
}
