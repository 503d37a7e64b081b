//! Deletions: finalizers, preconditions, dependents, namespaces, pods.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use crate::{api, map, refusal, typed};

fn owned(name: &str, owner: &Value) -> Value {
    let mut map = map(name, json!({}));
    map["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": true,
    }]);
    map
}

#[tokio::test]
async fn finalizers_hold_an_object_and_can_only_be_removed() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let mut held = map("a", json!({"k": "1"}));
    held["metadata"]["finalizers"] = json!(["x.io/a", "x.io/b"]);
    server.create(&held);
    let deleted = maps
        .delete("a", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert!(deleted.metadata.deletion_timestamp.is_some());
    let again = maps
        .delete("a", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(again.metadata, deleted.metadata);

    let finalizers = |all: Value| Patch::Merge(json!({"metadata": {"finalizers": all}}));
    let params = PatchParams::default();
    assert_eq!(
        refusal(maps.patch("a", &params, &finalizers(json!(["x.io/a", "x.io/c"]))).await).0,
        422
    );
    maps.patch("a", &params, &finalizers(json!(["x.io/b"]))).await.unwrap();
    maps.patch("a", &params, &finalizers(json!([]))).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_deletion_can_be_bound_to_one_object() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let old = maps
        .create(&PostParams::default(), &typed(map("a", json!({}))))
        .await
        .unwrap();
    assert!(maps.delete("a", &DeleteParams::default()).await.unwrap().is_right());
    let new = maps
        .create(&PostParams::default(), &typed(map("a", json!({}))))
        .await
        .unwrap();
    assert_ne!(old.uid(), new.uid());
    let only = |uid: Option<String>| {
        DeleteParams::default().preconditions(Preconditions {
            uid,
            resource_version: None,
        })
    };
    assert_eq!(
        refusal(maps.delete("a", &only(old.uid())).await),
        (409, "Conflict".to_owned())
    );
    assert!(maps.delete("a", &only(new.uid())).await.is_ok());
    assert_eq!(refusal(maps.delete("a", &DeleteParams::default()).await).0, 404);
}

#[tokio::test]
async fn dependents_go_when_they_are_collected() {
    let server = ApiServer::new();
    let owner = server.create(&map("owner", json!({})));
    let child = server.create(&owned("child", &owner));
    server.create(&owned("grandchild", &child));
    assert!(!server.collect(), "every owner is there");
    api::<ConfigMap>(&server)
        .delete("owner", &DeleteParams::background())
        .await
        .unwrap();
    assert_eq!(
        server.objects("ConfigMap", "default").len(),
        2,
        "nothing runs by itself"
    );
    assert!(server.collect());
    assert!(server.objects("ConfigMap", "default").is_empty());
}

#[tokio::test]
async fn a_deletion_in_the_foreground_waits_for_dependents() {
    let server = ApiServer::new();
    let owner = server.create(&map("owner", json!({})));
    let mut child = owned("child", &owner);
    child["metadata"]["finalizers"] = json!(["x.io/a"]);
    server.create(&child);
    api::<ConfigMap>(&server)
        .delete("owner", &DeleteParams::foreground())
        .await
        .unwrap();
    server.collect();
    assert!(server.object("ConfigMap", "default", "owner").is_some());
    server.edit("ConfigMap", "default", "child", |child| {
        child["metadata"]["finalizers"] = json!([])
    });
    server.collect();
    assert!(server.objects("ConfigMap", "default").is_empty());
}

#[tokio::test]
async fn orphans_stay_without_their_owner() {
    let server = ApiServer::new();
    let owner = server.create(&map("owner", json!({})));
    server.create(&owned("child", &owner));
    api::<ConfigMap>(&server)
        .delete("owner", &DeleteParams::orphan())
        .await
        .unwrap();
    server.collect();
    assert!(server.object("ConfigMap", "default", "owner").is_none());
    let child = server.object("ConfigMap", "default", "child").unwrap();
    assert_eq!(child.pointer("/metadata/ownerReferences"), None);
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_not_an_owner() {
    let server = ApiServer::new();
    server.namespace("other");
    let owner = server.create(&map("owner", json!({})));
    let mut child = owned("child", &owner);
    child["metadata"]["namespace"] = json!("other");
    server.create(&child);
    assert!(server.collect() && server.objects("ConfigMap", "other").is_empty());
}

#[tokio::test]
async fn a_namespace_ends_when_it_is_empty() {
    let server = ApiServer::new();
    server.namespace("n");
    let mut held = map("a", json!({}));
    (held["metadata"]["namespace"], held["metadata"]["finalizers"]) = (json!("n"), json!(["x.io/a"]));
    server.create(&held);
    let namespaces: Api<Namespace> = Api::all(server.client("test"));
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    server.finish_namespaces();
    let ending = namespaces.get("n").await.unwrap();
    assert_eq!(ending.status.unwrap().phase.as_deref(), Some("Terminating"));
    let maps: Api<ConfigMap> = Api::namespaced(server.client("test"), "n");
    assert_eq!(
        refusal(maps.create(&PostParams::default(), &typed(map("b", json!({})))).await),
        (403, "Forbidden".to_owned())
    );
    server.edit("ConfigMap", "n", "a", |map| map["metadata"]["finalizers"] = json!([]));
    assert!(server.finish_namespaces());
    assert!(namespaces.get_opt("n").await.unwrap().is_none());
}

#[tokio::test]
async fn a_pod_on_a_node_has_its_grace_period() {
    let server = ApiServer::new();
    let pods = api::<Pod>(&server);
    let pod = |name: &str, node: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"nodeName": node,
                "containers": [{"name": "c", "image": "i"}]},
        })
    };
    server.create(&pod("unscheduled", Value::Null));
    assert!(
        pods.delete("unscheduled", &DeleteParams::default())
            .await
            .unwrap()
            .is_right()
    );
    server.create(&pod("running", json!("node")));
    let ending = pods
        .delete("running", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(30));
    assert!(
        pods.delete("running", &DeleteParams::default().grace_period(0))
            .await
            .unwrap()
            .is_right()
    );
}
