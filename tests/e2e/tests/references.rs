//! Datasets that refer to others: `dataset://`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use wasser_e2e::{Operator, User, manifests};

const DATASET: (&str, &str) = ("data.fluid.io/v1alpha1", "Dataset");
const THIN: (&str, &str) = ("data.fluid.io/v1alpha1", "ThinRuntime");

/// A Dataset that refers to another one.
fn reference(name: &str, to: &str) -> Value {
    json!({
        "apiVersion": DATASET.0, "kind": DATASET.1, "metadata": {"name": name},
        "spec": {"mounts": [{"mountPoint": format!("dataset://{to}")}], "accessModes": ["ReadOnlyMany"]}
    })
}

fn own(user: &User, name: &str) -> String {
    format!("{}/{name}", user.namespace)
}

fn references(dataset: &DynamicObject) -> Vec<String> {
    let all = dataset.data["status"]["datasetRef"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

async fn serving(name: &str) -> Operator {
    let operator = Operator::start_serving(name).await;
    operator.serve("thin").await;
    operator
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_reference_shows_the_other_dataset_and_guards_it() {
    let operator = serving("reference").await;
    let other = operator.second_namespace().await;
    operator.create("demo").await;
    let demo = operator.bound("demo").await;
    other
        .apply(&reference("view", &format!("{}/models/v1", own(&operator, "demo"))))
        .await;
    let view = other.bound("view").await;
    assert_eq!(view.data["status"]["mounts"], demo.data["status"]["mounts"]);
    assert_eq!(view.data["status"]["runtimes"][0]["type"], "thin");
    assert_eq!(
        view.data["status"]["runtimes"][0]["namespace"],
        other.namespace.as_str()
    );

    // Its volume leads to the other's file system, below the directory.
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let attributes = async |name: String| {
        volumes
            .get(&name)
            .await
            .unwrap()
            .spec
            .unwrap()
            .csi
            .unwrap()
            .volume_attributes
            .unwrap()
    };
    let (mut linked, original) = (
        attributes(format!("{}-view", other.namespace)).await,
        attributes(format!("{}-demo", operator.namespace)).await,
    );
    assert_eq!(linked.remove("fluid_sub_path").as_deref(), Some("models/v1"));
    assert_eq!(linked, original);
    let claim = |claim: &DynamicObject| (claim.data["status"]["phase"] == "Bound").then_some(());
    other
        .object("v1", "PersistentVolumeClaim", "view", "it is bound", claim)
        .await;
    // Nothing is installed for it.
    for (api_version, kind) in [("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("v1", "Secret")] {
        let found = other.api(api_version, kind).list(&Default::default()).await.unwrap();
        assert!(found.items.is_empty(), "{kind}");
    }
    let runtime = other.api(THIN.0, THIN.1).get("view").await.unwrap();
    assert_eq!(
        runtime.data["status"]["mounts"][0]["mountPoint"],
        format!("dataset://{}/models/v1", own(&operator, "demo"))
    );

    // The other one is not deleted before it.
    operator.delete(DATASET.0, DATASET.1, "demo").await;
    let uid = demo.metadata.uid.clone().unwrap();
    operator
        .event_saying("ErrorDeleteDataset", &uid, &own(&other, "view"))
        .await;
    other.delete(DATASET.0, DATASET.1, "view").await;
    other.gone(THIN.0, THIN.1, "view").await;
    other.gone("v1", "PersistentVolumeClaim", "view").await;
    operator.gone(DATASET.0, DATASET.1, "demo").await;
    operator.empty(&["jfs-secret", "juicefs", "thin"]).await;
    other.leave().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_reference_has_a_volume_of_its_own_that_allows_no_more_than_the_other() {
    let operator = serving("modes").await;
    operator.apply(&manifests::secret(1)).await;
    let writable = manifests::dataset("writable");
    let modes = |dataset: Value, mode: &str| manifests::with(dataset, "/spec/accessModes", json!([mode]));
    operator.apply(&writable).await;
    operator
        .apply(&modes(manifests::dataset("read-only"), "ReadOnlyMany"))
        .await;
    operator
        .apply(&manifests::with(
            manifests::dataset("mount"),
            "/spec/mounts/0/readOnly",
            json!(true),
        ))
        .await;
    for name in ["writable", "read-only", "mount"] {
        operator.apply(&manifests::runtime(name)).await;
        operator.bound(name).await;
    }
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    // (what it refers to, what it asks for, what it gets, whether the volume says by itself that it
    // is read-only)
    for (number, (to, wanted, given, says)) in [
        ("writable", "ReadWriteMany", "ReadWriteMany", false),
        ("writable", "ReadOnlyMany", "ReadOnlyMany", false),
        ("read-only", "ReadWriteMany", "ReadOnlyMany", false),
        ("mount", "ReadWriteMany", "ReadWriteMany", true),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("view-{number}");
        operator
            .apply(&modes(reference(&name, &own(&operator, to)), wanted))
            .await;
        operator.bound(&name).await;
        let volume = format!("{}-{name}", operator.namespace);
        let spec = volumes.get(&volume).await.unwrap().spec.unwrap();
        let csi = spec.csi.unwrap();
        assert_eq!(
            (csi.volume_handle, spec.access_modes.unwrap()),
            (volume, vec![given.to_owned()]),
            "{to} {wanted}"
        );
        assert_eq!(
            csi.volume_attributes.unwrap().contains_key("wasser_read_only"),
            says,
            "{to} {wanted}"
        );
        let claim = operator.api("v1", "PersistentVolumeClaim").get(&name).await.unwrap();
        assert_eq!(claim.data["spec"]["accessModes"], json!([given]));
        if wanted != given {
            let uid = operator
                .api(THIN.0, THIN.1)
                .get(&name)
                .await
                .unwrap()
                .metadata
                .uid
                .unwrap();
            operator.event_saying("AccessModesLowered", &uid, given).await;
        }
        operator.delete_dataset(&name).await;
    }
    for name in ["writable", "read-only", "mount"] {
        operator.delete_dataset(name).await;
    }
    operator.empty(&["jfs-secret", "juicefs", "thin"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_reference_waits_for_the_other_dataset() {
    let operator = serving("waiting").await;
    operator.apply(&reference("view", &own(&operator, "demo"))).await;
    let message = operator.condition("view", "NotReady").await;
    assert!(
        message.contains("there is no Dataset") && message.contains("/demo"),
        "{message}"
    );
    operator.create("demo").await;
    operator.bound("view").await;
    let entered = |dataset: &DynamicObject| (references(dataset) == [own(&operator, "view")]).then_some(());
    operator
        .object(DATASET.0, DATASET.1, "demo", "the reference", entered)
        .await;
    // What changes there is shown here.
    operator.scale("demo", 2).await;
    operator.delete(DATASET.0, DATASET.1, "view").await;
    operator.gone(THIN.0, THIN.1, "view").await;
    let left = |dataset: &DynamicObject| references(dataset).is_empty().then_some(());
    operator
        .object(DATASET.0, DATASET.1, "demo", "no reference", left)
        .await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn references_that_cannot_be_served_are_held() {
    let operator = serving("held").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator.apply(&reference("view", &own(&operator, "demo"))).await;
    operator.bound("view").await;
    operator.apply(&reference("deeper", &own(&operator, "view"))).await;
    let message = operator.condition("deeper", "NotReady").await;
    assert!(message.contains("refers to another one itself"), "{message}");
    let mut two = reference("two", &own(&operator, "demo"));
    let mounts = two["spec"]["mounts"].as_array_mut().unwrap();
    mounts.push(json!({"mountPoint": "juicefs:///", "name": "more"}));
    operator.apply(&two).await;
    let message = operator.condition("two", "NotReady").await;
    assert!(message.contains("has no other mounts"), "{message}");
    // Corrected, it goes on by itself.
    operator.apply(&reference("two", &own(&operator, "demo"))).await;
    operator.bound("two").await;
    for name in ["deeper", "two", "view"] {
        operator.delete(DATASET.0, DATASET.1, name).await;
        operator.gone(DATASET.0, DATASET.1, name).await;
        operator.gone(THIN.0, THIN.1, name).await;
    }
    operator.delete_dataset("demo").await;
    operator.empty(&["jfs-secret", "juicefs", "thin"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_reference_to_a_dataset_that_goes_is_told() {
    let operator = serving("deleted").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator.apply(&reference("view", &own(&operator, "demo"))).await;
    operator.bound("view").await;

    // One that is being deleted, and is kept by another reference only, takes no further ones.
    operator.delete(DATASET.0, DATASET.1, "demo").await;
    operator.apply(&reference("late", &own(&operator, "demo"))).await;
    let message = operator.condition("late", "NotReady").await;
    assert!(message.contains("is being deleted"), "{message}");

    // It goes all the same if somebody takes its guard away.
    let uid = operator
        .api(THIN.0, THIN.1)
        .get("view")
        .await
        .unwrap()
        .metadata
        .uid
        .unwrap();
    let unguarded = json!({"metadata": {"finalizers": null}});
    operator.patch(DATASET.1, "demo", &unguarded).await;
    operator.gone(DATASET.0, DATASET.1, "demo").await;
    operator
        .event_saying(
            "ErrorProcessRuntime",
            &uid,
            &format!("there is no Dataset {}", own(&operator, "demo")),
        )
        .await;
    for name in ["late", "view"] {
        operator.delete(DATASET.0, DATASET.1, name).await;
        operator.gone(DATASET.0, DATASET.1, name).await;
        operator.gone(THIN.0, THIN.1, name).await;
    }
    operator.end().await;
}
