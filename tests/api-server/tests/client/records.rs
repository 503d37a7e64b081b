//! Disconnected clients, records of requests, and snapshots of objects.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use wasser_test_api_server::ApiServer;

use crate::{api, map, typed};

#[tokio::test]
async fn a_process_that_ended_writes_nothing_more() {
    let server = ApiServer::new();
    let old: Api<ConfigMap> = Api::default_namespaced(server.client("operator"));
    let other = api::<ConfigMap>(&server);
    old.create(&PostParams::default(), &typed(map("a", json!({})))).await.unwrap();
    server.disconnect("operator");
    assert!(old.create(&PostParams::default(), &typed(map("b", json!({})))).await.is_err());
    let new: Api<ConfigMap> = Api::default_namespaced(server.client("operator"));
    assert!(new.get("a").await.is_ok() && other.get("a").await.is_ok() && other.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn requests_are_recorded_by_client() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    server.create(&map("a", json!({})));
    maps.get("a").await.unwrap();
    let same = Patch::Merge(json!({"data": {}}));
    let other = Patch::Merge(json!({"data": {"k": "1"}}));
    for patch in [&same, &other] {
        maps.patch("a", &PatchParams::default(), patch).await.unwrap();
    }
    let records = server.take_requests().of("test");
    let counts: Vec<(String, usize)> = records.counts().into_iter().collect();
    assert_eq!(counts, [("get configmaps".to_owned(), 1), ("patch configmaps".to_owned(), 2)]);
    assert_eq!(records.writes().changes().describe(), "patch configmaps default/a: 200\n");
    assert!(server.requests().0.is_empty());
}

#[tokio::test]
async fn two_runs_that_end_alike_have_equal_snapshots() {
    let run = |seed, order: [&'static str; 2]| {
        let server = ApiServer::seeded(seed);
        for name in order {
            let owner = server.create(&map(name, json!({"k": "1"})));
            let mut child = map(&format!("{name}-child"), json!({"owner": owner["metadata"]["uid"]}));
            child["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner["metadata"]["uid"]}]);
            server.create(&child);
        }
        server
    };
    let (one, two) = (run(1, ["a", "b"]), run(2, ["b", "a"]));
    assert_eq!(one.snapshot().differences(&two.snapshot()), []);
    two.edit("ConfigMap", "default", "a", |map| map["data"]["k"] = json!("2"));
    let differences: Vec<String> = one
        .snapshot()
        .differences(&two.snapshot())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(differences, ["~ ConfigMap default/a\n    .data.k: \"1\" → \"2\""]);
}
