//! What a dataset costs the API server: at most these requests, by the operator's own count.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::collections::BTreeMap;

use kube::ResourceExt;

use wasser_e2e::Operator;
use wasser_e2e::metrics::Metrics;

/// From the creation of a Dataset and its runtime until nothing happens any more.
const BINDING: &[(&str, u64)] = &[
    // The Secret that the Dataset names. That there is no release yet is known from a watch.
    ("get secrets", 1),
    // What the chart has: two scripts, workers as they are wanted, and clients; the last ConfigMap
    // is that of the values. A name that somebody has would be refused by the creation.
    ("create configmaps", 3),
    ("create daemonsets", 1),
    ("create statefulsets", 1),
    ("create secrets", 1),
    ("create persistentvolumes", 1),
    ("create persistentvolumeclaims", 1),
    ("patch nodes", 1),
    // Finalizer and label; Bound, and what the cache holds.
    ("patch datasets", 1),
    ("patch datasets/status", 2),
    ("patch juicefsruntimes", 2),
    // The same; slow pods add their progress.
    ("patch juicefsruntimes/status", 3),
    // The Dataset's life: installed, bound.
    ("create events", 2),
];
/// From the deletion of the Dataset until nothing is left.
const DELETING: &[(&str, u64)] = &[
    // The runtime goes before its Dataset.
    ("delete juicefsruntimes", 1),
    // Only what is the runtime's is deleted.
    ("get configmaps", 3),
    ("get daemonsets", 1),
    ("get statefulsets", 1),
    // What was installed, and no more.
    ("delete configmaps", 3),
    ("delete daemonsets", 1),
    ("delete statefulsets", 1),
    ("delete secrets", 1),
    ("delete persistentvolumes", 1),
    ("delete persistentvolumeclaims", 1),
    // That something is gone is believed only after a look, once; a second one where the watch was
    // late with the first.
    ("get persistentvolumes", 2),
    ("get persistentvolumeclaims", 2),
    // The release's records.
    ("list secrets", 1),
    ("patch nodes", 1),
    // The finalizers.
    ("patch datasets", 1),
    ("patch juicefsruntimes", 1),
    // Without containers no command runs, and it is looked up whether that is the API server's fault.
    ("get juicefsruntimes", 1),
    // Without containers there is no cache to clean, which is said once; and that the runtime is
    // gone.
    ("create events", 2),
];

/// Not what conversations with pods take: how many there are depends on what the pods answer, and
/// cache states are read again and again. Watches count by the kind, not by the dataset.
fn counts(name: &str) -> bool {
    !name.ends_with(" pods/exec") && name != "list pods" && !name.starts_with("watch ")
}

fn requests(metrics: &Metrics) -> BTreeMap<String, u64> {
    metrics
        .requests()
        .into_iter()
        .filter(|(name, _)| counts(name))
        .collect()
}

/// Fails for every request that is over its limit, or has none.
fn within(found: &BTreeMap<String, u64>, limits: &[(&str, u64)]) {
    let limit = |name: &str| {
        limits
            .iter()
            .find(|(limited, _)| *limited == name)
            .map_or(0, |(_, limit)| *limit)
    };
    let over: Vec<String> = found
        .iter()
        .filter(|(name, count)| **count > limit(name))
        .map(|(name, count)| format!("{name}: {count} of {}", limit(name)))
        .collect();
    assert!(over.is_empty(), "over the budget: {over:#?}\nall: {found:#?}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn binding_and_deleting_a_dataset_cost_a_fixed_number_of_requests() {
    // Reading cache states is periodic, and not what is counted here.
    let operator = Operator::start_with("budget", &["--sync-period", "1h"]).await;
    operator.serve_juicefs().await;
    // The first dataset of a kind also brings what is read once.
    operator.create("first").await;
    operator.bound("first").await;
    operator.at_rest("the number of requests", requests).await;

    let before = operator.metrics().await;
    operator.create("second").await;
    operator.bound("second").await;
    operator.at_rest("the number of requests", requests).await;
    let after = operator.metrics().await;
    let binding: BTreeMap<String, u64> = after
        .requests_since(&before)
        .into_iter()
        .filter(|(name, _)| counts(name))
        .collect();
    println!("binding: {binding:#?}\n{}", operator.situation().await);
    within(&binding, BINDING);

    operator.delete_dataset("second").await;
    operator.at_rest("the number of requests", requests).await;
    let deleting = operator.metrics().await.requests_since(&after);
    let deleting: BTreeMap<String, u64> = deleting.into_iter().filter(|(name, _)| counts(name)).collect();
    println!("deleting: {deleting:#?}\n{}", operator.situation().await);
    within(&deleting, DELETING);
    operator.delete_dataset("first").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bound_dataset_costs_nothing_while_nothing_happens() {
    let operator = Operator::start_with("idle", &["--sync-period", "1s"]).await;
    operator.serve_juicefs().await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator.at_rest("the number of requests", requests).await;
    let before = operator.metrics().await;
    // Several periods of the sync pass: what it reads from pods does not count, but nothing else
    // may be asked.
    let reconciles = before.reconciles("JuiceFSRuntime");
    operator
        .eventually("some syncs", || async {
            (operator.metrics().await.reconciles("JuiceFSRuntime") >= reconciles + 5).then_some(())
        })
        .await;
    let asked: BTreeMap<String, u64> = operator
        .metrics()
        .await
        .requests_since(&before)
        .into_iter()
        .filter(|(name, _)| counts(name))
        .collect();
    // Where pods have no containers to ask, the sizes stay unknown: that is shown once, and nothing
    // is calculated any more.
    within(&asked, &[("create events", 1), ("patch datasets/status", 1)]);
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_restart_changes_nothing() {
    let mut operator = Operator::start_serving("restart").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator.at_rest("the number of requests", requests).await;
    let version = |object: kube::api::DynamicObject| object.resource_version().unwrap();
    let set = operator
        .api("apps/v1", "StatefulSet")
        .get("demo-worker")
        .await
        .map(version)
        .unwrap();
    assert!(operator.terminate().await.success());
    operator.restart().await;
    operator
        .eventually("a reconcile", || async {
            (operator.metrics().await.reconciles("JuiceFSRuntime") > 0).then_some(())
        })
        .await;
    let asked = operator.at_rest("the number of requests", requests).await;
    let writes: Vec<&String> = asked
        .keys()
        .filter(|name| !name.starts_with("get ") && !name.starts_with("list "))
        .collect();
    assert!(writes.is_empty(), "{asked:#?}");
    assert_eq!(
        operator
            .api("apps/v1", "StatefulSet")
            .get("demo-worker")
            .await
            .map(version)
            .unwrap(),
        set
    );
    operator.delete_dataset("demo").await;
    operator.end().await;
}
