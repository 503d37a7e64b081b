//! A test that fails leaves its objects to be looked at. The next one removes them, or its operator
//! would serve them too.

use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::release;
use crate::tools::kubectl;

/// What the namespaces of tests are labelled with.
pub const LABEL: &str = "wasser.fluid.io/e2e";
/// The label of the pods of tests that use datasets.
const OF_PODS: &str = "app=user";

/// Removes what earlier tests have left, including an installed Wasser, which would serve the
/// test's objects at the same time as the test's operator.
pub async fn leftovers(client: &Client) {
    let namespaces = Api::<Namespace>::all(client.clone());
    if namespaces
        .get_opt(release::SYSTEM)
        .await
        .expect("reading a namespace")
        .is_some()
    {
        // Without the node plugin, kubelets would not let go of pods with volumes.
        for namespace in of_tests(&namespaces).await {
            pods(&namespace).await;
        }
        release::uninstall().await;
    }
    datasets(client).await;
}

/// Deletes a test's pods that use datasets, and waits until they are gone.
pub async fn pods(namespace: &str) {
    kubectl(&[
        "delete",
        "pod",
        "-n",
        namespace,
        "-l",
        OF_PODS,
        "--wait",
        "--ignore-not-found",
    ])
    .await;
}

/// The names of the namespaces that earlier tests have left.
async fn of_tests(namespaces: &Api<Namespace>) -> Vec<String> {
    let ours = ListParams::default().labels(LABEL);
    let found = namespaces.list(&ours).await.expect("listing namespaces");
    found.iter().map(ResourceExt::name_any).collect()
}

/// Removes the objects of earlier tests whatever guards them, their volumes, and their labels on
/// nodes.
pub async fn datasets(client: &Client) {
    let namespaces = Api::<Namespace>::all(client.clone());
    let names = of_tests(&namespaces).await;
    for namespace in &names {
        let mut guarded = false;
        for kind in [
            "Dataset",
            "AlluxioRuntime",
            "JuiceFSRuntime",
            "JindoRuntime",
            "ThinRuntime",
            "ExampleRuntime",
            "MyCacheRuntime",
        ] {
            guarded |= release(client, namespace, kind).await;
        }
        if guarded {
            eprintln!("removing what an earlier test has left in {namespace}");
        }
        ignore_gone(
            namespaces
                .delete(namespace, &DeleteParams::background())
                .await
                .map(drop),
        );
    }
    if !names.is_empty() {
        volumes(client, &names).await;
        nodes(client, &names).await;
    }
}

/// Deletes the objects of a kind although nobody serves them any more. True if there were any.
async fn release(client: &Client, namespace: &str, kind: &str) -> bool {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("data.fluid.io", "v1alpha1", kind));
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
    // Where the CRD is not installed, there is nothing.
    let Ok(found) = api.list(&ListParams::default()).await else {
        return false;
    };
    for object in &found {
        let name = object.name_any();
        ignore_gone(api.delete(&name, &DeleteParams::default()).await.map(drop));
        let released = json!({"metadata": {"finalizers": null}});
        ignore_gone(
            api.patch(&name, &PatchParams::default(), &Patch::Merge(&released))
                .await
                .map(drop),
        );
    }
    !found.items.is_empty()
}

async fn volumes(client: &Client, namespaces: &[String]) {
    let api = Api::<PersistentVolume>::all(client.clone());
    for volume in api.list(&ListParams::default()).await.expect("listing volumes") {
        let claim = volume
            .spec
            .as_ref()
            .and_then(|spec| spec.claim_ref.as_ref())
            .and_then(|claim| claim.namespace.clone());
        if claim.is_some_and(|claim| namespaces.contains(&claim)) {
            ignore_gone(api.delete(&volume.name_any(), &DeleteParams::default()).await.map(drop));
        }
    }
}

async fn nodes(client: &Client, namespaces: &[String]) {
    let api = Api::<Node>::all(client.clone());
    for node in api.list(&ListParams::default()).await.expect("listing nodes") {
        let ours = |key: &str, value: &str| {
            let of_dataset = key.starts_with("fluid.io/")
                && namespaces
                    .iter()
                    .any(|namespace| key.contains(&format!("-{namespace}-")));
            of_dataset
                || key == "fluid_exclusive"
                    && namespaces
                        .iter()
                        .any(|namespace| value.starts_with(&format!("{namespace}_")))
        };
        let stale: Vec<&String> = node
            .labels()
            .iter()
            .filter(|(key, value)| ours(key, value))
            .map(|(key, _)| key)
            .collect();
        if !stale.is_empty() {
            let removed: Value = stale
                .into_iter()
                .chain([&"fluid.io/dataset-num".to_owned()])
                .map(|key| (key.clone(), Value::Null))
                .collect();
            ignore_gone(
                api.patch(
                    &node.name_any(),
                    &PatchParams::default(),
                    &Patch::Merge(&json!({"metadata": {"labels": removed}})),
                )
                .await
                .map(drop),
            );
        }
    }
}

fn ignore_gone(result: kube::Result<()>) {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        other => other.expect("removing what an earlier test has left"),
    }
}
