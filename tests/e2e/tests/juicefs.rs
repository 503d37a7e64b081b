//! A real JuiceFS on a real node: what only containers can show.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use wasser_e2e::Operator;
use wasser_e2e::environment::needs_a_real_node;
use wasser_e2e::manifests::{dataset, runtime, secret, with, with_store};
use wasser_e2e::tools::kubectl;

/// How soon after Bound the contents must be known.
const CONTENTS: Duration = Duration::from_secs(15);
/// How soon after a worker's pod is ready its Dataset must be Bound: long before anybody would look
/// without a reason.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Starts a Dataset on a file system of its own, in the database with this number, and waits until
/// it is Bound.
async fn bound(name: &str, database: u8, spec: &[(&str, serde_json::Value)]) -> Operator {
    bound_to(name, database, dataset("demo"), spec).await
}

async fn bound_to(
    name: &str,
    database: u8,
    dataset: serde_json::Value,
    spec: &[(&str, serde_json::Value)],
) -> Operator {
    needs_a_real_node();
    let operator = Operator::start_with(name, &["--sync-period", "2s"]).await;
    operator.serve_juicefs().await;
    operator.apply(&secret(database)).await;
    operator.apply(&dataset).await;
    operator.apply(&runtime_of(&operator, spec)).await;
    operator.bound("demo").await;
    operator
}

/// A runtime whose file system has a directory of the node for itself.
fn runtime_of(operator: &Operator, spec: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let alone = with_store(runtime("demo"), &format!("/var/lib/wasser-e2e/{}", operator.namespace));
    spec.iter()
        .fold(alone, |runtime, (path, value)| with(runtime, path, value.clone()))
}

async fn end(operator: Operator) {
    operator.delete_dataset("demo").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

/// What a program in a worker prints.
async fn in_worker(operator: &Operator, number: u32, command: &str) -> String {
    let pod = format!("demo-worker-{number}");
    kubectl(&[
        "exec",
        "-n",
        &operator.namespace,
        &pod,
        "-c",
        "juicefs-worker",
        "--",
        "sh",
        "-c",
        command,
    ])
    .await
}

/// Where the worker has mounted the file system.
async fn mount_point(operator: &Operator) -> String {
    let mounts = in_worker(operator, 0, "cat /proc/mounts").await;
    let line = mounts
        .lines()
        .find(|line| line.contains(" fuse.juicefs "))
        .unwrap_or_else(|| panic!("nothing is mounted: {mounts}"));
    line.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_is_bound_to_a_file_system_that_is_really_mounted() {
    let operator = bound("bound", 1, &[]).await;
    let since = Instant::now();
    let known = |dataset: &DynamicObject| {
        let status = &dataset.data["status"];
        status["fileNum"].as_str()?.parse::<u64>().ok()?;
        (status["ufsTotal"].as_str()?.ends_with('B')).then_some(since.elapsed())
    };
    let took = operator
        .object(
            "data.fluid.io/v1alpha1",
            "Dataset",
            "demo",
            "its contents are known",
            known,
        )
        .await;
    assert!(took < CONTENTS, "known {took:?} after Bound");

    let claim = |claim: &DynamicObject| (claim.data["status"]["phase"] == "Bound").then_some(());
    operator
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", claim)
        .await;
    // What is written into the file system counts.
    let mount = mount_point(&operator).await;
    in_worker(
        &operator,
        0,
        &format!("head -c 1048576 /dev/urandom > {mount}/data && cat {mount}/data > /dev/null"),
    )
    .await;
    let states = |dataset: &DynamicObject| {
        let states = &dataset.data["status"]["cacheStates"];
        let all = [
            "cacheCapacity",
            "cached",
            "cachedPercentage",
            "cacheHitRatio",
            "cacheThroughputRatio",
        ];
        all.iter()
            .all(|key| states[key].is_string())
            .then(|| states["cacheCapacity"].clone())
    };
    let capacity = operator
        .object("data.fluid.io/v1alpha1", "Dataset", "demo", "the cache states", states)
        .await;
    assert_eq!(capacity, "1.00GiB");
    let labels = operator.node_labels().await;
    let namespace = &operator.namespace;
    let label = |key: String| labels.get(&key).map(String::as_str);
    assert_eq!(
        label(format!("fluid.io/s-{namespace}-demo")),
        Some("true"),
        "{labels:?}"
    );
    assert_eq!(
        label(format!("fluid.io/s-juicefs-{namespace}-demo")),
        Some("true"),
        "{labels:?}"
    );
    assert!(
        label(format!("fluid.io/s-h-juicefs-t-{namespace}-demo")).is_some(),
        "{labels:?}"
    );
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn bound_follows_at_once_when_the_worker_is_ready() {
    needs_a_real_node();
    let operator = Operator::start_with("at-once", &["--sync-period", "1h"]).await;
    operator.serve_juicefs().await;
    operator.apply(&secret(2)).await;
    operator.apply(&dataset("demo")).await;
    operator.apply(&runtime_of(&operator, &[])).await;
    let (pods, datasets) = (
        Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace),
        operator.datasets(),
    );
    let ready = || async {
        let pod = pods.get_opt("demo-worker-0").await.unwrap()?;
        let conditions = pod.status?.conditions?;
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
            .then_some(())
    };
    operator.eventually("the worker's pod is ready", ready).await;
    let since = Instant::now();
    let is_bound = || async { (datasets.get("demo").await.unwrap().data["status"]["phase"] == "Bound").then_some(()) };
    operator.eventually("Bound", is_bound).await;
    let took = since.elapsed();
    assert!(took < AT_ONCE, "Bound {took:?} after the worker's pod was ready");
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn workers_come_and_go_with_the_replicas() {
    // There is one node: workers of an exclusive dataset keep off each other's, and on the host's
    // network two want the same port.
    let shared = with(dataset("demo"), "/spec/placement", json!("Shared"));
    let own_network = json!("ContainerNetwork");
    let operator = bound_to("workers", 3, shared, &[("/spec/worker/networkMode", own_network)]).await;
    for replicas in [2_u32, 1] {
        operator.scale("demo", replicas).await;
        let scaled = |runtime: &DynamicObject| {
            let status = &runtime.data["status"];
            (status["workerNumberReady"] == replicas && status["currentWorkerNumberScheduled"] == replicas)
                .then_some(())
        };
        operator
            .object(
                "data.fluid.io/v1alpha1",
                "JuiceFSRuntime",
                "demo",
                &format!("{replicas} workers"),
                scaled,
            )
            .await;
        let capacity = |dataset: &DynamicObject| {
            (dataset.data["status"]["cacheStates"]["cacheCapacity"] == format!("{replicas}.00GiB")).then_some(())
        };
        operator
            .object(
                "data.fluid.io/v1alpha1",
                "Dataset",
                "demo",
                &format!("the capacity of {replicas} workers"),
                capacity,
            )
            .await;
    }
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn changes_of_the_spec_reach_the_workers() {
    let operator = bound("changes", 4, &[]).await;
    let changed = with(runtime("demo"), "/spec/worker/options", json!({"max-uploads": "7"}));
    let changed = with(
        changed,
        "/spec/worker/resources",
        json!({"requests": {"memory": "64Mi"}}),
    );
    operator.apply(&changed).await;
    let script = |map: &DynamicObject| {
        map.data["data"]["script.sh"]
            .as_str()
            .filter(|script| script.contains("max-uploads=7"))
            .map(drop)
    };
    operator
        .object(
            "v1",
            "ConfigMap",
            "demo-worker-script",
            "the script has the option",
            script,
        )
        .await;
    let resources = |set: &DynamicObject| {
        (set.data["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"] == "64Mi")
            .then_some(())
    };
    operator
        .object(
            "apps/v1",
            "StatefulSet",
            "demo-worker",
            "the template has the resources",
            resources,
        )
        .await;
    // Workers take them up when they start again; until then they serve on as they are.
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    let old = pods.get("demo-worker-0").await.unwrap();
    pods.delete("demo-worker-0", &DeleteParams::default()).await.unwrap();
    restarted(&operator, &old).await;
    let mounts = in_worker(&operator, 0, "cat /root/script/script.sh").await;
    assert!(mounts.contains("max-uploads=7"), "{mounts}");
    operator.bound("demo").await;
    end(operator).await;
}

/// Waits until a worker's pod has been replaced by one that is ready.
async fn restarted(operator: &Operator, old: &Pod) {
    let name = old.name_any();
    let again = |pod: &DynamicObject| {
        let ready = pod.data["status"]["conditions"]
            .as_array()?
            .iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        (ready && pod.uid() != old.uid()).then_some(())
    };
    operator.object("v1", "Pod", &name, "it has started again", again).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_recovers_when_its_worker_is_gone() {
    let operator = bound("recovers", 5, &[]).await;
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    let old = pods.get("demo-worker-0").await.unwrap();
    pods.delete("demo-worker-0", &DeleteParams::default()).await.unwrap();
    restarted(&operator, &old).await;
    let ready = |runtime: &DynamicObject| (runtime.data["status"]["workerPhase"] == "Ready").then_some(());
    operator
        .object(
            "data.fluid.io/v1alpha1",
            "JuiceFSRuntime",
            "demo",
            "its workers are ready",
            ready,
        )
        .await;
    operator.bound("demo").await;
    mount_point(&operator).await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_cache_is_cleaned_when_the_dataset_is_deleted() {
    let level = json!([{"mediumtype": "SSD", "path": "/var/lib/e2e-cache/jfs", "quota": "1Gi", "low": "0.1"}]);
    let operator = bound("cleaned", 6, &[("/spec/tieredstore/levels", level)]).await;
    let mount = mount_point(&operator).await;
    in_worker(
        &operator,
        0,
        &format!("head -c 4194304 /dev/urandom > {mount}/data && cat {mount}/data > /dev/null"),
    )
    .await;
    let blocks = "find /var/lib/e2e-cache/jfs -path '*raw/chunks*' -type f | wc -l";
    operator
        .eventually("something is cached", || async {
            (in_worker(&operator, 0, blocks).await.trim() != "0").then_some(())
        })
        .await;

    // A pod of the test's own looks at the node's directory afterwards.
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "looker"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "looker", "image": "docker.io/library/busybox:stable", "command": ["sleep", "3600"],
                "volumeMounts": [{"name": "cache", "mountPath": "/look"}]}],
            "volumes": [{"name": "cache", "hostPath": {"path": "/var/lib/e2e-cache"}}]
        }
    });
    operator.apply(&pod).await;
    let running = |pod: &DynamicObject| (pod.data["status"]["phase"] == "Running").then_some(());
    operator.object("v1", "Pod", "looker", "it runs", running).await;
    operator.delete_dataset("demo").await;
    let left = kubectl(&[
        "exec",
        "-n",
        &operator.namespace,
        "looker",
        "--",
        "sh",
        "-c",
        "find /look -path '*raw/chunks*' -type f | wc -l",
    ])
    .await;
    assert_eq!(left.trim(), "0");
    operator.delete("v1", "Pod", "looker").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_without_workers_is_bound_and_waits_for_clients() {
    needs_a_real_node();
    let operator = Operator::start_serving("no-workers").await;
    operator.apply(&secret(7)).await;
    operator.apply(&dataset("demo")).await;
    operator.apply(&with(runtime("demo"), "/spec/replicas", json!(0))).await;
    operator.bound("demo").await;
    let patch = Patch::Merge(json!({"spec": {"replicas": 1}}));
    operator
        .runtimes()
        .patch("demo", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let ready = |runtime: &DynamicObject| (runtime.data["status"]["workerNumberReady"] == 1).then_some(());
    operator
        .object("data.fluid.io/v1alpha1", "JuiceFSRuntime", "demo", "a worker", ready)
        .await;
    end(operator).await;
}

/// A metadata engine without a file system is not given one that nobody asked for: its blocks would
/// be in a container.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_file_system_that_is_not_there_is_not_made_unless_that_is_said() {
    needs_a_real_node();
    let operator = Operator::start_with("unasked", &["--sync-period", "2s"]).await;
    operator.serve_juicefs().await;
    operator.apply(&secret(21)).await;
    let asked = dataset("demo");
    operator
        .apply(&with(asked.clone(), "/spec/mounts/0/options", json!({})))
        .await;
    operator.apply(&runtime_of(&operator, &[])).await;
    let message = operator
        .condition_saying("demo", "NotReady", &["database is not formatted"])
        .await
        .0;
    assert!(message.contains("worker pod demo-worker-0"), "{message}");
    let unbound = operator.datasets().get("demo").await.unwrap();
    assert_eq!(unbound.data["status"]["phase"], "NotBound");
    // Said, it is made.
    operator.apply(&asked).await;
    let said = |script: &DynamicObject| {
        script.data["data"]["script.sh"]
            .as_str()?
            .contains(" format ")
            .then_some(())
    };
    operator
        .object("v1", "ConfigMap", "demo-worker-script", "it makes one", said)
        .await;
    operator.delete("v1", "Pod", "demo-worker-0").await;
    operator.bound("demo").await;
    end(operator).await;
}

/// Nothing answers at this address: the Dataset is not bound, and says what is wrong.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_wrong_address_is_seen_before_pods_hang_on_it() {
    needs_a_real_node();
    let operator = Operator::start_with("nobody", &["--sync-period", "2s"]).await;
    operator.serve_juicefs().await;
    operator
        .apply(&with(
            secret(22),
            "/stringData/metaurl",
            json!("redis://:secret@127.0.0.1:1/1"),
        ))
        .await;
    operator.apply(&dataset("demo")).await;
    operator.apply(&runtime_of(&operator, &[])).await;
    let message = operator
        .condition_saying("demo", "NotReady", &["the file system is not mounted"])
        .await
        .0;
    assert!(
        message.contains("worker pod demo-worker-0") && !message.contains("secret@"),
        "{message}"
    );
    let unbound = operator.datasets().get("demo").await.unwrap();
    assert_eq!(unbound.data["status"]["phase"], "NotBound");
    // The pod takes the corrected Secret when it starts again.
    operator.apply(&secret(22)).await;
    operator.delete("v1", "Pod", "demo-worker-0").await;
    operator.bound("demo").await;
    end(operator).await;
}
