//! `delete`: all Datasets are Bound, then all are deleted. Measures how long it takes until
//! everything of them is gone, and at what cost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::bind::{bound, work};
use super::fake_cluster::{FakeCluster, count_lines};
use super::objects::{DATASETS, NAMESPACE};
use super::report::{Report, hundredths, seconds};
use super::requests::{counters, requests};
use super::settle::settle;
use super::usage::{Usage, machine_cpu_seconds};
use super::watch::{Watched, Watches};
use super::{Options, Scale, System};
use wasser_test_cluster::machine::process;
use wasser_test_cluster::metrics::added;
use wasser_test_cluster::operator::OperatorProcess;

/// The kinds that must go, in addition to the runtimes. The Secrets are the records of Helm
/// releases.
const KINDS: [Watched; 6] = [
    DATASETS,
    ("statefulsets", "/apis/apps/v1/namespaces/bench/statefulsets"),
    ("daemonsets", "/apis/apps/v1/namespaces/bench/daemonsets"),
    (
        "persistentvolumeclaims",
        "/api/v1/namespaces/bench/persistentvolumeclaims",
    ),
    ("persistentvolumes", "/api/v1/persistentvolumes"),
    (
        "releases",
        "/api/v1/namespaces/bench/secrets?fieldSelector=type%3Dhelm.sh%2Frelease.v1",
    ),
];
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long what the garbage collector removes last may take.
const COLLECTING: Duration = Duration::from_secs(30);

/// Measures deletion.
pub fn delete(options: &Options, scale: &Scale) -> Result<Report> {
    let mut report = Report::new("delete", options, scale.parameters());
    let fake = FakeCluster::new(options, scale, &mut report)?;
    fake.compile()?;
    let (mut operator, watches) = bound(&fake, scale, &mut report)?;
    drop(watches);
    settle(&operator)?;
    remove_all(&fake, &operator, scale, PATIENCE, &mut report)?;
    report.figure("leftovers", leftovers(&fake)?)?;
    report.figure("stopSeconds", seconds(operator.stop()?))?;
    if scale.count == 100 && scale.systems == [System::Juicefs] {
        report.target("goneSeconds", 10.0)?;
    }
    Ok(report)
}

/// Deletes the Datasets and waits until everything of them is gone.
pub fn remove_all(
    fake: &FakeCluster,
    operator: &OperatorProcess,
    scale: &Scale,
    patience: Duration,
    report: &mut Report,
) -> Result<()> {
    let wanted = usize::try_from(scale.count)?;
    let runtimes: Vec<Watched> = scale.plugins().into_iter().map(System::watched).collect();
    let kinds: Vec<Watched> = runtimes.iter().copied().chain(KINDS).collect();
    let mut watches = Watches::start(fake.cluster(), &kinds)?;
    // Some systems have fewer workloads than others; every Dataset has a volume.
    let (claims, volumes) = ("persistentvolumeclaims", "persistentvolumes");
    watches.wait("the watches know everything", patience, |tally| {
        let present: usize = runtimes.iter().map(|(kind, _)| tally.present(kind)).sum();
        present >= wanted
            && [DATASETS.0, claims, volumes, "releases"]
                .iter()
                .all(|kind| tally.present(kind) >= wanted)
    })?;
    let (usage, metrics, control_plane) = (
        Usage::of_operator(operator)?,
        operator.metrics()?,
        fake.control_plane()?,
    );
    let busy = machine_cpu_seconds()?;
    eprintln!("deleting {wanted} Datasets");
    let began = Instant::now();
    delete_datasets(fake, began + patience)?;
    report.figure("deleteRequestSeconds", seconds(began.elapsed()))?;
    let waited = watches.wait("everything is gone", patience, |tally| {
        kinds.iter().all(|(kind, _)| tally.present(kind) == 0)
    });
    waited.with_context(|| format!("wasser's log is {}", operator.log().display()))?;
    let (after, now) = (Usage::of_operator(operator)?, operator.metrics()?);
    let since = |at: Instant| seconds(at.saturating_duration_since(began));
    let each: BTreeMap<&str, f64> = kinds
        .iter()
        .filter_map(|(kind, _)| Some((*kind, since(watches.tally().last_gone(kind)?))))
        .collect();
    let all = each.values().copied().fold(0.0, f64::max);
    let cpu = hundredths(after.cpu_seconds - usage.cpu_seconds);
    eprintln!("everything of {wanted} Datasets gone after {all:.2} s with {cpu:.2} s of processor time");
    report.figure("goneSeconds", all)?;
    report.figure("goneSecondsByKind", each)?;
    report.figure("cpuSeconds", cpu)?;
    report.figure("usageWhenGone", after)?;
    report.figure("requests", requests(&counters(&metrics), &now, scale.count))?;
    report.figure("workSinceStart", work(&now))?;
    report.figure(
        "machineCpuSecondsWhileDeleting",
        hundredths(machine_cpu_seconds()? - busy),
    )?;
    report.figure(
        "controlPlaneCpuSecondsWhileDeleting",
        added(&control_plane, &fake.control_plane()?),
    )
}

/// Deletes all Datasets by one request. The API server gives up on thousands after a minute, and the
/// next request goes on.
fn delete_datasets(fake: &FakeCluster, until: Instant) -> Result<()> {
    loop {
        match fake.cluster().kubectl(&["delete", "--raw", DATASETS.1]) {
            Err(error) if error.to_string().contains("Timeout") && Instant::now() < until => {}
            ended => return ended.map(drop),
        }
    }
}

/// Counts what the Datasets have left behind: labels of nodes, and objects in their namespace that
/// neither the benchmark created nor every namespace has. Waits a while for the garbage collector.
pub fn leftovers(fake: &FakeCluster) -> Result<BTreeMap<String, u32>> {
    let kinds = "pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,controllerrevisions,jobs";
    let kind = r#"jsonpath={range .items[*]}{.kind} {.metadata.name}{"\n"}{end}"#;
    let labels = "go-template={{range .items}}\
                  {{range $key, $value := .metadata.labels}}{{$key}}{{\"\\n\"}}{{end}}{{end}}";
    let look = || -> Result<BTreeMap<String, u32>> {
        let mut left = BTreeMap::new();
        for (line, count) in count_lines(fake.cluster(), &["get", kinds, "-n", NAMESPACE, "-o", kind])? {
            if !is_expected(&line) {
                let kind = line.split(' ').next().unwrap_or_default().to_owned();
                *left.entry(kind).or_default() += count;
            }
        }
        let nodes = count_lines(fake.cluster(), &["get", "nodes", "-o", labels])?;
        left.extend(
            nodes
                .into_iter()
                .filter(|(label, _)| label.contains("fluid.io"))
                .map(|(label, count)| (format!("node label {label}"), count)),
        );
        Ok(left)
    };
    let mut last = look();
    process::wait(COLLECTING, || {
        if last.as_ref().is_ok_and(|left| !left.is_empty()) {
            last = look();
        }
        last.as_ref().map_or(true, BTreeMap::is_empty)
    });
    last
}

/// Whether an object does not belong to wasser.
fn is_expected(line: &str) -> bool {
    matches!(
        line,
        "ServiceAccount default" | "ConfigMap kube-root-ca.crt" | "Secret wasser-record-key" | ""
    ) || (line.starts_with("Secret data-") && line.ends_with("-secret"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wassers_counts_as_left_over() {
        assert!(
            [
                "ServiceAccount default",
                "ConfigMap kube-root-ca.crt",
                "Secret data-0001-secret"
            ]
            .into_iter()
            .all(is_expected)
        );
        assert!(
            ![
                "ServiceAccount data-0001-loader",
                "Secret sh.helm.release.v1.data-0001.v1"
            ]
            .into_iter()
            .any(is_expected)
        );
    }
}
