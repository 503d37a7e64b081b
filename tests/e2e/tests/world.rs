//! What the world does to the operator: it is killed, the API server goes away, nodes vanish,
//! others write at the same time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use wasser_e2e::expect::PATIENCE;
use wasser_e2e::manifests::{dataset, runtime, secret};
use wasser_e2e::{Operator, environment, servers};

const DATASETS: usize = 20;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn names() -> Vec<String> {
    (0..DATASETS).map(|number| format!("demo-{number}")).collect()
}

async fn in_phase(operator: &Operator, phase: &str) -> usize {
    let all = operator.datasets().list(&ListParams::default()).await.unwrap();
    all.iter()
        .filter(|dataset| dataset.data["status"]["phase"] == phase)
        .count()
}

/// Kills the operator whenever it has sent some number of requests, and starts it again, until
/// something has come about all the same.
async fn kill_until(
    operator: &mut Operator,
    numbers: &mut Numbers,
    what: &str,
    done: impl AsyncFn(&Operator) -> bool,
) -> u32 {
    let mut kills = 0;
    let work = async {
        loop {
            // Fewer than what it starts with at first; in the end enough to get something done even
            // in one life.
            let limit = 5 + numbers.below(40 * (u64::from(kills) + 1));
            let ended = operator
                .eventually(what, || async {
                    if done(operator).await {
                        return Some(true);
                    }
                    let requests = operator.metrics().await.sum("wasser_api_requests_total", &[]);
                    (requests >= limit).then_some(false)
                })
                .await;
            if ended {
                return;
            }
            operator.kill().await;
            kills += 1;
            operator.restart().await;
        }
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}, in spite of being killed"));
    kills
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn being_killed_again_and_again_leaks_nothing_and_blocks_nothing() {
    let mut operator = Operator::start_serving("killed").await;
    let mut numbers = Numbers(7);
    operator.apply(&secret(1)).await;
    for name in names() {
        operator.apply(&dataset(&name)).await;
        operator.apply(&runtime(&name)).await;
    }
    let all_bound = async |operator: &Operator| in_phase(operator, "Bound").await == DATASETS;
    let kills = kill_until(&mut operator, &mut numbers, "all Datasets are Bound", all_bound).await;
    assert!(kills > 2, "killed only {kills} times");

    for name in names() {
        operator.delete("data.fluid.io/v1alpha1", "Dataset", &name).await;
    }
    let all_gone = async |operator: &Operator| {
        let runtimes = operator.runtimes().list(&ListParams::default()).await.unwrap().items;
        runtimes.is_empty()
            && operator
                .datasets()
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .is_empty()
    };
    let kills = kill_until(&mut operator, &mut numbers, "all Datasets are gone", all_gone).await;
    assert!(kills > 2, "killed only {kills} times");
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_restarted_api_server_is_found_again() {
    let operator = Operator::start_serving("server").await;
    operator.create("before").await;
    operator.bound("before").await;
    if !servers::restart_api_server().await {
        println!("the cluster is not this project's own; its API server is left alone");
    }
    operator.apply(&dataset("after")).await;
    operator.apply(&runtime("after")).await;
    operator.bound("after").await;
    operator.bound("before").await;
    operator.delete_dataset("before").await;
    operator.delete_dataset("after").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_node_that_is_gone_is_forgotten() {
    let operator = Operator::start_serving("node").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let nodes = Api::<Node>::all(operator.client.clone());
    // With a real node, the one that goes is one that was never there: only its labels tell of the
    // dataset.
    let gone = if environment::has_real_node() {
        stand_in(&operator, &nodes).await
    } else {
        node_of(&operator, "demo-worker-0").await
    };
    let mut node = nodes.get(&gone).await.unwrap();
    operator
        .eventually("the node is labelled", || async {
            (!operator.node_labels().await.is_empty()).then_some(())
        })
        .await;
    nodes.delete(&gone, &DeleteParams::default()).await.unwrap();
    if !environment::has_real_node() {
        // The pod of a node that is gone is removed by Kubernetes in its own time; here, as by an
        // administrator.
        let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
        pods.delete("demo-worker-0", &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
    }
    let elsewhere = || async {
        let labelled = nodes.list(&ListParams::default()).await.unwrap();
        labelled
            .iter()
            .any(|node| node.name_any() != gone && node.labels().keys().any(|key| key.contains(&operator.namespace)))
            .then_some(())
    };
    operator.eventually("another node is labelled", elsewhere).await;
    operator.bound("demo").await;
    // It comes back as it was, with the labels that it had.
    node.metadata.resource_version = None;
    node.metadata.uid = None;
    if !environment::has_real_node() {
        nodes.create(&PostParams::default(), &node).await.unwrap();
    }
    operator.delete_dataset("demo").await;
    operator.clean_nodes().await;
    operator.end().await;
}

async fn node_of(operator: &Operator, pod: &str) -> String {
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    pods.get(pod).await.unwrap().spec.unwrap().node_name.unwrap()
}

async fn stand_in(operator: &Operator, nodes: &Api<Node>) -> String {
    let label = format!("fluid.io/s-{}-demo", operator.namespace);
    let node = json!({"metadata": {"name": format!("gone-{}", operator.namespace), "labels": {label: "true"}}});
    nodes
        .create(&PostParams::default(), &serde_json::from_value(node).unwrap())
        .await
        .unwrap()
        .name_any()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_second_replica_takes_over_from_one_that_crashes() {
    let mut first = Operator::start_with("takeover", &["--leader-elect"]).await;
    first.metric("wasser_leader 1").await;
    first.serve_juicefs().await;
    let second = first.replica().await;
    first.create("before").await;
    first.bound("before").await;
    first.apply(&dataset("after")).await;
    first.kill().await;
    second.apply(&runtime("after")).await;
    second.metric("wasser_leader 1").await;
    second.bound("after").await;
    second.delete_dataset("before").await;
    second.delete_dataset("after").await;
    second.empty(&["jfs-secret", "juicefs"]).await;
    second.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn others_who_write_at_the_same_time_do_no_harm() {
    let operator = Operator::start_serving("conflicts").await;
    let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let others = tokio::spawn({
        let (datasets, runtimes) = (operator.datasets(), operator.runtimes());
        let (stop, writes) = (stop.clone(), writes.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let number = writes.fetch_add(1, Ordering::Relaxed);
                let touched = Patch::Merge(json!({"metadata": {"annotations": {"somebody": number.to_string()}}}));
                for name in ["demo-0", "demo-1", "demo-2"] {
                    // Before they are there, and after they are gone, there is nothing to write.
                    let _ = datasets.patch(name, &PatchParams::default(), &touched).await;
                    let _ = runtimes.patch(name, &PatchParams::default(), &touched).await;
                }
            }
        }
    });
    operator.apply(&secret(1)).await;
    for name in ["demo-0", "demo-1", "demo-2"] {
        operator.apply(&dataset(name)).await;
        operator.apply(&runtime(name)).await;
    }
    for name in ["demo-0", "demo-1", "demo-2"] {
        operator.bound(name).await;
    }
    let before = writes.load(Ordering::Relaxed);
    for name in ["demo-0", "demo-1", "demo-2"] {
        operator.delete_dataset(name).await;
    }
    assert!(
        before > 3 && writes.load(Ordering::Relaxed) > before,
        "nobody else has written"
    );
    stop.store(true, Ordering::Relaxed);
    others.await.unwrap();
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_is_deleted_by_hand_is_put_back() {
    let operator = Operator::start_serving("hands").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let things = [
        // First: not by the upgrade that puts back something else.
        ("v1", "ConfigMap", "demo-juicefs-values"),
        ("apps/v1", "StatefulSet", "demo-worker"),
        ("apps/v1", "DaemonSet", "demo-fuse"),
        ("v1", "ConfigMap", "demo-worker-script"),
        ("v1", "PersistentVolumeClaim", "demo"),
    ];
    for (api_version, kind, name) in things {
        let old = operator.api(api_version, kind).get(name).await.unwrap().uid();
        operator.delete(api_version, kind, name).await;
        operator
            .object(api_version, kind, name, "it is put back", |found| {
                (found.uid() != old).then_some(())
            })
            .await;
    }
    operator.bound("demo").await;
    let ready = |set: &kube::api::DynamicObject| (set.data["status"]["readyReplicas"] == 1).then_some(());
    operator
        .object("apps/v1", "StatefulSet", "demo-worker", "its pod is ready", ready)
        .await;
    operator
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", |claim| {
            (claim.data["status"]["phase"] == "Bound").then_some(())
        })
        .await;
    operator.delete_dataset("demo").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}
