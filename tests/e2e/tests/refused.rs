//! Objects that cannot be served: refused by name before anything is touched, and deleted like any
//! other.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::{Node, PersistentVolume};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use wasser_e2e::manifests::{dataset, runtime, secret, with};
use wasser_e2e::{Operator, User};

const API: &str = "data.fluid.io/v1alpha1";

async fn create(user: &User, name: &str) {
    user.apply(&secret(1)).await;
    user.apply(&dataset(name)).await;
    user.apply(&runtime(name)).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_whose_names_another_one_has_touches_nothing_of_it() {
    let operator = Operator::start_serving("namesake").await;
    // `a-team/demo` and `a/team-demo` are both `a-team-demo`.
    let victim = operator.namespace_named(&format!("{}-team", operator.namespace)).await;
    let (rival, name): (&User, _) = (&operator, "team-demo");
    create(&victim, "demo").await;
    victim.bound("demo").await;
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let volume = format!("{}-demo", victim.namespace);
    let bound = |claim: &DynamicObject| (claim.data["status"]["phase"] == "Bound").then_some(());
    victim
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", bound)
        .await;
    let before = volumes.get(&volume).await.unwrap();
    let nodes = Api::<Node>::all(operator.client.clone());
    let fuse = format!("fluid.io/f-{}-demo", victim.namespace);
    let node = nodes.list(&ListParams::default()).await.unwrap().items[0].name_any();
    let label = Patch::Merge(json!({"metadata": {"labels": {fuse.as_str(): "true"}}}));
    nodes.patch(&node, &PatchParams::default(), &label).await.unwrap();

    create(rival, name).await;
    let message = rival.condition(name, "NotReady").await;
    assert!(
        message.contains(&format!("{}/demo", victim.namespace)) && message.contains("another name"),
        "{message}"
    );
    let refused = rival.runtimes().get(name).await.unwrap();
    rival
        .event_saying(
            "ErrorValidateSpecFields",
            &refused.uid().unwrap(),
            "would share the volume",
        )
        .await;
    assert!(refused.finalizers().is_empty());
    assert!(rival.datasets().get(name).await.unwrap().finalizers().is_empty());
    assert!(
        rival
            .api("apps/v1", "StatefulSet")
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );

    // Nor when the refused one goes.
    rival.delete(API, "Dataset", name).await;
    rival.gone(API, "Dataset", name).await;
    rival.delete(API, "JuiceFSRuntime", name).await;
    rival.gone(API, "JuiceFSRuntime", name).await;
    let after = volumes.get(&volume).await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version());
    assert_eq!(nodes.get(&node).await.unwrap().labels()[&fuse], "true");
    victim
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", bound)
        .await;

    // Whoever waits for a name gets it when it is free.
    create(rival, name).await;
    rival.condition(name, "NotReady").await;
    victim.delete_dataset("demo").await;
    rival.bound(name).await;
    assert_eq!(
        volumes
            .get(&volume)
            .await
            .unwrap()
            .spec
            .unwrap()
            .claim_ref
            .unwrap()
            .namespace
            .unwrap(),
        rival.namespace
    );
    rival.delete_dataset(name).await;
    victim.leave().await;
    operator.clean_nodes().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_volume_or_claim_of_somebody_else_is_left_alone() {
    let operator = Operator::start_serving("foreign-volume").await;
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let name = format!("{}-demo", operator.namespace);
    let foreign = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "hostPath": {"path": "/nowhere"},
            "storageClassName": "x"}
    });
    let made = volumes
        .create(&PostParams::default(), &serde_json::from_value(foreign).unwrap())
        .await
        .unwrap();
    operator.create("demo").await;
    let uid = operator.runtimes().get("demo").await.unwrap().uid().unwrap();
    operator
        .event_saying("ErrorValidateSpecFields", &uid, &format!("PersistentVolume {name}"))
        .await;
    operator.delete_dataset("demo").await;
    let left = volumes.get(&name).await.unwrap();
    assert_eq!((left.uid(), left.metadata.deletion_timestamp), (made.uid(), None));
    volumes.delete(&name, &Default::default()).await.unwrap();
    operator.end().await;
}

/// Relaxes or restores the schema of a field, as a CRD of another version would.
async fn read_only_may_be_anything(operator: &Operator, anything: bool) {
    let crds = Api::<CustomResourceDefinition>::all(operator.client.clone());
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/mounts/items/properties/readOnly";
    let value = if anything {
        json!({"x-kubernetes-preserve-unknown-fields": true})
    } else {
        json!({"type": "boolean"})
    };
    let patch: json_patch::Patch =
        serde_json::from_value(json!([{"op": "replace", "path": field, "value": value}])).unwrap();
    crds.patch(
        "datasets.data.fluid.io",
        &PatchParams::default(),
        &Patch::Json::<()>(patch),
    )
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_that_cannot_be_read_names_its_field_and_can_be_deleted() {
    let operator = Operator::start_serving("unreadable").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    read_only_may_be_anything(&operator, true).await;
    let datasets = operator.datasets();
    let bad = Patch::Json::<()>(
        serde_json::from_value(json!([{"op": "add", "path": "/spec/mounts/0/readOnly", "value": "yes"}])).unwrap(),
    );
    // The schema of the server follows a change of the CRD within moments.
    operator
        .eventually("the bad value is stored", || async {
            datasets.patch("demo", &PatchParams::default(), &bad).await.ok()?;
            let stored = datasets.get("demo").await.unwrap();
            (stored.data["spec"]["mounts"][0]["readOnly"] == "yes").then_some(())
        })
        .await;
    let message = operator.condition("demo", "NotReady").await;
    assert!(
        message.starts_with("Dataset.spec.mounts[0].readOnly: invalid type: string \"yes\""),
        "{message}"
    );
    // One that is healthy comes up meanwhile.
    operator.apply(&dataset("good")).await;
    operator.apply(&runtime("good")).await;
    operator.bound("good").await;
    operator.delete_dataset("demo").await;
    operator.delete_dataset("good").await;
    read_only_may_be_anything(&operator, false).await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn objects_whose_names_were_never_allowed_can_be_deleted() {
    let operator = Operator::start_serving("never-allowed").await;
    // As an earlier controller has left them, under definitions that said nothing of names.
    let held = |object, finalizer: &str| with(object, "/metadata/finalizers", json!([finalizer]));
    let left = [
        held(dataset("1demo"), "fluid-dataset-controller-finalizer"),
        held(runtime("1demo"), "juicefs-runtime-controller-finalizer"),
    ];
    operator.apply_without_rules(&left).await;
    operator.delete(API, "JuiceFSRuntime", "1demo").await;
    operator.gone(API, "JuiceFSRuntime", "1demo").await;
    operator.delete(API, "Dataset", "1demo").await;
    operator.gone(API, "Dataset", "1demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn operations_that_fluid_has_left_can_be_deleted() {
    let operator = Operator::start("operations").await;
    let crds = Api::<CustomResourceDefinition>::all(operator.client.clone());
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "dataloads.data.fluid.io"},
        "spec": {
            "group": "data.fluid.io", "scope": "Namespaced", "names": {"kind": "DataLoad", "plural": "dataloads",
                "singular": "dataload"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]
        }
    });
    crds.patch(
        "dataloads.data.fluid.io",
        &PatchParams::apply("user").force(),
        &Patch::Apply(&crd),
    )
    .await
    .unwrap();
    let load = json!({
        "apiVersion": API, "kind": "DataLoad",
        "metadata": {"name": "load", "finalizers": ["fluid-dataload-controller-finalizer"]},
            "spec": {"dataset": {"name": "demo"}}
    });
    // The kind is served moments after its CRD is there.
    operator
        .eventually("the operation is there", || async {
            operator.try_apply(&load).await.ok().map(drop)
        })
        .await;
    operator.delete(API, "DataLoad", "load").await;
    operator.gone(API, "DataLoad", "load").await;
    crds.delete("dataloads.data.fluid.io", &Default::default())
        .await
        .unwrap();
    operator.end().await;
}
