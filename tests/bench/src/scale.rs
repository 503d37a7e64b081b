//! `scale`: thousands of Datasets, some hundred at a time. Measures whether the last ones are Bound
//! as fast as the first, what they cost at rest, and what one more, another leader, another version
//! of the plugin and the end of all costs among so many.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasser_test_cluster::metrics::{Metrics, added};
use wasser_test_cluster::operator::OperatorProcess;

use super::bind::work;
use super::delete::{leftovers, remove_all};
use super::fake_cluster::FakeCluster;
use super::objects::{DATASETS, System};
use super::report::{Report, hundredths, quantile, seconds};
use super::requests::{counters, requests};
use super::settle::{settle, wait_for};
use super::usage::Usage;
use super::watch::Watches;
use super::{Options, Scale, swapped};

/// Datasets that are there when one more is measured among few.
const FEW: u32 = 10;
/// How many more are measured one by one, among few and among all.
const SINGLE: u32 = 5;
/// How long a start may take, in which Helm's engine may be compiled.
const STARTING: Duration = Duration::from_secs(300);
/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How long nothing is done when all are Bound.
const REST: Duration = Duration::from_secs(120);
/// How long a replica in waiting reads before the leader ends.
const LISTING: Duration = Duration::from_secs(60);

/// Many Datasets, and how they come.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// Datasets in the end.
    pub count: u32,
    /// Datasets that come together.
    pub step: u32,
    /// Fake nodes.
    pub nodes: u32,
    /// Leave the cluster for a look at it.
    pub keep: bool,
}

/// Measures growth.
pub fn scale(options: &Options, growth: &Growth) -> Result<Report> {
    let parameters = json!({"datasets": growth.count, "step": growth.step, "fakeNodes": growth.nodes});
    let mut report = Report::new("scale", options, parameters);
    if let Err(error) = measure(options, growth, &mut report) {
        eprintln!("what was measured until then: {}", report.figures());
        return Err(error);
    }
    report.target("lastStepToFirst", 1.2)?;
    report.target("rest.requestsPerMinute", 1.0)?;
    report.target("kilobytesPerDataset", 12.0)?;
    report.target("oneMoreAmongAllToAmongFew", 1.5)?;
    report.target("takeover.servesAfterSeconds", 15.0)?;
    Ok(report)
}

fn measure(options: &Options, growth: &Growth, report: &mut Report) -> Result<()> {
    let place = Scale {
        count: growth.count,
        systems: vec![System::Juicefs],
        hung: 0,
        nodes: growth.nodes,
        keep: growth.keep,
        profile: None,
    };
    let fake = FakeCluster::new(options, &place, report)?.with_leader_election();
    fake.compile()?;
    let mut operator = fake.start_operator("leader")?;
    operator.wait_ready(STARTING, || Ok(()))?;
    let mut crowd = Crowd {
        fake: &fake,
        watches: Watches::start(fake.cluster(), &[DATASETS])?,
        there: 0,
    };
    crowd.add(FEW)?;
    settle(&operator)?;
    report.figure("oneMoreAmongFewSeconds", crowd.one_by_one()?)?;
    let start = Usage::of_operator(&operator)?;
    grow(&mut crowd, &operator, growth, report)?;
    settle(&operator)?;
    slope(&start, &operator, &crowd, report)?;
    rest(&operator, report)?;
    report.figure("oneMoreAmongAllSeconds", crowd.one_by_one()?)?;
    let ratio = report.number("oneMoreAmongAllSeconds")? / report.number("oneMoreAmongFewSeconds")?;
    report.figure("oneMoreAmongAllToAmongFew", hundredths(ratio))?;
    swap(&fake, &operator, &crowd, report)?;
    let mut operator = take_over(&fake, operator, &mut crowd, report)?;
    let there = crowd.there;
    drop(crowd);
    let all = Scale { count: there, ..place };
    report.under("deletion", |report| {
        remove_all(&fake, &operator, &all, PATIENCE, report)
    })?;
    report.figure("leftovers", leftovers(&fake)?)?;
    report.figure("stopSeconds", seconds(operator.stop()?))
}

/// The Datasets that were created so far.
struct Crowd<'a> {
    fake: &'a FakeCluster,
    watches: Watches,
    there: u32,
}

impl Crowd<'_> {
    /// Creates so many more, and waits until all are Bound. Returns how long the creation took.
    fn add(&mut self, count: u32) -> Result<Duration> {
        let began = Instant::now();
        self.fake.create_more(self.there..self.there + count)?;
        let creation = began.elapsed();
        self.there += count;
        let all = usize::try_from(self.there)?;
        self.watches
            .wait(&format!("{all} Datasets are Bound"), PATIENCE, |tally| {
                tally.count(DATASETS.0, "Bound") == all
            })?;
        Ok(creation)
    }

    /// Adds some, each when the one before is Bound. Returns the median of the seconds from a
    /// creation to Bound.
    fn one_by_one(&mut self) -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..SINGLE {
            let began = Instant::now();
            let creation = self.add(1)?;
            times.push(began.elapsed().saturating_sub(creation));
        }
        times.sort();
        quantile(&times, 0.5).map(seconds).context("nothing was measured")
    }
}

/// Adds Datasets until there are as many as wanted.
fn grow(crowd: &mut Crowd<'_>, operator: &OperatorProcess, growth: &Growth, report: &mut Report) -> Result<()> {
    let mut steps = Vec::new();
    let mut each = Vec::new();
    let mut left = growth.count.saturating_sub(crowd.there);
    while left > 0 {
        let step = left.min(growth.step);
        left -= step;
        let (usage, before) = (Usage::of_operator(operator)?, counters(&operator.metrics()?));
        let control_plane = crowd.fake.control_plane()?;
        let began = Instant::now();
        let creation = crowd.add(step)?;
        let took = began.elapsed();
        let after = Usage::of_operator(operator)?;
        eprintln!(
            "{} Datasets Bound, the last {step} after {:.1} s with {:.1} s of processor time; {:.0} MB that no file backs",
            crowd.there,
            took.as_secs_f32(),
            after.cpu_seconds - usage.cpu_seconds,
            after.anonymous_rss_megabytes
        );
        let per_thousand = took.as_secs_f64() / f64::from(step) * 1e3;
        // What is left over at the end says little about the pace.
        if step == growth.step || each.is_empty() {
            each.push(per_thousand);
        }
        steps.push(json!({
            "datasets": crowd.there,
            "secondsPerThousand": hundredths(per_thousand),
            "creationSeconds": seconds(creation),
            "cpuSecondsPerThousand": hundredths((after.cpu_seconds - usage.cpu_seconds) / f64::from(step) * 1e3),
            "requests": requests(&before, &operator.metrics()?, step)["perDataset"],
            "controlPlaneCpuSeconds": added(&control_plane, &crowd.fake.control_plane()?),
            "usage": after,
        }));
        report.figure("steps", &steps)?;
    }
    let (first, last) = (each.first().copied(), each.last().copied());
    let ratio = last.unwrap_or(f64::NAN) / first.unwrap_or(f64::NAN);
    report.figure("lastStepToFirst", hundredths(ratio))
}

/// What each Dataset adds to the operator's memory, of that which no file backs.
fn slope(start: &Usage, operator: &OperatorProcess, crowd: &Crowd<'_>, report: &mut Report) -> Result<()> {
    let now = Usage::of_operator(operator)?;
    let kilobytes = (now.anonymous_rss_megabytes - start.anonymous_rss_megabytes) * 1e3;
    report.figure(
        "kilobytesPerDataset",
        hundredths(kilobytes / f64::from(crowd.there - FEW)),
    )?;
    report.figure("usageWithAll", now)
}

/// What all cost while nothing changes.
fn rest(operator: &OperatorProcess, report: &mut Report) -> Result<()> {
    eprintln!("watching it do nothing for {} s", REST.as_secs());
    let (usage, before) = (Usage::of_operator(operator)?, operator.metrics()?);
    std::thread::sleep(REST);
    let (after, now) = (Usage::of_operator(operator)?, operator.metrics()?);
    let all = added(&counters(&before), &counters(&now));
    // The lease is renewed however many Datasets there are.
    let others: f64 = all
        .iter()
        .filter(|(key, _)| !key.ends_with(" leases"))
        .map(|(_, count)| count)
        .sum();
    let minutes = REST.as_secs_f64() / 60.0;
    report.figure(
        "rest",
        json!({
            "seconds": REST.as_secs(),
            "cpuSecondsPerMinute": hundredths((after.cpu_seconds - usage.cpu_seconds) / minutes),
            "requestsPerMinute": hundredths(others / minutes),
            "requestsByVerbAndResource": all,
            "reconciles": added(&reconciles(&before), &reconciles(&now)),
            "pluginCalls": added(&calls(&before), &calls(&now)),
        }),
    )
}

fn reconciles(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics.sums("wasser_reconciles_total", &["kind"])
}

fn calls(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics.sums("wasser_plugin_call_duration_seconds_count", &["method"])
}

/// Registers another build of the plugin, and waits until every runtime was reconciled with it.
fn swap(fake: &FakeCluster, operator: &OperatorProcess, crowd: &Crowd<'_>, report: &mut Report) -> Result<()> {
    eprintln!("registering another build of the plugin");
    let kind = System::Juicefs.kind();
    let count = |of: &BTreeMap<String, f64>| of.get(kind).copied().unwrap_or_default();
    let (usage, before) = (Usage::of_operator(operator)?, operator.metrics()?);
    let began = Instant::now();
    swapped::register(fake)?;
    let wanted = count(&reconciles(&before)) + f64::from(crowd.there);
    let done = wait_for(operator, PATIENCE, |metrics| count(&reconciles(metrics)) >= wanted)?;
    ensure!(
        done,
        "the runtimes were not reconciled with the other build; wasser's log is {}",
        operator.log().display()
    );
    let took = began.elapsed();
    settle(operator)?;
    let (after, now) = (Usage::of_operator(operator)?, operator.metrics()?);
    let errors = |metrics: &Metrics| metrics.total("wasser_reconcile_errors_total");
    report.figure(
        "swap",
        json!({
            "seconds": seconds(took),
            "cpuSeconds": hundredths(after.cpu_seconds - usage.cpu_seconds),
            "failedReconciles": errors(&now) - errors(&before),
            "requests": added(&counters(&before), &counters(&now)),
            "usage": after,
        }),
    )
}

/// Lets another replica wait beside the leader, kills the leader, and waits until the other has
/// bound one more Dataset.
fn take_over(
    fake: &FakeCluster,
    mut leader: OperatorProcess,
    crowd: &mut Crowd<'_>,
    report: &mut Report,
) -> Result<OperatorProcess> {
    eprintln!(
        "starting a replica, and killing the leader after {} s",
        LISTING.as_secs()
    );
    let standby = fake.start_operator("standby")?;
    std::thread::sleep(LISTING);
    let waiting = Usage::of_operator(&standby)?;
    let began = Instant::now();
    leader.kill()?;
    crowd.add(1)?;
    let serves = began.elapsed();
    settle(&standby)?;
    let metrics = standby.metrics()?;
    let outcome: Value = json!({
        "servesAfterSeconds": seconds(serves),
        "usageWaiting": waiting,
        "usageAfterwards": Usage::of_operator(&standby)?,
        "requests": counters(&metrics),
        "work": work(&metrics),
    });
    report.figure("takeover", outcome)?;
    Ok(standby)
}
