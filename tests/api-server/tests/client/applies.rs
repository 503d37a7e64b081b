//! Server-side apply: owners, conflicts, removals.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use crate::{api, map, refusal, value};

async fn apply(maps: &Api<ConfigMap>, manager: &str, data: Value) -> kube::Result<ConfigMap> {
    maps.patch("a", &PatchParams::apply(manager), &Patch::Apply(map("a", data)))
        .await
}

#[tokio::test]
async fn an_apply_creates_changes_and_removes_what_it_leaves_out() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let created = apply(&maps, "one", json!({"k": "1", "l": "1"})).await.unwrap();
    let same = apply(&maps, "one", json!({"k": "1", "l": "1"})).await.unwrap();
    assert_eq!(same, created, "nothing is written where nothing changes");
    let changed = apply(&maps, "one", json!({"k": "2"})).await.unwrap();
    assert_eq!((value(&changed, "k"), value(&changed, "l")), (Some("2"), None));
    assert_eq!(changed.uid(), created.uid());
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_does_not_last() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    apply(&maps, "one", json!({"k": "1"})).await.unwrap();
    let dry = PatchParams::apply("one").dry_run();
    let shown = maps.patch("a", &dry, &Patch::Apply(map("a", json!({"k": "2"})))).await;
    assert_eq!(value(&shown.unwrap(), "k"), Some("2"));
    assert_eq!(value(&maps.get("a").await.unwrap(), "k"), Some("1"));
    assert!(server.edit("ConfigMap", "default", "a", |map| map["data"]["k"] = json!("3")));
    assert_eq!(value(&maps.get("a").await.unwrap(), "k"), Some("3"));
}

#[tokio::test]
async fn a_dry_run_of_a_create_is_checked_and_creates_nothing() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object: ConfigMap = serde_json::from_value(json!(map("a", json!({"k": "1"})))).unwrap();
    let shown = maps.create(&dry, &object).await.unwrap();
    assert!(shown.metadata.uid.is_some() && maps.get_opt("a").await.unwrap().is_none());
    maps.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(refusal(maps.create(&dry, &object).await).0, 409);
}

#[tokio::test]
async fn a_field_of_two_managers_stays_until_both_leave_it_out() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    apply(&maps, "one", json!({"k": "1", "l": "1"})).await.unwrap();
    apply(&maps, "two", json!({"l": "1"})).await.unwrap();
    let left = apply(&maps, "one", json!({"k": "1"})).await.unwrap();
    assert_eq!(value(&left, "l"), Some("1"));
    let left = apply(&maps, "two", json!({})).await.unwrap();
    assert_eq!((value(&left, "k"), value(&left, "l")), (Some("1"), None));
}

#[tokio::test]
async fn a_conflict_names_field_and_manager_until_it_is_forced() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    apply(&maps, "one", json!({"k": "1"})).await.unwrap();
    let kube::Error::Api(status) = apply(&maps, "two", json!({"k": "2"})).await.unwrap_err() else {
        panic!("not an answer")
    };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Apply failed with 1 conflict: conflict with \"one\": .data.k"
    );
    let causes = status.details.unwrap().causes;
    assert_eq!(
        (causes[0].reason.as_str(), causes[0].field.as_str()),
        ("FieldManagerConflict", ".data.k")
    );

    let force = PatchParams::apply("two").force();
    let forced = maps
        .patch("a", &force, &Patch::Apply(map("a", json!({"k": "2"}))))
        .await
        .unwrap();
    assert_eq!(value(&forced, "k"), Some("2"));
    let managers: Vec<_> = forced
        .managed_fields()
        .iter()
        .filter_map(|entry| entry.manager.clone())
        .collect();
    assert_eq!(managers, ["two"]);
}

#[tokio::test]
async fn a_patch_takes_a_field_from_whoever_applied_it() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    apply(&maps, "one", json!({"k": "1", "l": "1"})).await.unwrap();
    let by_user = PatchParams {
        field_manager: Some("user".to_owned()),
        ..PatchParams::default()
    };
    maps.patch("a", &by_user, &Patch::Merge(json!({"data": {"k": "2"}})))
        .await
        .unwrap();
    assert_eq!(refusal(apply(&maps, "one", json!({"k": "1", "l": "1"})).await).0, 409);
    let left = apply(&maps, "one", json!({})).await.unwrap();
    assert_eq!((value(&left, "k"), value(&left, "l")), (Some("2"), None));
}

#[tokio::test]
async fn items_of_keyed_lists_and_the_status_have_owners() {
    let server = ApiServer::new();
    let sets = api::<StatefulSet>(&server);
    let set = |env: Value| {
        let container = json!({"name": "c", "image": "i", "env": env});
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {
            "serviceName": "s", "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}},
        }})
    };
    let params = PatchParams::apply("one");
    sets.patch(
        "s",
        &params,
        &Patch::Apply(set(json!([{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]))),
    )
    .await
    .unwrap();
    let two = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [
        {"name": "c", "env": [{"name": "C", "value": "1"}]},
    ]}}}});
    sets.patch("s", &PatchParams::apply("two"), &Patch::Apply(two))
        .await
        .unwrap();
    let applied = sets
        .patch("s", &params, &Patch::Apply(set(json!([{"name": "B", "value": "2"}]))))
        .await
        .unwrap();
    let spec = applied.spec.unwrap().template.spec.unwrap();
    let env: Vec<_> = spec.containers[0]
        .env
        .iter()
        .flatten()
        .map(|one| (one.name.as_str(), one.value.as_deref().unwrap()))
        .collect();
    assert_eq!(env, [("B", "2"), ("C", "1")]);

    let status = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "status": {"replicas": 1, "readyReplicas": 1}});
    let written = sets.patch_status("s", &params, &Patch::Apply(status)).await.unwrap();
    assert_eq!(written.status.unwrap().ready_replicas, Some(1));
    let less = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "status": {"replicas": 1}});
    let written = sets.patch_status("s", &params, &Patch::Apply(less)).await.unwrap();
    assert_eq!(written.status.unwrap().ready_replicas, None);
    assert_eq!(written.spec.unwrap().template.spec.unwrap().containers.len(), 1);
}

#[tokio::test]
async fn an_apply_can_be_bound_to_one_version() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let old = apply(&maps, "one", json!({"k": "1"})).await.unwrap();
    apply(&maps, "one", json!({"k": "2"})).await.unwrap();
    let mut config = map("a", json!({"k": "3"}));
    config["metadata"]["resourceVersion"] = json!(old.resource_version());
    let outdated = maps.patch("a", &PatchParams::apply("one"), &Patch::Apply(config)).await;
    assert_eq!(refusal(outdated), (409, "Conflict".to_owned()));
    let mut config = map("b", json!({}));
    config["metadata"]["uid"] = old.uid().into();
    assert_eq!(
        refusal(maps.patch("b", &PatchParams::apply("one"), &Patch::Apply(config)).await).0,
        409
    );
}
