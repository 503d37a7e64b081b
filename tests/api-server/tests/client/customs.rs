//! Kinds of CRDs, those of this repository.

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use crate::{refusal, typed};

fn dataset(spec: Value) -> Value {
    json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "demo"}, "spec": spec})
}

fn datasets(server: &ApiServer) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("data.fluid.io", "v1alpha1", "Dataset"));
    Api::namespaced_with(server.client("test"), "default", &resource)
}

#[tokio::test]
async fn a_kind_is_served_while_its_crd_is_there() {
    let server = ApiServer::new();
    let datasets = datasets(&server);
    assert_eq!(refusal(datasets.get("demo").await).0, 404);
    server.install_crds();
    let mount = json!({"mountPoint": "s3://bucket", "name": "m", "unknown": 1});
    let created = datasets
        .create(&PostParams::default(), &typed(dataset(json!({"mounts": [mount]}))))
        .await
        .unwrap();
    assert_eq!(
        created.data["spec"]["mounts"][0].get("unknown"),
        None,
        "unknown fields are dropped"
    );
    assert_eq!(created.metadata.generation, Some(1));

    let params = PatchParams::default();
    let patched = datasets
        .patch("demo", &params, &Patch::Merge(json!({"status": {"phase": "Bound"}})))
        .await
        .unwrap();
    assert_eq!(
        patched.data.pointer("/status/phase"),
        None,
        "the status is written by itself"
    );
    let status = Patch::Apply(
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "status": {"phase": "Bound",
            "conditions": []}}),
    );
    let patched = datasets
        .patch_status("demo", &PatchParams::apply("wasser"), &status)
        .await
        .unwrap();
    assert_eq!(
        (&patched.data["status"]["phase"], patched.metadata.generation),
        (&json!("Bound"), Some(1))
    );

    let mut unversioned = patched.clone();
    unversioned.metadata.resource_version = None;
    assert_eq!(
        refusal(datasets.replace("demo", &PostParams::default(), &unversioned).await).0,
        422
    );
    assert!(server.delete("CustomResourceDefinition", "", "datasets.data.fluid.io"));
    assert_eq!(refusal(datasets.get("demo").await).0, 404);
}

#[tokio::test]
async fn what_the_schema_does_not_allow_is_refused() {
    let server = ApiServer::new();
    server.install_crds();
    let datasets = datasets(&server);
    let wrong = dataset(json!({"mounts": "none"}));
    assert_eq!(
        refusal(datasets.create(&PostParams::default(), &typed(wrong)).await),
        (422, "Invalid".to_owned())
    );
    assert!(
        server.try_create(&dataset(json!({"mounts": [{"name": "m"}]}))).is_err(),
        "a mount point is required"
    );
    let created = server.create(&dataset(json!({})));
    assert_eq!(created["kind"], "Dataset");
    assert_eq!(datasets.get("demo").await.unwrap().name_any(), "demo");
}
