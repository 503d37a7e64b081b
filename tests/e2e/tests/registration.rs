//! Plugins come, change and go as ConfigMaps, in the real `wasser run` against a real API server.
//!
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use wasser_e2e::Operator;
use wasser_e2e::plugins::{JUICEFS, Verdict, replace_line};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_registration_is_loaded_and_says_so() {
    let operator = Operator::start("add").await;
    operator.register("juicefs", |_| ()).await;
    let map = operator.verdict("juicefs", Verdict::Loaded).await;
    let annotations = map.annotations();
    assert_eq!(
        annotations.get("wasser.fluid.io/kind").map(String::as_str),
        Some(JUICEFS)
    );
    assert!(
        annotations
            .get("wasser.fluid.io/digest")
            .unwrap()
            .starts_with("sha256:")
    );
    assert_eq!(
        annotations.get("wasser.fluid.io/wit").map(String::as_str),
        Some("0.1.0")
    );
    operator.event("PluginLoaded", &map.uid().unwrap()).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_the_operator_writes_is_no_change() {
    let operator = Operator::start("quiet").await;
    operator.register("a-first", |_| ()).await;
    operator.verdict("a-first", Verdict::Loaded).await;
    let touched = json!({"metadata": {"annotations": {"somebody": "was here"}}});
    operator
        .maps
        .patch("a-first", &PatchParams::default(), &Patch::Merge(&touched))
        .await
        .unwrap();
    // What comes later shows that what came before has been seen.
    operator.register("b-second", |_| ()).await;
    operator.verdict("b-second", Verdict::Waiting).await;
    assert_eq!(operator.log_lines("serves JuiceFSRuntime"), 1);
    let metrics = operator.get("/metrics").await;
    assert!(
        metrics.contains(r#"wasser_api_requests_total{verb="patch",resource="configmaps"} 2"#),
        "{metrics}"
    );
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_wrong_digest_is_refused_until_it_is_corrected() {
    let operator = Operator::start("digest").await;
    let wrong = format!("digest: sha256:{}", "0".repeat(64));
    operator
        .register("juicefs", |yaml| replace_line(yaml, "digest:", &wrong))
        .await;
    let map = operator.verdict("juicefs", Verdict::Refused).await;
    let message = &map.annotations()["wasser.fluid.io/message"];
    assert!(
        message.contains("the component's digest is sha256:") && message.contains(&"0".repeat(64)),
        "{message}"
    );
    assert!(!map.annotations().contains_key("wasser.fluid.io/kind"));
    operator.event("PluginRefused", &map.uid().unwrap()).await;

    operator.register("juicefs", |_| ()).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bad_change_leaves_the_last_good_plugin_serving() {
    let operator = Operator::start("lastgood").await;
    operator.register("juicefs", |_| ()).await;
    let good = operator.verdict("juicefs", Verdict::Loaded).await;

    operator
        .register("juicefs", |yaml| {
            replace_line(yaml, "limits:", "limits: {memory: much}")
        })
        .await;
    let bad = operator.verdict("juicefs", Verdict::LastGood).await;
    let message = &bad.annotations()["wasser.fluid.io/message"];
    assert!(
        message.contains("limits.memory") && message.contains("keeps serving"),
        "{message}"
    );
    assert_eq!(
        bad.annotations().get("wasser.fluid.io/digest"),
        good.annotations().get("wasser.fluid.io/digest")
    );
    operator.event("PluginChangeRefused", &bad.uid().unwrap()).await;
    assert!(
        operator
            .get("/metrics")
            .await
            .contains(r#"wasser_cache_entries{name="plugins"} 1"#)
    );

    // One edit rolls back.
    operator.register("juicefs", |_| ()).await;
    let back = operator.verdict("juicefs", Verdict::Loaded).await;
    assert!(!back.annotations()["wasser.fluid.io/message"].contains("limits"));
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn of_two_claims_the_older_wins_and_the_newer_takes_over() {
    let operator = Operator::start("claims").await;
    operator.register("a-first", |_| ()).await;
    operator.verdict("a-first", Verdict::Loaded).await;
    operator.register("b-second", |_| ()).await;
    let newer = operator.verdict("b-second", Verdict::Waiting).await;
    assert!(newer.annotations()["wasser.fluid.io/message"].contains("a-first"));
    operator.event("PluginKindTaken", &newer.uid().unwrap()).await;

    operator.maps.delete("a-first", &DeleteParams::default()).await.unwrap();
    operator.verdict("b-second", Verdict::Loaded).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn runtimes_outlive_their_plugin_and_are_told() {
    let operator = Operator::start("remove").await;
    operator.register("juicefs", |_| ()).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    let runtimes = operator.runtimes();
    let runtime = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": JUICEFS, "metadata": {"name": "left"},
        "spec": {"replicas": 1}});
    let runtime = runtimes
        .create(&Default::default(), &serde_json::from_value(runtime).unwrap())
        .await
        .unwrap();

    // Losing the label is the same as being removed.
    let unlabelled = json!({"metadata": {"labels": {"wasser.fluid.io/plugin": null}}});
    operator
        .maps
        .patch("juicefs", &PatchParams::default(), &Patch::Merge(&unlabelled))
        .await
        .unwrap();
    operator.event("PluginRemoved", &runtime.uid().unwrap()).await;
    let left = runtimes.get("left").await.unwrap();
    assert!(left.metadata.deletion_timestamp.is_none());
    assert!(
        operator
            .get("/metrics")
            .await
            .contains(r#"wasser_cache_entries{name="plugins"} 0"#)
    );
    runtimes.delete("left", &DeleteParams::default()).await.unwrap();
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_plugin_that_comes_back_unchanged_attends_to_everything_again() {
    let operator = Operator::start("back").await;
    operator.register("juicefs", |_| ()).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    for name in ["scaled", "deleted"] {
        operator.create(name).await;
        operator.bound(name).await;
    }
    let label = async |value: serde_json::Value| {
        let labels = json!({"metadata": {"labels": {"wasser.fluid.io/plugin": value}}});
        operator
            .maps
            .patch("juicefs", &PatchParams::default(), &Patch::Merge(&labels))
            .await
            .unwrap();
    };
    label(json!(null)).await;
    let uid = operator.runtimes().get("scaled").await.unwrap().uid().unwrap();
    operator.event("PluginRemoved", &uid).await;
    operator
        .runtimes()
        .delete("deleted", &DeleteParams::default())
        .await
        .unwrap();
    operator.scale("scaled", 2).await;
    operator
        .at_rest("the number of requests", |metrics| {
            metrics.sum("wasser_api_requests_total", &[])
        })
        .await;
    assert!(operator.runtimes().get_opt("deleted").await.unwrap().is_some());

    label(json!("true")).await;
    operator.gone("data.fluid.io/v1alpha1", JUICEFS, "deleted").await;
    operator
        .status(JUICEFS, "scaled", &json!({"desiredWorkerNumberScheduled": 2}))
        .await;
    operator.delete_dataset("scaled").await;
    operator.delete_dataset("deleted").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_whose_plugin_is_refused_is_not_asked_for_a_runtime_alone() {
    let operator = Operator::start("unserved").await;
    operator
        .register("juicefs", |yaml| replace_line(yaml, "digest:", "digest: sha256:0000"))
        .await;
    operator.verdict("juicefs", Verdict::Refused).await;
    operator.create("demo").await;
    let message = operator.condition("demo", "NotReady").await;
    assert!(message.contains("juicefs is refused (plugin.yaml: digest"), "{message}");
    operator.delete("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    operator.gone("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn registrations_of_a_stopped_operator_are_taken_up_by_the_next() {
    let mut operator = Operator::start("restart").await;
    operator.register("juicefs", |_| ()).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    assert!(operator.terminate().await.success());

    // What was registered before under this name would serve on.
    operator.maps.delete("juicefs", &Default::default()).await.unwrap();
    let wrong = format!("digest: sha256:{}", "0".repeat(64));
    operator
        .register("juicefs", |yaml| replace_line(yaml, "digest:", &wrong))
        .await;
    operator.restart().await;
    operator.verdict("juicefs", Verdict::Refused).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn of_two_replicas_one_writes() {
    let mut first = Operator::start_with("replicas", &["--leader-elect"]).await;
    first.metric("wasser_leader 1").await;
    let second = first.replica().await;
    assert!(second.get("/metrics").await.contains("wasser_leader 0"));
    first.register("juicefs", |_| ()).await;
    let map = first.verdict("juicefs", Verdict::Loaded).await;
    let events = Api::<Event>::namespaced(first.client.clone(), &first.namespace);
    first.event("PluginLoaded", &map.uid().unwrap()).await;

    assert!(first.terminate().await.success());
    second.metric("wasser_leader 1").await;
    // The new leader finds its verdict already written.
    let loaded = |event: &&Event| event.reason.as_deref() == Some("PluginLoaded");
    assert_eq!(
        events
            .list(&ListParams::default())
            .await
            .unwrap()
            .iter()
            .filter(loaded)
            .count(),
        1
    );
    assert!(
        !second
            .get("/metrics")
            .await
            .contains(r#"verb="patch",resource="configmaps""#)
    );
    second.end().await;
}
