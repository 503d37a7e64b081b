//! ThinRuntimes and their profiles on fake nodes: what Wasser makes of them. No client mounts
//! anything there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::manifests::{file, with};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "ThinRuntime";
const PROFILE: &str = "ThinRuntimeProfile";
/// What a test has in its namespace besides what Wasser makes.
const OWN: [&str; 2] = ["minio-keys", "thin"];

async fn serving(name: &str) -> Operator {
    let operator = Operator::start_with(name, &["--sync-period", "2s"]).await;
    operator.serve("thin").await;
    operator
}

/// Deletes the Dataset and checks that nothing is left.
async fn end(operator: Operator) {
    operator.delete_dataset("photos").await;
    operator.empty(&OWN).await;
    operator.clean_nodes().await;
    operator.end().await;
}

/// The manifest, each object changed.
async fn apply_with(operator: &Operator, change: impl Fn(&str, Value) -> Value) {
    for object in file("thin.yaml") {
        let kind = object["kind"].as_str().unwrap().to_owned();
        operator.apply(&change(&kind, object)).await;
    }
}

async fn patch_profile(operator: &Operator, patch: &Value) {
    let api = operator.api_of(API, PROFILE);
    api.patch("e2e-goofys", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

/// The config.json that the clients read.
fn config(map: &DynamicObject) -> Option<Value> {
    serde_json::from_str(map.data["data"]["config.json"].as_str()?).ok()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_manifest_is_bound_and_deleted_without_a_trace() {
    let operator = serving("thin").await;
    operator.apply_file("thin.yaml").await;
    let dataset = operator.bound("photos").await;
    assert_eq!(dataset.data["status"]["runtimes"][0]["type"], "thin");
    let clients =
        json!({"fusePhase": "Ready", "masterPhase": "", "workerPhase": "", "valueFile": "photos-thin-values"});
    operator.status(KIND, "photos", &clients).await;
    let namespace = operator.namespace.clone();
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let volume = volumes.get(&format!("{namespace}-photos")).await.unwrap();
    let attributes = volume.spec.unwrap().csi.unwrap().volume_attributes.unwrap();
    assert_eq!(attributes["mount_type"], "fuse.goofys");
    assert_eq!(attributes["node_publish_method"], "symlink");
    assert_eq!(attributes["fluid.io/skip-check-mount-ready-target"], "All");
    let keys = |map: &DynamicObject| {
        let options = &config(map)?["mounts"][0]["options"];
        (options["minio-access-key"] == "/etc/fluid/secrets/minio-keys/access-key").then_some(())
    };
    operator
        .object(
            "v1",
            "ConfigMap",
            "photos-fuse-conf",
            "it names the files of the keys",
            keys,
        )
        .await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_whose_profile_is_missing_waits_for_it() {
    let operator = serving("thin-missing").await;
    let profiles = operator.api_of(API, PROFILE);
    if profiles.get_opt("e2e-goofys").await.unwrap().is_some() {
        profiles.delete("e2e-goofys", &DeleteParams::default()).await.unwrap();
    }
    let all = file("thin.yaml");
    for object in all.iter().filter(|object| object["kind"] != PROFILE) {
        operator.apply(object).await;
    }
    let uid = operator.api(API, KIND).get("photos").await.unwrap().uid().unwrap();
    let says = "the ThinRuntimeProfile e2e-goofys does not exist; create it";
    operator.event_saying("ErrorValidateSpecFields", &uid, says).await;
    operator
        .condition_saying("photos", "NotReady", &["ThinRuntime.spec.profileName", says])
        .await;
    let reconciles = operator
        .at_rest("the number of reconciles", |metrics| metrics.reconciles(KIND))
        .await;
    assert!(reconciles < 12, "{reconciles} reconciles");
    operator.apply_file("thin.yaml").await;
    operator.bound("photos").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_follows_its_profile_and_outlives_it() {
    let operator = serving("thin-changed").await;
    operator.apply_file("thin.yaml").await;
    operator.bound("photos").await;
    patch_profile(&operator, &json!({"spec": {"fuse": {"imageTag": "v2"}}})).await;
    let image = |set: &DynamicObject| {
        let container = &set.data["spec"]["template"]["spec"]["containers"][0];
        (container["image"] == "registry.example.com/goofys:v2").then_some(())
    };
    operator
        .object("apps/v1", "DaemonSet", "photos-fuse", "the profile's image", image)
        .await;

    // Workers that the profile asks for come, as many as the runtime wants, are scaled, and go
    // again.
    operator.patch(KIND, "photos", &json!({"spec": {"replicas": 1}})).await;
    let workers =
        json!({"spec": {"worker": {"enabled": true, "image": "registry.example.com/cache", "imageTag": "v1"}}});
    patch_profile(&operator, &workers).await;
    operator
        .status(KIND, "photos", &json!({"workerPhase": "Ready", "workerNumberReady": 1}))
        .await;
    operator.patch(KIND, "photos", &json!({"spec": {"replicas": 2}})).await;
    operator.status(KIND, "photos", &json!({"workerNumberReady": 2})).await;
    patch_profile(&operator, &json!({"spec": {"worker": null}})).await;
    operator
        .status(
            KIND,
            "photos",
            &json!({"workerPhase": "", "currentWorkerNumberScheduled": 0}),
        )
        .await;
    operator.gone("apps/v1", "StatefulSet", "photos-worker").await;
    operator.bound("photos").await;

    // Without the profile, what is installed stays, and is repaired.
    let uid = operator.api(API, KIND).get("photos").await.unwrap().uid().unwrap();
    let profiles = operator.api_of(API, PROFILE);
    profiles.delete("e2e-goofys", &DeleteParams::default()).await.unwrap();
    operator.event_saying("ProfileMissing", &uid, "e2e-goofys").await;
    operator
        .delete_until_put_back("apps/v1", "DaemonSet", "photos-fuse")
        .await;
    operator.bound("photos").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn mounts_come_and_go_on_a_live_dataset() {
    let operator = serving("thin-mounts").await;
    operator.apply_file("thin.yaml").await;
    operator.bound("photos").await;
    let more = json!([{"mountPoint": "minio://photos", "name": "photos"}, {"mountPoint": "minio://films",
        "name": "films", "path": "/films"}]);
    apply_with(&operator, |kind, object| match kind {
        "Dataset" => with(object, "/spec/mounts", more.clone()),
        _ => object,
    })
    .await;
    let names = |wanted: &'static [&str]| {
        move |map: &DynamicObject| {
            let config = config(map)?;
            let names: Vec<&str> = config["mounts"]
                .as_array()?
                .iter()
                .filter_map(|mount| mount["name"].as_str())
                .collect();
            (names == wanted).then_some(())
        }
    };
    let of = ("v1", "ConfigMap", "photos-fuse-conf");
    operator
        .object(of.0, of.1, of.2, "both mounts", names(&["photos", "films"]))
        .await;
    operator.bound("photos").await;
    let mounts = |dataset: &DynamicObject| (dataset.data["status"]["mounts"].as_array()?.len() == 2).then_some(());
    operator
        .object(API, "Dataset", "photos", "its status has both mounts", mounts)
        .await;
    operator.apply_file("thin.yaml").await;
    operator.object(of.0, of.1, of.2, "one mount", names(&["photos"])).await;
    operator.bound("photos").await;
    end(operator).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_claim_that_is_not_bound_is_waited_for() {
    let operator = serving("thin-claim").await;
    let namespace = operator.namespace.clone();
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "slow"},
        "spec": {
            "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": format!("{namespace}-slow"),
            "resources": {"requests": {"storage": "1Gi"}}
        }
    });
    operator.apply(&claim).await;
    apply_with(&operator, |kind, object| match kind {
        "Dataset" => with(
            object,
            "/spec/mounts",
            json!([{"mountPoint": "pvc://slow", "name": "slow"}]),
        ),
        _ => object,
    })
    .await;
    // The watch of profiles may be late, which is said first.
    let unbound = format!("{namespace}/slow is not bound yet");
    let waits = |dataset: &DynamicObject| {
        let conditions = dataset.data["status"]["conditions"].as_array()?;
        let mut messages = conditions.iter().filter_map(|condition| condition["message"].as_str());
        messages
            .any(|shown| shown.contains("mounts[0].mountPoint") && shown.contains(&unbound))
            .then_some(())
    };
    operator
        .object(API, "Dataset", "photos", "it waits for the claim", waits)
        .await;
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("{namespace}-slow")},
        "spec": {
            "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"}, "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": namespace, "name": "slow"},
            "csi": {"driver": "nas.example.com", "volumeHandle": "slow", "volumeAttributes": {"server": "nas"}}
        }
    });
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let volume: PersistentVolume = serde_json::from_value(volume).unwrap();
    volumes.create(&Default::default(), &volume).await.unwrap();
    operator.bound("photos").await;
    let source = |map: &DynamicObject| {
        let source = &config(map)?["persistentVolumeAttrs"]["slow"];
        (source["driver"] == "nas.example.com" && source["volumeAttributes"]["server"] == "nas").then_some(())
    };
    operator
        .object(
            "v1",
            "ConfigMap",
            "photos-fuse-conf",
            "it has the claim's source",
            source,
        )
        .await;
    operator.delete_dataset("photos").await;
    operator.delete("v1", "PersistentVolumeClaim", "slow").await;
    volumes
        .delete(&format!("{namespace}-slow"), &DeleteParams::default())
        .await
        .unwrap();
    operator.empty(&OWN).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_may_hide_its_values_and_shows_its_mounts() {
    let operator = serving("thin-hidden").await;
    apply_with(&operator, |kind, object| match kind {
        KIND => with(
            object,
            "/metadata/annotations",
            json!({"runtime.fluid.io/disable-helm-value-config": "true"}),
        ),
        _ => object,
    })
    .await;
    operator.bound("photos").await;
    let mounts = json!([{"mountPoint": "minio://photos", "name": "photos"}]);
    operator
        .status(KIND, "photos", &json!({"valueFile": "N/A", "mounts": mounts}))
        .await;
    let values = operator
        .api("v1", "ConfigMap")
        .get_opt("photos-thin-values")
        .await
        .unwrap();
    assert!(values.is_none());
    end(operator).await;
}
