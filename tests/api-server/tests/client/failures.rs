//! Requests that go wrong on demand, and what is known of all requests.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault, Verb};

use crate::{api, map, refusal, typed, value};

#[tokio::test]
async fn a_request_is_answered_otherwise_as_often_as_is_said() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    let creation = || async { maps.create(&PostParams::default(), &typed(map("a", json!({})))).await };
    let fault = Fault::any().verb(Verb::Create).resource("configmaps").times(2);
    let armed = server.arm(fault, Effect::Answer(Failure::internal("etcd is away")));
    assert_eq!(refusal(creation().await), (500, "InternalError".to_owned()));
    assert_eq!(refusal(creation().await).0, 500);
    assert!(maps.get_opt("a").await.unwrap().is_none());
    creation().await.unwrap();
    assert_eq!(armed.hits(), 2);
}

#[tokio::test]
async fn a_reply_can_be_lost_after_the_write() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    for (effect, name) in [
        (Effect::ApplyThenBreak, "a"),
        (Effect::ApplyThenHang, "b"),
        (Effect::ApplyThenAnswer(Failure::timeout()), "c"),
    ] {
        let _armed = server.arm(Fault::writes(), effect);
        let creation = maps
            .create(&PostParams::default(), &typed(map(name, json!({}))))
            .await_briefly()
            .await;
        assert!(creation.is_none_or(|outcome| outcome.is_err()));
        assert!(server.object("ConfigMap", "default", name).is_some());
    }
    for effect in [Effect::Break, Effect::Hang] {
        let _armed = server.arm(Fault::writes(), effect);
        let patch = Patch::Merge(json!({"data": {"k": "1"}}));
        let patched = maps.patch("a", &PatchParams::default(), &patch).await_briefly().await;
        assert!(patched.is_none_or(|outcome| outcome.is_err()));
    }
    assert_eq!(value(&maps.get("a").await.unwrap(), "k"), None);
    let codes: Vec<(String, Option<u16>, bool)> = server
        .requests()
        .writes()
        .0
        .iter()
        .map(|record| (record.what(), record.code, record.changed))
        .collect();
    let creation = |code, changed| ("create configmaps".to_owned(), code, changed);
    assert_eq!(
        codes[..3],
        [creation(None, true), creation(None, true), creation(Some(504), true)]
    );
    assert_eq!(
        codes[3..],
        [
            ("patch configmaps".to_owned(), None, false),
            ("patch configmaps".to_owned(), None, false)
        ]
    );
}

/// Waits for something that may never come.
trait Briefly: Future + Sized {
    async fn await_briefly(self) -> Option<Self::Output> {
        tokio::time::timeout(Duration::from_millis(50), self).await.ok()
    }
}

impl<F: Future> Briefly for F {}

#[tokio::test]
async fn a_process_that_ended_writes_nothing_more() {
    let server = ApiServer::new();
    let old: Api<ConfigMap> = Api::default_namespaced(server.client("operator"));
    let other = api::<ConfigMap>(&server);
    old.create(&PostParams::default(), &typed(map("a", json!({}))))
        .await
        .unwrap();
    server.disconnect("operator");
    assert!(
        old.create(&PostParams::default(), &typed(map("b", json!({}))))
            .await
            .is_err()
    );
    let new: Api<ConfigMap> = Api::default_namespaced(server.client("operator"));
    assert!(new.get("a").await.is_ok() && other.get("a").await.is_ok() && other.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_write_can_come_after_the_end_of_its_client() {
    let server = ApiServer::new();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client("operator"));
    let armed = server.arm(Fault::writes().times(1), Effect::ApplyLate(Duration::from_millis(1)));
    let creation = tokio::spawn(async move { maps.create(&PostParams::default(), &typed(map("a", json!({})))).await });
    armed.hit(1).await;
    server.disconnect("operator");
    creation.abort();
    server
        .until("the late write", |server| server.object("ConfigMap", "default", "a"))
        .await;
    let records = server.take_requests().writes();
    assert_eq!(records.describe(), "create configmaps default/: no answer\n".repeat(2));
}

#[tokio::test]
async fn the_creations_and_removals_of_an_object_are_counted() {
    let server = ApiServer::new();
    for _ in 0..2 {
        server.create(&map("a", json!({})));
        server.delete("ConfigMap", "default", "a");
    }
    server.create(&map("a", json!({})));
    server.forget_history();
    assert_eq!(server.lives()["ConfigMap default/a"], (3, 2));
}

#[tokio::test]
async fn the_cluster_of_a_test_reacts_to_changes_until_it_has_nothing_to_do() {
    let server = ApiServer::new();
    let played = server.clone();
    let playing = tokio::spawn(async move {
        let copy = |server: &ApiServer| {
            let copied = server
                .object("ConfigMap", "default", "a")
                .map(|found| found["data"].clone());
            copied.map(|data| server.edit("ConfigMap", "default", "b", |map| map["data"] = data));
        };
        played.play(copy).await;
    });
    server.create(&map("b", json!({})));
    for value in ["1", "2"] {
        server.create(&map("a", json!({"k": value})));
        let copied =
            |server: &ApiServer| (server.object("ConfigMap", "default", "b")?["data"]["k"] == value).then_some(());
        server.until("the copy", copied).await;
        server.delete("ConfigMap", "default", "a");
    }
    playing.abort();
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
    assert_eq!(
        counts,
        [("get configmaps".to_owned(), 1), ("patch configmaps".to_owned(), 2)]
    );
    assert_eq!(
        records.writes().changes().describe(),
        "patch configmaps default/a: 200\n"
    );
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
