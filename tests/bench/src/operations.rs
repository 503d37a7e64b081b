//! `operations`: one Dataset is Bound, then many DataLoads are created at once, and then a chain of
//! operations of which each runs after the one before. Pods of Jobs end as soon as they run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasser_test_cluster::operator::OperatorProcess;

use super::bind::bound;
use super::fake_cluster::FakeCluster;
use super::objects::NAMESPACE;
use super::report::{Report, hundredths, seconds};
use super::requests::{counters, requests};
use super::settle::settle;
use super::usage::Usage;
use super::watch::{Tally, Watched, Watches};
use super::{Options, Scale, System};

const LOADS: Watched = ("dataloads", "/apis/data.fluid.io/v1alpha1/namespaces/bench/dataloads");
const STEPS: Watched = (
    "dataprocesses",
    "/apis/data.fluid.io/v1alpha1/namespaces/bench/dataprocesses",
);
const JOBS: Watched = ("jobs", "/apis/batch/v1/namespaces/bench/jobs");
/// The one Dataset.
const DATASET: &str = "data-0000";
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How many operations to measure, and where.
#[derive(Debug, Clone)]
pub struct Amount {
    /// DataLoads that are created at once.
    pub loads: u32,
    /// Operations that run one after the other.
    pub chain: u32,
    /// Fake nodes.
    pub nodes: u32,
    /// Leave the cluster for a look at it.
    pub keep: bool,
}

/// Measures operations.
pub fn operations(options: &Options, amount: &Amount) -> Result<Report> {
    let scale = Scale {
        count: 1,
        systems: vec![System::Juicefs],
        hung: 0,
        nodes: amount.nodes,
        keep: amount.keep,
        profile: None,
    };
    let parameters = json!({"loads": amount.loads, "chain": amount.chain, "fakeNodes": amount.nodes});
    let mut report = Report::new("operations", options, parameters);
    let fake = FakeCluster::new(options, &scale, &mut report)?;
    let (mut operator, watches) = bound(&fake, &scale, &mut report)?;
    drop(watches);
    settle(&operator)?;
    report.under("floor", |report| bare(&fake, amount.loads, report))?;
    let loads = (1..=amount.loads).map(|at| load(DATASET, at)).collect();
    report.under("loads", |report| complete(&fake, &operator, LOADS, loads, report))?;
    settle(&operator)?;
    let chain = (1..=amount.chain).map(|at| step(DATASET, at)).collect();
    report.under("chain", |report| complete(&fake, &operator, STEPS, chain, report))?;
    report.figure("stopSeconds", seconds(operator.stop()?))?;
    let to_floor = report.number("loads.completeSeconds")? / report.number("floor.completeSeconds")?;
    report.figure("loadsToFloor", hundredths(to_floor))?;
    if amount.loads == 200 {
        report.target("loads.completeSeconds", 15.0)?;
        report.target("loads.requestsBeyondJob", 8.0)?;
        report.target("chain.requestsBeyondJob", 8.0)?;
    }
    for figure in [
        "loads.completeAfterJobSeconds",
        "chain.completeAfterJobSeconds",
        "chain.startsAfterPredecessorSeconds",
    ] {
        report.target(figure, 1.0)?;
    }
    Ok(report)
}

/// Creates Jobs like those of loads, with a ConfigMap each, by a bare client: the least that as many
/// operations can cost.
fn bare(fake: &FakeCluster, count: u32, report: &mut Report) -> Result<()> {
    let wanted = usize::try_from(count)?;
    let mut watches = Watches::start(fake.cluster(), &[JOBS])?;
    eprintln!("creating {wanted} jobs without operations");
    let began = Instant::now();
    let objects: Vec<Value> = (1..=count).flat_map(job).collect();
    fake.create_list(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
    report.figure("createSeconds", seconds(began.elapsed()))?;
    watches.wait("every Job is complete", PATIENCE, |tally| {
        tally.reached(JOBS.0, "Complete").len() == wanted
    })?;
    let last = watches.tally().reached(JOBS.0, "Complete").into_iter().max();
    let last = last.map(|at| at.saturating_duration_since(began)).unwrap_or_default();
    report.figure("completeSeconds", seconds(last))
}

/// Creates operations, and waits until all are complete.
fn complete(
    fake: &FakeCluster,
    operator: &OperatorProcess,
    kind: Watched,
    objects: Vec<Value>,
    report: &mut Report,
) -> Result<()> {
    let wanted = objects.len();
    let mut watches = Watches::start(fake.cluster(), &[kind, JOBS])?;
    let (usage, before) = (Usage::of_operator(operator)?, operator.metrics()?);
    eprintln!("creating {wanted} {}", kind.0);
    let began = Instant::now();
    fake.create_list(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
    report.figure("createSeconds", seconds(began.elapsed()))?;
    let waited = watches.wait("every operation is complete", PATIENCE, |tally| {
        // The watch of Jobs may be behind that of operations.
        let ended = jobs(tally, kind.0).filter(|(_, job)| tally.when(JOBS.0, job, "Complete").is_some());
        tally.reached(kind.0, "Complete").len() == wanted && ended.count() == wanted
    });
    waited.with_context(|| format!("wasser's log is {}", operator.log().display()))?;
    let times: Vec<f64> = watches
        .tally()
        .reached(kind.0, "Complete")
        .into_iter()
        .map(|at| seconds(at.saturating_duration_since(began)))
        .collect();
    settle(operator)?;
    let (after, now) = (Usage::of_operator(operator)?, operator.metrics()?);
    let all = times.last().copied().unwrap_or_default();
    eprintln!("{wanted} {} complete after {all:.2} s", kind.0);
    report.figure("completeSeconds", all)?;
    report.figure("completeSecondsFirst", times.first().copied().unwrap_or_default())?;
    report.figure("longestGapSeconds", longest_gap(&times))?;
    let tally = watches.tally();
    let complete = |name: &str| tally.when(kind.0, name, "Complete");
    let lags = jobs(tally, kind.0).filter_map(|(name, job)| {
        let ended = tally.when(JOBS.0, job, "Complete")?;
        Some(complete(name)?.saturating_duration_since(ended))
    });
    report.figure("completeAfterJobSeconds", seconds(lags.max().unwrap_or_default()))?;
    let names: Vec<&str> = tally.names(kind.0).collect();
    let starts = names.iter().zip(names.iter().skip(1)).filter_map(|(before, next)| {
        let started = tally.when(kind.0, next, "Executing")?;
        Some(started.saturating_duration_since(complete(before)?))
    });
    if kind == STEPS {
        let longest = seconds(starts.max().unwrap_or_default());
        report.figure("startsAfterPredecessorSeconds", longest)?;
    }
    report.figure("cpuSeconds", hundredths(after.cpu_seconds - usage.cpu_seconds))?;
    let before: BTreeMap<String, f64> = counters(&before);
    let requests = requests(&before, &now, u32::try_from(wanted)?);
    // A Job costs itself and the ConfigMap with its script.
    let each = requests["perDataset"].as_f64().unwrap_or_default();
    report.figure("requestsBeyondJob", hundredths(each - 2.0))?;
    report.figure("requests", requests)
}

/// The operations of a kind with the names of their Jobs, which begin with theirs.
fn jobs<'a>(tally: &'a Tally, kind: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let jobs: Vec<&str> = tally.names(JOBS.0).collect();
    tally.names(kind).filter_map(move |name| {
        let mut own = jobs
            .iter()
            .filter(|job| job.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
        own.next().map(|job| (name, *job))
    })
}

/// Returns the longest time between two operations that were complete.
fn longest_gap(times: &[f64]) -> f64 {
    let pairs = times.iter().zip(times.iter().skip(1));
    hundredths(pairs.map(|(one, next)| next - one).fold(0.0, f64::max))
}

fn job(at: u32) -> [Value; 2] {
    let metadata = json!({"name": format!("floor-{at:04}"), "namespace": NAMESPACE});
    let script = format!("floor-{at:04}");
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"dataloader.sh": "true"}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {
            "backoffLimit": 3, "completions": 1, "parallelism": 1,
            "template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "loader", "image": "registry.example.com/loader",
                    "volumeMounts": [{"name": "script", "mountPath": "/scripts"}]}],
                "volumes": [{"name": "script", "configMap": {"name": script}}],
            }},
        }}),
    ]
}

fn load(dataset: &str, at: u32) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad",
        "metadata": {"name": format!("load-{at:04}"), "namespace": NAMESPACE},
        "spec": {"dataset": {"name": dataset}, "target": [{"path": format!("/{at}")}]},
    })
}

fn step(dataset: &str, at: u32) -> Value {
    let step = |at: u32| format!("step-{at:04}");
    let mut spec = json!({
        "dataset": {"name": dataset, "namespace": NAMESPACE, "mountPath": "/data"},
        "processor": {"script": {"image": "registry.example.com/bash", "command": ["bash"], "source": "true"}},
    });
    if at > 1 {
        spec["runAfter"] = json!({"kind": "DataProcess", "name": step(at - 1)});
    }
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DataProcess",
        "metadata": {"name": step(at), "namespace": NAMESPACE}, "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_one_beginning_and_its_longest_gap_counts() {
        assert_eq!(step("d", 1)["spec"].get("runAfter"), None);
        assert_eq!(
            step("d", 2)["spec"]["runAfter"]["name"],
            step("d", 1)["metadata"]["name"]
        );
        assert!((longest_gap(&[1.0, 1.5, 3.0, 3.25]) - 1.5).abs() < 1e-9);
        assert!(longest_gap(&[]).abs() < 1e-9);
    }
}
