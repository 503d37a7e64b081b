//! Objects that are deleted and made again, at once or while the former ones still go: nobody is
//! left waiting.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::objects::resource;
use wasser_e2e::tools::{kubectl, kubectl_with};
use wasser_e2e::{Operator, User, manifests};

const API: &str = "data.fluid.io/v1alpha1";
/// A deletion that takes longer is not one that only waits for pods.
const SOON: Duration = Duration::from_secs(30);

/// A Dataset that refers to another one of the same namespace.
fn reference(user: &User, name: &str, to: &str) -> Value {
    json!({
        "apiVersion": API, "kind": "Dataset", "metadata": {"name": name},
        "spec": {"mounts": [{"mountPoint": format!("dataset://{}/{to}", user.namespace)}],
            "accessModes": ["ReadOnlyMany"]}
    })
}

/// A Dataset and its runtime, as a user has them in one file.
fn both(name: &str) -> String {
    [manifests::dataset(name), manifests::runtime(name)]
        .map(|object| object.to_string())
        .join("\n---\n")
}

async fn finalizers(user: &User, kind: &str, name: &str, all: Value) {
    let patch = json!({"metadata": {"finalizers": all}});
    let api = user.api(API, kind);
    match api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => {}
        Err(error) => panic!("setting the finalizers of {kind} {name}: {error}"),
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_that_is_deleted_and_applied_again_is_bound_again() {
    let operator = Operator::start_serving("again").await;
    operator.apply(&manifests::secret(1)).await;
    let namespace = operator.namespace.as_str();
    for _ in 0..3 {
        kubectl_with(&["apply", "-n", namespace, "-f", "-"], &both("demo")).await;
        operator.bound("demo").await;
        kubectl(&["delete", "dataset", "demo", "-n", namespace]).await;
        // With the Dataset, everything of it is gone.
        assert!(operator.runtimes().get_opt("demo").await.unwrap().is_none());
        assert!(
            operator
                .api("v1", "Pod")
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_whose_runtime_disappears_says_so_and_takes_the_next() {
    let operator = Operator::start_serving("alone").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    for _ in 0..3 {
        operator.delete(API, "JuiceFSRuntime", "demo").await;
        operator.gone(API, "JuiceFSRuntime", "demo").await;
        let message = operator.condition("demo", "NotReady").await;
        assert!(message.contains("there is no runtime demo"), "{message}");
        operator.apply(&manifests::runtime("demo")).await;
        operator.bound("demo").await;
    }
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_runtime_of_a_reference_comes_again_however_it_went() {
    let operator = Operator::start_serving("view").await;
    operator.serve("thin").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator.apply(&reference(&operator, "view", "demo")).await;
    operator.bound("view").await;
    let thin = operator.api(API, "ThinRuntime");

    // Deleted by hand, again and again.
    for _ in 0..20 {
        let former = thin.get("view").await.unwrap().uid();
        operator.delete(API, "ThinRuntime", "view").await;
        let another = |runtime: &DynamicObject| {
            (runtime.uid() != former && runtime.metadata.deletion_timestamp.is_none()).then_some(())
        };
        operator
            .object_within(SOON, API, "ThinRuntime", "view", "another one", another)
            .await;
        operator.bound("view").await;
    }

    // Held by somebody else's finalizer while its Dataset is made again.
    finalizers(
        &operator,
        "ThinRuntime",
        "view",
        json!(["example.com/hold", "thin-runtime-controller-finalizer"]),
    )
    .await;
    let former = thin.get("view").await.unwrap().uid();
    kubectl(&["delete", "dataset", "view", "-n", &operator.namespace]).await;
    operator.apply(&reference(&operator, "view", "demo")).await;
    let held = thin.get("view").await.unwrap();
    assert!(held.metadata.deletion_timestamp.is_some() && held.uid() == former);
    finalizers(&operator, "ThinRuntime", "view", Value::Null).await;
    operator.bound("view").await;
    let owner = operator.datasets().get("view").await.unwrap().uid().unwrap();
    assert_eq!(thin.get("view").await.unwrap().owner_references()[0].uid, owner);

    operator.delete_dataset("view").await;
    operator.delete_dataset("demo").await;
    operator.empty(&["jfs-secret", "juicefs", "thin"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_of_another_kind_takes_over_when_the_former_has_gone() {
    let operator = Operator::start_serving("rival").await;
    operator.serve("thin").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let profile = json!({
        "apiVersion": API, "kind": "ThinRuntimeProfile", "metadata": {"name": format!("{}-profile",
            operator.namespace)},
        "spec": {"fileSystemType": "fuse", "fuse": {"image": "example/fuse", "imageTag": "1"}}
    });
    operator.apply(&profile).await;
    let name = profile["metadata"]["name"].as_str().unwrap();
    let rival =
        json!({"apiVersion": API, "kind": "ThinRuntime", "metadata": {"name": "demo"}, "spec": {"profileName": name}});
    operator.apply(&rival).await;
    let uid = operator
        .api(API, "ThinRuntime")
        .get("demo")
        .await
        .unwrap()
        .uid()
        .unwrap();
    operator
        .event_saying("ErrorValidateSpecFields", &uid, "belongs to the")
        .await;
    operator.delete(API, "JuiceFSRuntime", "demo").await;
    let served = |dataset: &DynamicObject| {
        let status = &dataset.data["status"];
        (status["phase"] == "Bound" && status["runtimes"][0]["type"] == "thin").then_some(())
    };
    operator
        .object(API, "Dataset", "demo", "bound by the other one", served)
        .await;
    operator.delete_dataset("demo").await;
    let profiles = Api::<DynamicObject>::all_with(operator.client.clone(), &resource(API, "ThinRuntimeProfile"));
    profiles.delete(name, &DeleteParams::default()).await.unwrap();
    operator.empty(&["jfs-secret", "juicefs", "thin"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_runtime_stays_until_its_pods_are_gone() {
    let operator = Operator::start_serving("slowly").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    // A pod that terminates slowly, as a client does whose file system hangs. On no node, so that
    // nothing but its finalizer holds it.
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    let worker = pods.get("demo-worker-0").await.unwrap();
    let slow = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "demo-worker-9", "labels": worker.labels(), "ownerReferences": worker.owner_references(),
            "finalizers": ["example.com/hold"],
        },
        "spec": {"schedulerName": "nobody", "containers": [{"name": "slow", "image": "example/slow:1"}]}
    });
    operator.apply(&slow).await;
    operator.delete(API, "JuiceFSRuntime", "demo").await;
    let terminating = |pod: &DynamicObject| pod.metadata.deletion_timestamp.as_ref().map(|_| ());
    operator
        .object("v1", "Pod", "demo-worker-9", "it is terminating", terminating)
        .await;
    operator.gone("apps/v1", "StatefulSet", "demo-worker").await;
    operator
        .at_rest("the number of requests", |metrics| {
            metrics.sum("wasser_api_requests_total", &[])
        })
        .await;
    assert!(operator.runtimes().get_opt("demo").await.unwrap().is_some());
    let let_go = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch("demo-worker-9", &PatchParams::default(), &let_go)
        .await
        .unwrap();
    operator.gone(API, "JuiceFSRuntime", "demo").await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_volume_that_is_deleted_by_hand_is_put_back_for_its_claim() {
    let operator = Operator::start_serving("volume").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let bound = |claim: &DynamicObject| (claim.data["status"]["phase"] == "Bound").then(|| claim.uid());
    let claim = operator
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", bound)
        .await;
    let volumes = Api::<PersistentVolume>::all(operator.client.clone());
    let name = format!("{}-demo", operator.namespace);
    let former = volumes.get(&name).await.unwrap().uid();
    volumes.delete(&name, &DeleteParams::default()).await.unwrap();
    let unguarded = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    volumes.patch(&name, &PatchParams::default(), &unguarded).await.unwrap();
    operator
        .eventually("another volume is bound to the same claim", || async {
            let volume = volumes
                .get_opt(&name)
                .await
                .unwrap()
                .filter(|volume| volume.uid() != former)?;
            let reference = volume.spec?.claim_ref?;
            (reference.uid == claim && volume.status?.phase? == "Bound").then_some(())
        })
        .await;
    operator
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound again", bound)
        .await;
    operator.delete_dataset("demo").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_deletion_leaves_nothing_on_nodes_that_get_no_labels() {
    let operator = Operator::start_with("excluded", &["--excluded-nodes", "wasser.fluid.io/left-alone=true"]).await;
    operator.serve_juicefs().await;
    operator.create("demo").await;
    operator.bound("demo").await;
    // As the node plugin labels a node for its first pod.
    let nodes = Api::<Node>::all(operator.client.clone());
    let node = nodes.list(&ListParams::default()).await.unwrap().items[0].name_any();
    let key = format!("fluid.io/f-{}-demo", operator.namespace);
    let label = async |labels: Value| {
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        nodes.patch(&node, &PatchParams::default(), &patch).await.unwrap();
    };
    label(json!({"wasser.fluid.io/left-alone": "true", key.as_str(): "true"})).await;
    operator.delete_dataset("demo").await;
    assert!(!nodes.get(&node).await.unwrap().labels().contains_key(&key));
    label(json!({"wasser.fluid.io/left-alone": null})).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_deletion_reaches_the_cache_on_nodes_that_have_no_pod_any_more() {
    let operator = Operator::start_serving("left").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let key = format!("wasser.fluid.io/c-{}-demo", operator.namespace);
    let nodes = Api::<Node>::all(operator.client.clone());
    let marked = || async {
        let all = nodes.list(&ListParams::default()).await.unwrap().items;
        all.iter()
            .find(|node| node.labels().contains_key(&key))
            .map(ResourceExt::name_any)
    };
    let node = operator.eventually("the node of the worker is marked", marked).await;
    operator.scale("demo", 0).await;
    operator.gone("v1", "Pod", "demo-worker-0").await;
    assert_eq!(marked().await, Some(node));
    let clients = operator
        .api("apps/v1", "DaemonSet")
        .get("demo-fuse")
        .await
        .unwrap()
        .uid()
        .unwrap();
    operator.delete(API, "Dataset", "demo").await;
    operator.event("SuccessfulCreate", &clients).await;
    operator.gone(API, "Dataset", "demo").await;
    operator.gone(API, "JuiceFSRuntime", "demo").await;
    assert_eq!(marked().await, None);
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}
