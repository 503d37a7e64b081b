//! Creating, reading and replacing.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Pod};
use k8s_openapi::api::events::v1::Event as NewEvent;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_test_api_server::ApiServer;

use crate::{api, map, refusal, typed, value};

#[tokio::test]
async fn an_object_is_created_read_and_replaced_in_versions() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let created = maps
        .create(&PostParams::default(), &typed(map("a", json!({"k": "1"}))))
        .await
        .unwrap();
    assert!(
        created.uid().is_some()
            && created.creation_timestamp().is_some()
            && created.namespace().as_deref() == Some("default")
    );
    let mut read = maps.get("a").await.unwrap();
    assert_eq!(read, created);
    assert_eq!(
        refusal(maps.create(&PostParams::default(), &created).await).0,
        500,
        "it has a version"
    );
    let again = typed(map("a", json!({})));
    assert_eq!(
        refusal(maps.create(&PostParams::default(), &again).await),
        (409, "AlreadyExists".to_owned())
    );

    read.data.as_mut().unwrap().insert("k".to_owned(), "2".to_owned());
    let replaced = maps.replace("a", &PostParams::default(), &read).await.unwrap();
    assert_ne!(replaced.resource_version(), created.resource_version());
    assert_eq!(
        refusal(maps.replace("a", &PostParams::default(), &read).await),
        (409, "Conflict".to_owned())
    );
    let same = maps.replace("a", &PostParams::default(), &replaced).await.unwrap();
    assert_eq!(
        same.resource_version(),
        replaced.resource_version(),
        "nothing has changed"
    );
    assert_eq!(refusal(maps.get("b").await), (404, "NotFound".to_owned()));
    assert!(maps.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn names_and_namespaces_are_checked() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let named = |name| typed::<ConfigMap>(map(name, json!({})));
    assert_eq!(
        refusal(maps.create(&PostParams::default(), &named("Not A Name")).await),
        (422, "Invalid".to_owned())
    );
    let elsewhere = Api::<ConfigMap>::namespaced(server.client("test"), "none");
    assert_eq!(
        refusal(elsewhere.create(&PostParams::default(), &named("a")).await).0,
        404
    );
    let generated = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}});
    let created = maps.create(&PostParams::default(), &typed(generated)).await.unwrap();
    assert!(created.name_any().starts_with("x-") && created.name_any().len() == 7);
    let namespaces: Api<Namespace> = Api::all(server.client("test"));
    assert_eq!(
        namespaces
            .get("default")
            .await
            .unwrap()
            .status
            .unwrap()
            .phase
            .as_deref(),
        Some("Active")
    );
}

#[tokio::test]
async fn collections_are_selected_paged_and_shown_as_metadata() {
    let server = ApiServer::new();
    server.namespace("other");
    for (namespace, name, app) in [
        ("default", "a", "x"),
        ("default", "b", "y"),
        ("default", "c", "x"),
        ("other", "d", "x"),
    ] {
        let labels = json!({"name": name, "namespace": namespace, "labels": {"app": app}});
        server.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": labels}));
    }
    let maps = api::<ConfigMap>(&server);
    let everywhere: Api<ConfigMap> = Api::all(server.client("test"));
    let names =
        |list: kube::core::ObjectList<ConfigMap>| -> Vec<String> { list.iter().map(ResourceExt::name_any).collect() };
    assert_eq!(
        names(maps.list(&ListParams::default().labels("app=x")).await.unwrap()),
        ["a", "c"]
    );
    assert_eq!(
        names(
            everywhere
                .list(&ListParams::default().labels("app in (x)"))
                .await
                .unwrap()
        ),
        ["a", "c", "d"]
    );
    assert_eq!(
        names(
            maps.list(&ListParams::default().fields("metadata.name=b"))
                .await
                .unwrap()
        ),
        ["b"]
    );
    assert_eq!(
        refusal(maps.list(&ListParams::default().fields("data.a=b")).await).0,
        400
    );

    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    server.create(&map("aa", json!({})));
    let token = first.metadata.continue_.clone().unwrap();
    assert_eq!(
        (first.metadata.remaining_item_count, names(first.clone())),
        (Some(1), vec!["a".to_owned(), "b".to_owned()])
    );
    let second = maps
        .list(&ListParams::default().limit(2).continue_token(&token))
        .await
        .unwrap();
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(names(second), ["c"], "a list is of one time");

    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    server.forget_history();
    let token = first.metadata.continue_.unwrap();
    assert_eq!(
        refusal(maps.list(&ListParams::default().continue_token(&token)).await),
        (410, "Expired".to_owned())
    );

    let metadata: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(server.client("test"), "default");
    let shown = metadata.list(&ListParams::default()).await.unwrap();
    assert_eq!(shown.items.len(), 4);
    assert_eq!(maps.get_metadata("a").await.unwrap().labels()["app"], "x");
}

#[tokio::test]
async fn statuses_are_written_apart_and_generations_count_specs() {
    let server = ApiServer::new();
    let sets = api::<StatefulSet>(&server);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "status": {"replicas": 9},
        "spec": {"serviceName": "s", "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}}},
    });
    let created = sets.create(&PostParams::default(), &typed(set)).await.unwrap();
    assert_eq!(
        (created.status.unwrap().replicas, created.metadata.generation),
        (0, Some(1))
    );
    assert_eq!(created.spec.unwrap().replicas, Some(1));

    let both = Patch::Merge(json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1, "replicas": 1}}));
    let params = PatchParams::default();
    let main = sets.patch("s", &params, &both).await.unwrap();
    assert_eq!((main.status.unwrap().replicas, main.metadata.generation), (0, Some(2)));
    let both = Patch::Merge(json!({"spec": {"replicas": 3}, "status": {"readyReplicas": 1, "replicas": 1}}));
    let status = sets.patch_status("s", &params, &both).await.unwrap();
    assert_eq!(
        (status.spec.unwrap().replicas, status.metadata.generation),
        (Some(2), Some(2))
    );
    assert_eq!(status.status.unwrap().ready_replicas, Some(1));
    let labelled = sets
        .patch_metadata("s", &params, &Patch::Merge(json!({"metadata": {"labels": {"x": "y"}}})))
        .await
        .unwrap();
    assert_eq!(
        (labelled.labels()["x"].as_str(), labelled.metadata.generation),
        ("y", Some(2))
    );

    let scaled = sets
        .patch_scale("s", &params, &Patch::Merge(json!({"spec": {"replicas": 5}})))
        .await
        .unwrap();
    assert_eq!(
        (scaled.spec.unwrap().replicas, scaled.status.unwrap().replicas),
        (Some(5), 1)
    );
    assert_eq!(sets.get("s").await.unwrap().metadata.generation, Some(3));
    let immutable = Patch::Merge(json!({"spec": {"serviceName": "other"}}));
    assert_eq!(
        refusal(sets.patch("s", &params, &immutable).await),
        (422, "Invalid".to_owned())
    );
}

#[tokio::test]
async fn a_patch_with_a_version_or_a_uid_is_for_that_object_only() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let old = maps
        .create(&PostParams::default(), &typed(map("a", json!({"k": "1"}))))
        .await
        .unwrap();
    let patch = |metadata| Patch::Merge(json!({"metadata": metadata, "data": {"k": null, "l": "2"}}));
    let params = PatchParams::default();
    assert_eq!(
        refusal(maps.patch("a", &params, &patch(json!({"uid": "other"}))).await).0,
        409
    );
    let patched = maps
        .patch(
            "a",
            &params,
            &patch(json!({"uid": old.uid(), "resourceVersion": old.resource_version()})),
        )
        .await
        .unwrap();
    assert_eq!((value(&patched, "k"), value(&patched, "l")), (None, Some("2")));
    let outdated = patch(json!({"resourceVersion": old.resource_version(), "labels": {"a": "b"}}));
    assert_eq!(
        refusal(maps.patch("a", &params, &outdated).await),
        (409, "Conflict".to_owned())
    );
}

#[tokio::test]
async fn an_event_has_two_forms() {
    let server = ApiServer::new();
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "note": "text",
            "reason": "Why", "type": "Normal",
        "action": "Act", "reportingController": "c", "reportingInstance": "i",
            "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default", "uid": "u"},
    });
    api::<NewEvent>(&server)
        .create(&PostParams::default(), &typed(event))
        .await
        .unwrap();
    let core = api::<Event>(&server).get("e").await.unwrap();
    assert_eq!(
        (core.message.as_deref(), core.involved_object.name.as_deref()),
        (Some("text"), Some("p"))
    );
    let patch = Patch::Merge(json!({"note": "other"}));
    api::<NewEvent>(&server)
        .patch("e", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let listed = api::<NewEvent>(&server)
        .list(&ListParams::default().fields("regarding.uid=u"))
        .await
        .unwrap();
    assert_eq!(listed.items[0].note.as_deref(), Some("other"));
}

#[tokio::test]
async fn what_is_not_served_is_not_found() {
    let server = ApiServer::new();
    let pods = api::<Pod>(&server);
    assert_eq!(refusal(pods.get("p").await).0, 404);
    let strategic = Patch::Strategic(json!({"data": {}}));
    server.create(&map("a", json!({})));
    let maps = api::<ConfigMap>(&server);
    assert_eq!(
        refusal(maps.patch("a", &PatchParams::default(), &strategic).await).0,
        415
    );
    let resources = server.client("test").list_api_group_resources("apps/v1").await.unwrap();
    assert!(
        resources
            .resources
            .iter()
            .any(|resource| resource.name == "statefulsets/scale")
    );
    assert!(
        server
            .client("test")
            .apiserver_version()
            .await
            .unwrap()
            .git_version
            .starts_with("v1.")
    );
}
