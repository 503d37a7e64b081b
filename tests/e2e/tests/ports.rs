//! Host ports: no two runtimes get the same, however they come.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use serde_json::json;

use wasser_e2e::Operator;
use wasser_e2e::manifests::alluxio;

const APPS: &str = "apps/v1";

/// Applies a Dataset, served by nothing but its root, and its runtime.
async fn apply(operator: &Operator, name: &str) {
    let root = json!([{"mountPoint": "s3://bucket/data", "name": "data", "path": "/"}]);
    for object in alluxio(name, Some(root)) {
        operator.apply(&object).await;
    }
}

/// The ports of nodes that the workloads of each runtime declare.
async fn held(operator: &Operator) -> BTreeMap<String, BTreeSet<u16>> {
    let mut held = BTreeMap::<String, BTreeSet<u16>>::new();
    for kind in ["StatefulSet", "DaemonSet"] {
        for workload in operator.api(APPS, kind).list(&Default::default()).await.unwrap() {
            let spec = &workload.data["spec"]["template"]["spec"];
            let containers = spec["containers"].as_array().cloned().unwrap_or_default();
            let ports = containers
                .iter()
                .flat_map(|container| container["ports"].as_array().cloned().unwrap_or_default());
            let ports = ports.filter_map(|port| u16::try_from(port["containerPort"].as_u64()?).ok());
            if spec["hostNetwork"] == true {
                let runtime = workload.owner_references()[0].name.clone();
                held.entry(runtime).or_default().extend(ports);
            }
        }
    }
    held
}

fn are_distinct(held: &BTreeMap<String, BTreeSet<u16>>) {
    let all: BTreeSet<u16> = held.values().flatten().copied().collect();
    let count: usize = held.values().map(BTreeSet::len).sum();
    assert!(!all.is_empty() && all.len() == count, "{held:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn runtimes_that_race_or_come_during_a_restart_share_no_port() {
    let mut operator = Operator::start_with("ports", &["--workers", "1"]).await;
    operator.serve("alluxio").await;
    let first = ["data-1", "data-2", "data-3"];
    for name in first {
        apply(&operator, name).await;
    }
    for name in first {
        operator.bound(name).await;
    }
    let before = held(&operator).await;
    are_distinct(&before);

    // This one is looked at before those that have their ports already.
    assert!(operator.terminate().await.success());
    apply(&operator, "data-0").await;
    operator.restart().await;
    operator.bound("data-0").await;
    let after = held(&operator).await;
    are_distinct(&after);
    for name in first {
        assert_eq!(after[name], before[name], "{name} has other ports than before");
    }

    // What is deleted gives its ports back.
    operator.delete_dataset("data-1").await;
    apply(&operator, "data-4").await;
    operator.bound("data-4").await;
    assert_eq!(held(&operator).await["data-4"], before["data-1"]);
    for name in ["data-0", "data-2", "data-3", "data-4"] {
        operator.delete_dataset(name).await;
    }
    operator.empty(&["alluxio"]).await;
    operator.end().await;
}
