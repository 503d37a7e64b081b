//! A Dataset that refers to another one, as Fluid has left it: with a copy of the clients' DaemonSet,
//! and a volume that shares its handle with the other's.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::{Cluster, Driver, JUICEFS, Left, objects};
use crate::in_process::machine::scenario::registered;
use crate::in_process::scene::QUIET;

/// Leaves the Dataset `view`, which refers to `photos`.
fn leave(server: &ApiServer) {
    let custom = |kind: &str, spec: Value, finalizer: &str, owners: Value| {
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "spec": spec, "metadata": {"name": "view",
            "namespace": "default", "finalizers": [finalizer], "ownerReferences": owners,
            "labels": {"fluid.io/dataset-id": "default-view"}}})
    };
    let mounts = json!([{"mountPoint": "dataset://default/photos", "name": "view", "path": "/"}]);
    let dataset = custom(
        "Dataset",
        json!({"mounts": mounts}),
        "fluid-dataset-controller-finalizer",
        json!([]),
    );
    let dataset = server.create(&dataset);
    let owner = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "name": "view", "controller": true,
        "uid": dataset["metadata"]["uid"]});
    let spec = json!({"fuse": {"podMetadata": {}, "resources": {}}, "tieredstore": {}, "worker": {"resources": {}}});
    let finalizer = "thin-runtime-controller-finalizer";
    let runtime = server.create(&custom("ThinRuntime", spec, finalizer, json!([owner])));
    let owner = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntime", "name": "view",
        "uid": runtime["metadata"]["uid"], "controller": true});
    let labels = json!({"fluid.io/dataset-id": "default-view"});
    let selector = json!({"matchLabels": {"app": "view-copy"}});
    let pod = json!({"metadata": {"labels": {"app": "view-copy"}}, "spec": {
        "nodeSelector": {"fluid.io/none": "true"}, "containers": [{"name": "fuse", "image": "juicedata/mount"}]}});
    server.create(
        &json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"selector": selector, "template": pod},
        "metadata": {"name": "view-fuse", "namespace": "default", "labels": labels, "ownerReferences": [owner]}}),
    );
    let annotations = json!({"CreatedBy": "fluid"});
    let labels = json!({"fluid.io/dataset-id": "default-view", "fluid.io/s-default-view": "true"});
    let attributes = json!({"fluid_path": "/runtime-mnt/juicefs/default/photos/juicefs-fuse", "mount_type": "JuiceFS",
        "runtime_name": "photos", "runtime_namespace": "default",
        "mount_pod_node_selector_key": "fluid.io/f-default-photos"});
    server.create(&json!({"apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": "default-view", "labels": labels, "annotations": annotations},
        "spec": {"accessModes": ["ReadOnlyMany"], "capacity": {"storage": "100Pi"}, "storageClassName": "fluid",
            "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"apiVersion": "v1",
                "kind": "PersistentVolumeClaim", "namespace": "default", "name": "view"},
            "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": "default-photos", "volumeAttributes": attributes}}}));
    server.create(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "view", "namespace": "default", "labels": labels, "annotations": annotations},
        "spec": {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "100Pi"}},
            "storageClassName": "fluid", "volumeName": "default-view"}}));
    let shown = server.object("Dataset", "default", "photos").unwrap()["status"].clone();
    server.edit_status("Dataset", "default", "view", |status| {
        *status = shown.clone();
        status["runtimes"] =
            json!([{"category": "Accelerate", "name": "view", "namespace": "default", "type": "thin"}]);
    });
    server.edit_status("Dataset", "default", "photos", |status| {
        status["datasetRef"] = json!(["default/view"])
    });
    let shown = server.object("JuiceFSRuntime", "default", "photos").unwrap()["status"].clone();
    server.edit_status("ThinRuntime", "default", "view", |status| {
        *status = shown.clone();
        status["mounts"] = mounts;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_that_fluid_has_left_goes_on() {
    let mut cluster = Cluster::with(JUICEFS, Driver::ConfigMap, |left: Left| left).await;
    cluster.server().create(&registered("thin"));
    leave(cluster.server());
    cluster.server().settled(QUIET).await;
    cluster.before = objects(cluster.server(), "JuiceFSRuntime");
    let _operator = cluster.start().await;
    // Both plugins serve once they are compiled.
    let is_shown = |server: &ApiServer| {
        let runtime = server.object("ThinRuntime", "default", "view")?;
        (runtime["status"]["workerPhase"] == "Ready").then_some(())
    };
    cluster
        .server()
        .until("the reference to show the other's state", is_shown)
        .await;
    cluster.rest().await;
    // To what it refers is noted with its volume; its runtime shows the state of the other's.
    let differences = cluster.differences();
    let changed: Vec<&str> = differences.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        changed,
        ["~ PersistentVolume default-view", "~ ThinRuntime default/view"],
        "{differences}"
    );
    assert!(
        differences.contains("refers-to: \"<missing>\" → \"dataset://default/photos\""),
        "{differences}"
    );
    assert!(!differences.contains("    .spec"), "{differences}");
    assert_eq!(
        cluster.server().object("Dataset", "default", "view").unwrap()["status"]["phase"],
        "Bound"
    );
    // The one that is referred to stays until the other is gone, and nothing is left of both.
    cluster.server().delete("Dataset", "default", "photos");
    cluster.server().delete("Dataset", "default", "view");
    for name in ["view", "photos"] {
        let gone = |server: &ApiServer| server.object("Dataset", "default", name).is_none().then_some(());
        cluster.server().until("the deletions to end", gone).await;
    }
    cluster.rest().await;
    for kind in ["DaemonSet", "StatefulSet", "PersistentVolume", "PersistentVolumeClaim"] {
        let left = cluster.server().objects(kind, "");
        let of = |object: &&Value| object["metadata"]["labels"]["fluid.io/dataset-id"].is_string();
        assert_eq!(left.iter().filter(of).count(), 0, "{kind}");
    }
}
