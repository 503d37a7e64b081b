//! The dashboard of the chart asks for metrics that there are, in a way that shows them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wasser_api::dataset::DatasetPhase;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_engine::Rollouts;

use super::Metrics;
use super::standings::tests::Objects;

const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/wasser/files/dashboard.json");

/// The panels of the dashboard.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// The queries of all panels.
fn queries() -> Vec<String> {
    let targets = panels().into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap().clone();
        targets
            .into_iter()
            .map(|target| target["expr"].as_str().unwrap().to_owned())
    });
    targets.collect()
}

/// What looks like a name of a metric in the queries of the dashboard.
fn queried() -> BTreeSet<String> {
    let queries = queries();
    let words = queries.iter().flat_map(|query| {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.map(str::to_owned)
    });
    let starts = ["wasser_", "dataset_", "runtime_s", "process_"];
    words
        .filter(|word| starts.iter().any(|start| word.starts_with(start)))
        .collect()
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let metrics = Metrics::new();
    metrics.ready(Duration::ZERO);
    metrics.leading(true);
    metrics.dataset_ufs("default/demo", 7, 1);
    metrics.setup_error("demo", "default/demo");
    metrics.health_error("demo", "default/demo");
    metrics.volume_error("demo", "default/demo");
    metrics.registration("demo", Some("loaded"));
    metrics.measure("plugins", || 1);
    metrics.api_request("patch", "pods");
    metrics.reconciles.failed("Dataset", "api");
    drop(metrics.start_reconcile("Dataset"));
    let site = wasser_plugin::CallSite {
        kind: "DemoRuntime".to_owned(),
        registration: "wasser-system/demo".to_owned(),
        digest: wasser_plugin::Digest::of(b""),
        method: "validate",
        scope: None,
    };
    let fault = wasser_plugin::CallError::Host {
        site: Box::new(site),
        reason: "a test".to_owned(),
    };
    metrics.called("DemoRuntime", "validate", Duration::ZERO, Some(&fault));
    metrics
        .standings
        .show(Objects(vec![DatasetPhase::Bound], "DemoRuntime"));
    metrics.standings.set("DemoRuntime", "default/demo", Some("failed"));
    metrics
        .operations
        .list(|| vec![(OperationKind::DataLoad, OperationPhase::Executing)]);
    let rollouts = Rollouts::default();
    rollouts.serve("DemoRuntime", "demo", "a build");
    metrics.rollouts.show(Arc::new(rollouts));
    let text = metrics.text();
    let queried = queried();
    assert!(queried.len() > 12, "{queried:?}");
    for name in queried {
        let there = text
            .lines()
            .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
        assert!(there, "{name} is not measured:\n{text}");
    }
}

/// `increase` and `rate` do not see the first value of a series, and a failure that happens once is
/// the first value of a series.
#[test]
fn the_first_failure_of_its_kind_is_seen() {
    for query in queries().iter().filter(|query| query.contains("_error")) {
        assert!(!query.contains("rate("), "{query}");
        for rest in query.split("increase(").skip(1) {
            let series = rest.split('[').next().unwrap();
            let first = format!("({series} unless {series} offset $__rate_interval)");
            assert!(query.contains(&first), "{first} is not in {query}");
        }
    }
}

#[test]
fn panels_have_a_place_of_their_own() {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(ids.insert(panel["id"].as_u64()), "{}", panel["title"]);
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert((x, y)), "{} is on another panel", panel["title"]);
        }
    }
}
