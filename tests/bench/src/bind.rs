//! `bind`: wasser starts on many Datasets. Measures how long it takes until all are Bound, and at
//! what cost. Datasets of several systems, or together with others whose masters do not answer, are
//! compared with as many of JuiceFS alone, on a cluster of the same kind. JuiceFS alone is compared
//! with what a bare client needs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::fake_cluster::{COMPILING, FakeCluster, count_lines};
use super::floor::{self, Template};
use super::mappings::{Peak, Resident};
use super::objects::{DATASETS, HUNG, NAMESPACE};
use super::profile::Sampling;
use super::report::{Report, hundredths, milliseconds, quantile, seconds};
use super::requests::{REQUESTS, counters, requests};
use super::settle::{settle, wait_for};
use super::usage::{Usage, machine_cpu_seconds};
use super::watch::Watches;
use super::{Options, Scale, System};
use wasser_test_cluster::metrics::{Metrics, added};
use wasser_test_cluster::operator::OperatorProcess;

/// How long a later start may take.
const STARTING: Duration = Duration::from_secs(30);
/// How many starts are measured; the median is the time until wasser is ready.
const STARTS: usize = 5;
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many runtimes of a kind can be seen waiting for their masters at a time.
const WAITING: u32 = 64;
/// How long nothing is done after that.
const IDLE: u32 = 20;

/// Measures binding.
pub fn bind(options: &Options, scale: &Scale) -> Result<Report> {
    let mut report = Report::new("bind", options, scale.parameters());
    if scale.hung > 0 {
        compare("besideHung", options, scale, &mut report)?;
        report.target("besideHungToAlone", 1.1)?;
    } else if scale.systems != [System::Juicefs] {
        compare("mixed", options, scale, &mut report)?;
        report.target("mixedToAlone", 1.5)?;
        report.target("mixed.usageAfterIdle.peakRssMegabytes", 80.0)?;
    } else {
        let template = measure(options, scale, &mut report)?;
        // The floor needs the place of a cluster that is kept.
        if let Some(template) = template.filter(|_| !scale.keep) {
            compare_with_floor(options, scale, &template, &mut report)?;
        }
        if scale.count == 200 {
            report.target("boundSeconds", 10.0)?;
            report.target("usageAtBound.cpuSeconds", 4.0)?;
            report.target("usageAfterIdle.peakRssMegabytes", 60.0)?;
        }
        report.target("readyMilliseconds", 300.0)?;
    }
    Ok(report)
}

fn compare_with_floor(options: &Options, scale: &Scale, template: &Template, report: &mut Report) -> Result<()> {
    let floor = floor::measure(options, scale, template, report)?;
    let time = report.number("boundSeconds")? / floor.seconds;
    report.figure("boundSecondsToFloor", hundredths(time))?;
    let cpu = report.number("controlPlaneCpuSeconds.kube-apiserver")? / floor.api_server_cpu_seconds;
    report.figure("apiServerCpuToFloor", hundredths(cpu))?;
    report.target("boundSecondsToFloor", 1.4)?;
    report.target("apiServerCpuToFloor", 1.4)
}

/// Measures the floor alone; the operator only makes the template.
pub fn floor(options: &Options, scale: &Scale) -> Result<Report> {
    let mut report = Report::new("floor", options, scale.parameters());
    let one = Scale {
        count: 1,
        ..scale.clone()
    };
    let template = {
        let fake = FakeCluster::new(options, &one, &mut report)?;
        fake.compile()?;
        let (mut operator, watches) = bound(&fake, &one, &mut report.clone())?;
        drop(watches);
        settle(&operator)?;
        let template = floor::capture(fake.cluster())?;
        operator.stop()?;
        template
    };
    floor::measure(options, scale, &template, &mut report)?;
    Ok(report)
}

/// Measures JuiceFS alone and the Datasets that are asked for, and compares the two.
fn compare(name: &str, options: &Options, scale: &Scale, report: &mut Report) -> Result<()> {
    report.under("alone", |report| measure(options, &scale.alone(), report).map(drop))?;
    report.under(name, |report| measure(options, scale, report).map(drop))?;
    let times = report.number(&format!("{name}.boundSeconds"))? / report.number("alone.boundSeconds")?;
    report.figure(&format!("{name}ToAlone"), hundredths(times))
}

/// Returns what was written for the first Dataset, if JuiceFS serves it.
fn measure(options: &Options, scale: &Scale, report: &mut Report) -> Result<Option<Template>> {
    let fake = FakeCluster::new(options, scale, report)?;
    ready(&fake, report)?;
    if scale.hung > 0 {
        hang(&fake, scale)?;
    }
    let (mut operator, watches) = bound(&fake, scale, report)?;
    drop(watches);
    idle(&fake, &operator, report)?;
    if scale.hung > 0 {
        let phases = datasets(&fake, HUNG, r#"jsonpath={range .items[*]}{.status.phase}{"\n"}{end}"#)?;
        report.figure("hungDatasetsByPhase", phases)?;
    }
    let template = match scale.systems.first() {
        Some(System::Juicefs) => Some(floor::capture(fake.cluster())?),
        _ => None,
    };
    report.figure("stopSeconds", seconds(operator.stop()?))?;
    Ok(template)
}

/// Waits until the runtimes whose masters do not answer wait for them. What is measured afterwards
/// is the cost of their waiting for the others, and not of their installation.
fn hang(fake: &FakeCluster, scale: &Scale) -> Result<()> {
    fake.create_hung(scale)?;
    let mut operator = fake.start_operator("hung")?;
    operator.wait_ready(STARTING, || Ok(()))?;
    let all = f64::from(scale.hung.min(WAITING));
    let waits = wait_for(&operator, PATIENCE, |metrics| {
        let running = metrics.sums("wasser_reconciles_running", &["kind"]);
        running.get(System::Alluxio.kind()) >= Some(&all)
    })?;
    ensure!(
        waits,
        "after {} s, not every runtime waits for its master; wasser's log is {}",
        PATIENCE.as_secs(),
        operator.log().display()
    );
    operator.stop().map(drop)
}

/// Measures how long wasser takes until it is ready, with everything compiled and nothing to do.
/// This also fills its cache.
fn ready(fake: &FakeCluster, report: &mut Report) -> Result<()> {
    let mut first = fake.start_operator("first")?;
    report.figure(
        "firstReadyMilliseconds",
        milliseconds(first.wait_ready(COMPILING, || Ok(()))?),
    )?;
    first.stop()?;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let mut operator = fake.start_operator("ready")?;
        times.push(operator.wait_ready(STARTING, || Ok(()))?);
        report.figure("usageWhenReady", Usage::of_operator(&operator)?)?;
        report.figure(
            "readyByItselfMilliseconds",
            operator.metrics()?.total("wasser_ready_seconds") * 1e3,
        )?;
        operator.stop()?;
    }
    times.sort();
    let median = quantile(&times, 0.5).context("wasser was never started")?;
    report.figure("readyMilliseconds", milliseconds(median))?;
    report.figure(
        "readyMillisecondsEach",
        times.into_iter().map(milliseconds).collect::<Vec<_>>(),
    )
}

/// Creates the Datasets, starts wasser, and waits until all are Bound.
pub fn bound(fake: &FakeCluster, scale: &Scale, report: &mut Report) -> Result<(OperatorProcess, Watches)> {
    fake.create(scale)?;
    let wanted = usize::try_from(scale.count)?;
    let mut watches = Watches::start(fake.cluster(), &[DATASETS])?;
    watches.wait("every Dataset is known", STARTING, |tally| {
        tally.present(DATASETS.0) == wanted
    })?;
    let (before, busy) = (fake.control_plane()?, machine_cpu_seconds()?);
    let mut operator = fake.start_operator("run")?;
    let ready = operator.wait_ready(STARTING, || Ok(()))?;
    let sampling = scale
        .profile
        .as_deref()
        .map(|file| Sampling::start(operator.id(), file));
    let sampling = sampling.transpose()?;
    let peak = Peak::start(operator.id());
    let waited = watches.wait("every Dataset is Bound", PATIENCE, |tally| {
        tally.reached(DATASETS.0, "Bound").len() == wanted
    });
    waited.with_context(|| format!("wasser's log is {}", operator.log().display()))?;
    let (usage, metrics) = (Usage::of_operator(&operator)?, operator.metrics()?);
    let peak = peak.finish()?;
    sampling.map_or(Ok(()), Sampling::finish)?;
    let after: Vec<f64> = watches
        .tally()
        .reached(DATASETS.0, "Bound")
        .into_iter()
        .map(|at| seconds(at.saturating_duration_since(operator.started())))
        .collect();
    eprintln!(
        "{wanted} Datasets Bound after {:.2} s with {:.2} s of processor time",
        after.last().unwrap_or(&0.0),
        usage.cpu_seconds
    );
    for (name, part) in [
        ("boundSecondsFirst", 0.0),
        ("boundSecondsMedian", 0.5),
        ("boundSecondsP95", 0.95),
        ("boundSeconds", 1.0),
    ] {
        report.figure(name, quantile(&after, part))?;
    }
    report.figure("readyWithDatasetsMilliseconds", milliseconds(ready))?;
    report.figure("usageAtBound", usage)?;
    report.figure("residentKilobytesAtPeak", peak)?;
    report.figure("requestsAtBound", requests(&BTreeMap::new(), &metrics, scale.count))?;
    report.figure("workAtBound", work(&metrics))?;
    report.figure("controlPlaneCpuSeconds", added(&before, &fake.control_plane()?))?;
    report.figure("machineCpuSeconds", hundredths(machine_cpu_seconds()? - busy))?;
    Ok((operator, watches))
}

/// Returns where wasser spent its time.
pub fn work(metrics: &Metrics) -> Value {
    json!({
        "reconciles": metrics.sums("wasser_reconciles_total", &["kind"]),
        "reconcileSeconds": metrics.sums("wasser_reconcile_duration_seconds_sum", &["kind"]),
        "reconcileErrors": metrics.sums("wasser_reconcile_errors_total", &["kind", "error"]),
        "pluginCalls": metrics.sums("wasser_plugin_call_duration_seconds_count", &["method"]),
        "pluginCallSeconds": metrics.sums("wasser_plugin_call_duration_seconds_sum", &["method"]),
        "responseBytes": metrics.sums("wasser_api_response_bytes_total", &["verb"]),
        "watchEvents": metrics.sums("wasser_watch_events_total", &["resource"]),
        "taskBusySeconds": metrics.sums("wasser_task_busy_seconds_total", &["task"]),
        "pluginErrors": metrics.sums("wasser_plugin_errors_total", &["method", "error"]),
    })
}

/// Measures the cost while nothing changes. Work that is still under way when everything is Bound
/// counts too; the numbers of each second show it.
fn idle(fake: &FakeCluster, operator: &OperatorProcess, report: &mut Report) -> Result<()> {
    eprintln!("watching it do nothing for {IDLE} s");
    let (began, usage) = (Instant::now(), Usage::of_operator(operator)?);
    let before = counters(&operator.metrics()?);
    let mut last: f64 = before.values().sum();
    let mut each_second = Vec::new();
    for second in 1..=IDLE {
        std::thread::sleep((began + Duration::from_secs(second.into())).saturating_duration_since(Instant::now()));
        let now = operator.metrics()?.total(REQUESTS);
        each_second.push(now - last);
        last = now;
    }
    let (metrics, after) = (operator.metrics()?, Usage::of_operator(operator)?);
    report.figure(
        "idle",
        json!({
            "seconds": IDLE,
            "cpuSeconds": hundredths(after.cpu_seconds - usage.cpu_seconds),
            "requestsEachSecond": each_second,
            "requestsByVerbAndResource": added(&before, &counters(&metrics)),
        }),
    )?;
    report.figure("usageAfterIdle", after)?;
    report.figure("residentKilobytesAfterIdle", Resident::of(operator.id())?)?;
    report.figure("workAfterIdle", work(&metrics))?;
    // Fake nodes have no containers to ask: this says what users would see.
    let states = r#"jsonpath={range .items[*]}{.status.phase} {.status.ufsTotal} {.status.fileNum}{"\n"}{end}"#;
    report.figure("datasetsByPhaseUfsTotalAndFileNum", datasets(fake, NAMESPACE, states)?)
}

/// Counts the different lines that kubectl prints for the Datasets of a namespace.
fn datasets(fake: &FakeCluster, namespace: &str, output: &str) -> Result<BTreeMap<String, u32>> {
    count_lines(fake.cluster(), &["get", "datasets", "-n", namespace, "-o", output])
}
