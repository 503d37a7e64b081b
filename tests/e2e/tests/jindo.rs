//! JindoRuntimes on fake nodes, where a program of the tests' own answers for the masters: Jindo
//! itself is closed source.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::manifests::{file, with};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "JindoRuntime";
/// What a test has in its namespace besides what Wasser makes.
const OWN: [&str; 2] = ["oss-keys", "jindo"];

async fn serving(name: &str) -> Operator {
    let operator = Operator::start_with(name, &["--sync-period", "2s"]).await;
    operator.serve("jindo").await;
    operator
}

/// Deletes the Dataset and checks that nothing is left.
async fn end(operator: Operator) {
    operator.delete_dataset("images").await;
    operator.empty(&OWN).await;
    operator.clean_nodes().await;
    operator.end().await;
}

/// The names of a kind's objects in the test's namespace.
async fn names(operator: &Operator, kind: &str) -> Vec<String> {
    let api: Api<DynamicObject> = operator.api("apps/v1", kind);
    api.list(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(ResourceExt::name_any)
        .collect()
}

/// The manifest, its runtime changed.
async fn apply_with(operator: &Operator, changes: &[(&str, Value)]) {
    for mut object in file("jindo.yaml") {
        if object["kind"] == KIND {
            for (pointer, value) in changes {
                object = with(object, pointer, value.clone());
            }
        }
        operator.apply(&object).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_manifest_is_bound_scaled_and_deleted_without_a_trace() {
    let operator = serving("jindo").await;
    operator.apply_file("jindo.yaml").await;
    let dataset = operator.bound("images").await;
    assert_eq!(dataset.data["status"]["runtimes"][0]["type"], "jindo");
    assert_eq!(dataset.data["status"]["runtimes"][0]["masterReplicas"], 1);
    let ready = json!({
        "masterPhase": "Ready", "workerPhase": "Ready", "fusePhase": "Ready", "masterNumberReady": 1,
            "workerNumberReady": 1,
        "valueFile": "images-jindocache-values",
    });
    operator.status(KIND, "images", &ready).await;
    let states = |dataset: &DynamicObject| {
        let states = &dataset.data["status"]["cacheStates"];
        (states["cacheCapacity"] == "2.00GiB" && states["cached"] == "512.00MiB").then_some(())
    };
    operator
        .object(API, "Dataset", "images", "what the master reports", states)
        .await;

    let namespace = operator.namespace.clone();
    let volumes = Api::<k8s_openapi::api::core::v1::PersistentVolume>::all(operator.client.clone());
    let volume = volumes.get(&format!("{namespace}-images")).await.unwrap();
    let attributes = volume.spec.unwrap().csi.unwrap().volume_attributes.unwrap();
    assert_eq!(attributes["mount_type"], "jindo");
    assert_eq!(
        attributes["fluid_path"],
        format!("/runtime-mnt/jindo/{namespace}/images/jindofs-fuse")
    );
    let label = format!("fluid.io/s-jindocache-{namespace}-images");
    let labelled = || async { (operator.node_labels().await.get(&label)? == "true").then_some(()) };
    operator.eventually("the worker's node has its label", labelled).await;

    for replicas in [2, 1] {
        operator.scale_kind(KIND, "images", replicas).await;
        let scaled = json!({"workerNumberReady": replicas, "currentWorkerNumberScheduled": replicas});
        operator.status(KIND, "images", &scaled).await;
    }
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_without_replicas_has_no_workers_until_it_is_scaled() {
    let operator = serving("jindo-none").await;
    for mut object in file("jindo.yaml") {
        if object["kind"] == KIND {
            object["spec"].as_object_mut().unwrap().remove("replicas");
        }
        operator.apply(&object).await;
    }
    operator.bound("images").await;
    let none = json!({"masterPhase": "Ready", "workerPhase": "Ready", "desiredWorkerNumberScheduled": 0,
        "currentWorkerNumberScheduled": 0});
    operator.status(KIND, "images", &none).await;
    operator.scale_kind(KIND, "images", 1).await;
    operator.status(KIND, "images", &json!({"workerNumberReady": 1})).await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn sources_with_spaces_are_mounted_and_keys_that_cannot_be_are_refused_before_anything_is_made() {
    let operator = serving("jindo-sources").await;
    let mounts = |object: Value, change: &dyn Fn(&mut Value)| {
        let mut object = object;
        if object["kind"] == "Dataset" {
            change(&mut object["spec"]["mounts"]);
        }
        object
    };
    // Two directories of one bucket, with keys of two Secrets.
    let twice = |mounts: &mut Value| {
        let mut second = mounts[0].clone();
        second["name"] = "second".into();
        second["path"] = "/second".into();
        for option in second["encryptOptions"].as_array_mut().unwrap() {
            option["valueFrom"]["secretKeyRef"]["name"] = "more-keys".into();
        }
        *mounts = json!([mounts[0], second]);
    };
    for object in file("jindo.yaml") {
        if object["kind"] == "Secret" {
            operator
                .apply(&with(object.clone(), "/metadata/name", json!("more-keys")))
                .await;
        }
        operator.apply(&mounts(object, &twice)).await;
    }
    let both = [
        "Dataset.spec.mounts[1].encryptOptions: ",
        "the Secret more-keys, ",
        "the Secret oss-keys; ",
    ];
    operator.condition_saying("images", "NotReady", &both).await;
    assert!(names(&operator, "StatefulSet").await.is_empty() && names(&operator, "DaemonSet").await.is_empty());

    let spaced = |mounts: &mut Value| {
        mounts[0]["mountPoint"] = json!("oss://bucket/20221012 22:36:02/file");
        *mounts = json!([mounts[0]]);
    };
    let dataset = file("jindo.yaml")
        .into_iter()
        .find(|object| object["kind"] == "Dataset")
        .unwrap();
    operator.apply(&mounts(dataset, &spaced)).await;
    operator.bound("images").await;
    operator.delete("v1", "Secret", "more-keys").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn clients_need_neither_masters_nor_workers() {
    let operator = serving("jindo-clients").await;
    let off = json!({"disabled": true});
    apply_with(&operator, &[("/spec/master", off.clone()), ("/spec/worker", off)]).await;
    operator.bound("images").await;
    let clients = json!({
        "masterPhase": "", "workerPhase": "", "fusePhase": "Ready", "desiredMasterNumberScheduled": 0,
            "desiredWorkerNumberScheduled": 0,
        "selector": null, "valueFile": "images-jindocache-values",
    });
    operator.status(KIND, "images", &clients).await;
    assert!(names(&operator, "StatefulSet").await.is_empty());
    assert_eq!(names(&operator, "DaemonSet").await, ["images-jindofs-fuse"]);
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn workers_go_and_come_back_on_a_live_dataset() {
    let operator = serving("jindo-workers").await;
    operator.apply_file("jindo.yaml").await;
    operator.bound("images").await;
    operator
        .patch(KIND, "images", &json!({"spec": {"worker": {"disabled": true}}}))
        .await;
    let without = json!({"masterPhase": "Ready", "workerPhase": "", "currentWorkerNumberScheduled": 0,
        "workerNumberAvailable": null});
    operator.status(KIND, "images", &without).await;
    operator.gone("apps/v1", "StatefulSet", "images-jindofs-worker").await;
    // What marks a node with a cache stays until the cache is emptied.
    let unused = || async {
        operator
            .node_labels()
            .await
            .keys()
            .all(|key| !key.starts_with("fluid.io/"))
            .then_some(())
    };
    operator.eventually("no node counts as one with workers", unused).await;
    operator.bound("images").await;
    operator
        .patch(KIND, "images", &json!({"spec": {"worker": {"disabled": false}}}))
        .await;
    operator
        .status(KIND, "images", &json!({"workerPhase": "Ready", "workerNumberReady": 1}))
        .await;
    operator.bound("images").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_mount_that_is_refused_is_told_until_it_is_corrected() {
    let operator = serving("jindo-refused").await;
    let mut bad = file("jindo.yaml");
    bad[1] = with(
        bad[1].clone(),
        "/spec/mounts/0/mountPoint",
        json!("oss://refused/images"),
    );
    for object in &bad {
        operator.apply(object).await;
    }
    operator
        .condition_saying("images", "NotReady", &["oss://refused/images", "jindocache -mount"])
        .await;
    operator.apply_file("jindo.yaml").await;
    operator.bound("images").await;
    end(operator).await;
}
