//! `neighbour`: Datasets are bound beside a plugin that takes as much as its limits let it. Measures
//! how much that slows them down, and whether the operator keeps its lease and its memory.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::operator::OperatorProcess;
use wasser_test_cluster::packages::guests;

use super::bind::{bound, work};
use super::fake_cluster::{FakeCluster, SYSTEM, register_manifest};
use super::report::{Report, hundredths, seconds};
use super::settle::wait_for;
use super::usage::Usage;
use super::{Options, Scale};

/// How long a start may take, in which Helm's engine may be compiled.
const STARTING: Duration = Duration::from_secs(300);
/// How long the hostile runtimes may take until each harm was done once.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the lease is watched after everything is Bound.
const HELD: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
/// The namespace of the hostile runtimes.
const NAMESPACE: &str = "hostile";
/// The directory of the plugin's project below that of the workspace.
const PROJECT: &str = "tests/bench/hostile";
/// What the chart allows the operator, in MB of 10^6 bytes: 2.75 GiB.
const CONTAINER_MEGABYTES: f64 = 2952.8;

/// Measures the neighbours of a hostile plugin.
pub fn neighbour(options: &Options, scale: &Scale, hostile: u32) -> Result<Report> {
    let mut parameters = scale.parameters();
    parameters["hostileDatasets"] = hostile.into();
    let mut report = Report::new("neighbour", options, parameters);
    report.under("alone", |report| alone(options, scale, report))?;
    report.under("beside", |report| beside(options, scale, hostile, report))?;
    let times = report.number("beside.boundSeconds")? / report.number("alone.boundSeconds")?;
    report.figure("besideToAlone", hundredths(times))?;
    report.target("besideToAlone", 1.05)?;
    // Whoever does not renew it for 10 s gives it up.
    report.target("beside.longestWithoutRenewalSeconds", 5.0)?;
    report.target("beside.usageAfterwards.peakRssMegabytes", CONTAINER_MEGABYTES)?;
    Ok(report)
}

fn alone(options: &Options, scale: &Scale, report: &mut Report) -> Result<()> {
    let fake = FakeCluster::new(options, scale, report)?.with_leader_election();
    fake.compile()?;
    let (mut operator, watches) = bound(&fake, scale, report)?;
    drop(watches);
    operator.stop().map(drop)
}

fn beside(options: &Options, scale: &Scale, hostile: u32, report: &mut Report) -> Result<()> {
    let fake = FakeCluster::new(options, scale, report)?.with_leader_election();
    let package = package()?;
    let crd = paths::root().join(PROJECT).join("crd.yaml").display().to_string();
    fake.cluster().kubectl(&["create", "-f", &crd])?;
    register_manifest(fake.cluster(), SYSTEM, &package.manifest)?;
    fake.compile()?;
    fake.create_list(&manifest(hostile))?;
    let mut first = fake.start_operator("hostile")?;
    first.wait_ready(STARTING, || Ok(()))?;
    is_hostile(&first, report)?;
    first.stop()?;
    let (mut operator, watches) = bound(&fake, scale, report)?;
    drop(watches);
    hold(&fake, &operator, report)?;
    report.figure("usageAfterwards", Usage::of_operator(&operator)?)?;
    report.figure("workAfterwards", work(&operator.metrics()?))?;
    operator.check()?;
    operator.stop().map(drop)
}

/// Builds the plugin in a copy of its project, which is two directories below the workspace's as
/// well, with the versions that the workspace has.
fn package() -> Result<guests::Package> {
    let root = paths::root();
    let directory: PathBuf = root.join("target/bench/hostile");
    machine::run(std::process::Command::new("cp").args([
        "--recursive".as_ref(),
        "--no-target-directory".as_ref(),
        root.join(PROJECT).as_os_str(),
        directory.as_os_str(),
    ]))?;
    fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock")).context("copying Cargo.lock")?;
    guests::package_project(root, &directory, "hostile", "hostile_runtime")
}

/// Waits until the methods of the hostile plugin are called, and those that may fail have failed.
fn is_hostile(operator: &OperatorProcess, report: &mut Report) -> Result<()> {
    let came = wait_for(operator, PATIENCE, |metrics| {
        let sums = metrics.sums("wasser_reconcile_errors_total", &["kind"]);
        sums.get("HostileRuntime").is_some_and(|errors| *errors >= 1.0)
    })?;
    report.figure("workOfHostile", work(&operator.metrics()?))?;
    ensure!(
        came,
        "no hostile runtime fails within {} s; wasser's log is {}",
        PATIENCE.as_secs(),
        operator.log().display()
    );
    Ok(())
}

/// Returns a List of hostile runtimes, of each harm as many, with their Datasets.
fn manifest(count: u32) -> Value {
    let harms = [
        json!({"spin": 150}),
        json!({"memory": 50}),
        json!({"calls": 10_000}),
        json!({"rows": 1_000_000}),
    ];
    let mut items = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})];
    for (number, harm) in (0..count).zip(harms.iter().cycle()) {
        let metadata = json!({"name": format!("harm-{number:04}"), "namespace": NAMESPACE});
        let object = |kind: &str, spec: &Value| json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        let mounts = json!({"mounts": [{"mountPoint": "hostile:///", "name": "hostile"}], "placement": "Shared"});
        items.extend([object("Dataset", &mounts), object("HostileRuntime", harm)]);
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Watches the lease while nothing but the hostile runtimes is worked on.
fn hold(fake: &FakeCluster, operator: &OperatorProcess, report: &mut Report) -> Result<()> {
    eprintln!("watching the lease for {} s", HELD.as_secs());
    let renewed = || {
        let leases = "jsonpath={range .items[*]}{.spec.renewTime} {.spec.holderIdentity}{\"\\n\"}{end}";
        fake.cluster().kubectl(&["get", "leases", "-n", SYSTEM, "-o", leases])
    };
    let began = Instant::now();
    let (mut last, mut since, mut longest) = (renewed()?, began, Duration::ZERO);
    ensure!(!last.trim().is_empty(), "there is no lease in {SYSTEM}");
    while began.elapsed() < HELD {
        std::thread::sleep(PAUSE);
        let now = renewed()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        longest = longest.max(since.elapsed());
    }
    report.figure("longestWithoutRenewalSeconds", seconds(longest))?;
    report.figure("isLeader", operator.metrics()?.total("wasser_leader"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_harm_is_done_by_as_many_runtimes() {
        let list = manifest(8);
        let runtimes = list["items"].as_array().unwrap().iter();
        let harms: Vec<&Value> = runtimes
            .filter(|item| item["kind"] == "HostileRuntime")
            .map(|runtime| &runtime["spec"])
            .collect();
        assert_eq!(harms.len(), 8);
        assert_eq!(harms[..4], harms[4..]);
    }
}
