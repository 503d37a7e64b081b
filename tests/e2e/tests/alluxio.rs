//! AlluxioRuntimes on fake nodes, where a program of the tests' own answers for the masters with
//! what real ones have reported.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use wasser_e2e::manifests::{file, with};
use wasser_e2e::plugins::mount_by_commands;
use wasser_e2e::{Operator, User, objects};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "AlluxioRuntime";

async fn serving(name: &str) -> Operator {
    let operator = Operator::start_with(name, &["--sync-period", "2s"]).await;
    operator.serve_with("alluxio", mount_by_commands).await;
    operator
}

/// Deletes the Dataset and checks that nothing is left.
async fn end(operator: Operator) {
    operator.delete_dataset("mirrors").await;
    operator.empty(&["alluxio"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

/// The Dataset of the manifest, with these mounts.
fn dataset(mounts: Value) -> Value {
    with(file("alluxio.yaml").swap_remove(0), "/spec/mounts", mounts)
}

/// A mount of that name.
fn mirror(name: &str) -> Value {
    json!({"mountPoint": format!("https://mirror.example.com/apache/{name}/"), "name": name})
}

/// Waits until the Dataset is Bound and its status shows mounts of these names.
async fn has_mounts(user: &User, expected: &[&str]) {
    let shown = |dataset: &DynamicObject| objects::has_mounts(&dataset.data["status"], expected).then_some(());
    let what = format!("it is Bound, and its status has the mounts {expected:?}");
    user.object(API, "Dataset", "mirrors", &what, shown).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_manifest_is_bound_scaled_and_deleted_without_a_trace() {
    let operator = serving("alluxio").await;
    operator.apply_file("alluxio.yaml").await;
    let bound = operator.bound("mirrors").await;
    let namespace = operator.namespace.clone();
    assert_eq!(bound.data["status"]["runtimes"][0]["type"], "alluxio");
    let endpoint = bound.data["status"]["hcfs"]["endpoint"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        endpoint.starts_with(&format!("alluxio://mirrors-master-0.{namespace}:")),
        "{endpoint}"
    );
    let ready = json!({
        "masterPhase": "Ready", "workerPhase": "Ready", "fusePhase": "Ready", "masterNumberReady": 1,
            "workerNumberReady": 1,
        "valueFile": "mirrors-alluxio-values",
    });
    operator.status(KIND, "mirrors", &ready).await;
    let known = |dataset: &DynamicObject| {
        let status = &dataset.data["status"];
        let states = &status["cacheStates"];
        (states["cacheCapacity"] == "200.00MiB" && states["cached"] == "878.91KiB" && status["fileNum"] == "6")
            .then_some(())
    };
    operator
        .object(API, "Dataset", "mirrors", "what the master reports", known)
        .await;
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let volume = volumes.get(&format!("{namespace}-mirrors")).await.unwrap();
    let attributes = volume.spec.unwrap().csi.unwrap().volume_attributes.unwrap();
    assert_eq!(attributes["mount_type"], "fuse.alluxio-fuse");
    for replicas in [2, 1] {
        operator.scale_kind(KIND, "mirrors", replicas).await;
        let scaled = json!({"workerNumberReady": replicas, "currentWorkerNumberScheduled": replicas});
        operator.status(KIND, "mirrors", &scaled).await;
    }
    end(operator).await;
}

/// What Fluid makes of a runtime that does not say how many workers it wants: none, as for clients
/// that read past the cache.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_without_replicas_has_no_workers_until_it_is_scaled() {
    let operator = serving("alluxio-none").await;
    let [dataset, mut runtime]: [Value; 2] = file("alluxio.yaml").try_into().unwrap();
    runtime["spec"].as_object_mut().unwrap().remove("replicas");
    operator.apply(&dataset).await;
    operator.apply(&runtime).await;
    operator.bound("mirrors").await;
    let none = json!({"masterPhase": "Ready", "workerPhase": "Ready", "desiredWorkerNumberScheduled": 0,
        "currentWorkerNumberScheduled": 0});
    operator.status(KIND, "mirrors", &none).await;
    let set = operator
        .api("apps/v1", "StatefulSet")
        .get("mirrors-worker")
        .await
        .unwrap();
    assert_eq!(set.data["spec"]["replicas"], 0);
    assert!(
        !operator
            .node_labels()
            .await
            .keys()
            .any(|key| key.starts_with("fluid.io/s-"))
    );
    // Its master knows what there is all the same.
    let sized = |dataset: &DynamicObject| (dataset.data["status"]["fileNum"] == "6").then_some(());
    operator
        .object(API, "Dataset", "mirrors", "what the master counts", sized)
        .await;
    operator.scale_kind(KIND, "mirrors", 1).await;
    operator.status(KIND, "mirrors", &json!({"workerNumberReady": 1})).await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_mount_without_a_name_is_the_root() {
    let operator = serving("alluxio-root").await;
    let mount = json!({"mountPoint": "https://mirror.example.com/apache/hbase/"});
    operator.apply(&dataset(json!([mount]))).await;
    operator.apply(&file("alluxio.yaml")[1]).await;
    let bound = operator.bound("mirrors").await;
    assert_eq!(bound.data["status"]["mounts"], json!([mount]));
    let config = operator.api("v1", "ConfigMap").get("mirrors-config").await.unwrap();
    let options = config.data["data"]["ALLUXIO_JAVA_OPTS"].as_str().unwrap();
    let root = "-Dalluxio.master.mount.table.root.ufs=https://mirror.example.com/apache/hbase/";
    assert!(options.split(' ').any(|option| option == root), "{options}");
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn mounts_come_and_go_on_a_live_dataset() {
    let operator = serving("alluxio-mounts").await;
    operator.apply_file("alluxio.yaml").await;
    operator.bound("mirrors").await;
    let (spark, flink) = (mirror("spark"), mirror("flink"));
    operator.apply(&dataset(json!([spark, flink]))).await;
    has_mounts(&operator, &["spark", "flink"]).await;

    let refused = json!({"mountPoint": "https://refused.example.com/", "name": "bad"});
    let uid = operator
        .api(API, KIND)
        .get("mirrors")
        .await
        .unwrap()
        .metadata
        .uid
        .unwrap();
    operator.apply(&dataset(json!([spark, flink, refused]))).await;
    operator
        .event_saying("ErrorProcessRuntime", &uid, "mounting /bad: ")
        .await;
    operator.apply(&dataset(json!([spark, flink]))).await;
    operator.bound("mirrors").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_mount_that_is_refused_is_told_until_it_is_corrected() {
    let operator = serving("alluxio-refused").await;
    let all = file("alluxio.yaml");
    operator
        .apply(&dataset(
            json!([{"mountPoint": "https://refused.example.com/", "name": "bad"}]),
        ))
        .await;
    operator.apply(&all[1]).await;
    let says = ["mounting /bad: ", "https://refused.example.com/"];
    operator.condition_saying("mirrors", "NotReady", &says).await;
    operator.apply(&all[0]).await;
    operator.bound("mirrors").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn workers_are_lost_while_mounts_change() {
    let operator = serving("alluxio-lost").await;
    operator.apply_file("alluxio.yaml").await;
    operator.bound("mirrors").await;
    let ready = json!({"workerNumberReady": 1, "workerPhase": "Ready"});
    // Their pod goes, and the next time everything that makes it.
    for (api, kind, name, mounts) in [
        ("v1", "Pod", "mirrors-worker-0", ["spark", "flink"]),
        ("apps/v1", "StatefulSet", "mirrors-worker", ["hbase", "flink"]),
    ] {
        operator.apply(&dataset(json!(mounts.map(mirror)))).await;
        operator.delete(api, kind, name).await;
        has_mounts(&operator, &mounts).await;
        operator.status(KIND, "mirrors", &ready).await;
        operator.bound("mirrors").await;
    }
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn sizes_that_cannot_be_read_are_told_and_keep_nothing_from_being_done() {
    let operator = serving("alluxio-blind").await;
    let blind = operator.namespace_named("blind-masters").await;
    blind.apply_file("alluxio.yaml").await;
    blind.bound("mirrors").await;
    let shows_none = |dataset: &DynamicObject| dataset.data["status"]["ufsTotal"].is_null().then_some(());
    blind
        .object(API, "Dataset", "mirrors", "it shows no sizes", shows_none)
        .await;
    let uid = blind.api(API, KIND).get("mirrors").await.unwrap().metadata.uid.unwrap();
    let said = "sync-metadata failed: `alluxio fs loadMetadata -R /` in pod mirrors-master-0";
    blind.event_saying("ErrorProcessRuntime", &uid, said).await;
    blind.apply(&dataset(json!([mirror("flink")]))).await;
    has_mounts(&blind, &["flink"]).await;
    blind.scale_kind(KIND, "mirrors", 2).await;
    blind.status(KIND, "mirrors", &json!({"workerNumberReady": 2})).await;
    blind.delete_dataset("mirrors").await;
    blind.empty(&[]).await;
    blind.leave().await;
    operator.end().await;
}
