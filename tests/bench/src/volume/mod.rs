//! `volume`: pods that mount a dataset, with Wasser installed by its chart on a real node.

mod recovery;
mod throughput;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use self::recovery::recovery;
use self::throughput::{MEBIBYTES, throughput};
use super::report::{Report, seconds, spread};
use super::usage::Usage;
use super::{Options, processes};
use crate::real_cluster::{RealCluster, Runtime, SLEEP, pod};
use wasser_test_cluster::install::NAMESPACE as SYSTEM;

/// Pods that start one after the other.
const ALONE: u32 = 20;

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Whose clients are killed. All else is measured with JuiceFS alone.
    pub runtime: Runtime,
    /// Pods that start together.
    pub pods: u32,
    /// How often the fuse pod is killed.
    pub kills: u32,
}

/// Measures publishing, reading and recovery.
pub fn volume(options: &Options, load: Load) -> Result<Report> {
    let is_whole = load.runtime == Runtime::Juicefs;
    let mut parameters = json!({"runtime": load.runtime, "kills": load.kills});
    if is_whole {
        parameters["pods"] = load.pods.into();
        parameters["mebibytes"] = MEBIBYTES.into();
    }
    let mut report = Report::new("volume", options, parameters);
    let real = RealCluster::new(options, load.runtime, &mut report)?;
    real.create_dataset()?;
    real.create_pod("app", "app", SLEEP)?;
    real.wait_ready("name=app")?;
    if is_whole {
        alone(&real, &mut report)?;
        together(&real, load, &mut report)?;
        throughput(&real, &mut report)?;
        report.target("publishMilliseconds.p95", 20.0)?;
        report.target("throughput.lostPercent", 3.0)?;
    }
    recovery(&real, load.kills, &mut report)?;
    report.figure("nodePlugin", Usage::of(real.node_plugin()?)?)?;
    report.target("nodePlugin.rssMegabytes", 20.0)?;
    report.target("recoverySecondsAfterNewProcess.most", 5.0)?;
    report.target("mountsInContainerAfterKills", 2.0)?;
    report.target("mountsOfNode.added", 0.0)?;
    Ok(report)
}

/// Starts pods one after the other on a node that has nothing else to do, and reports how long the
/// node plugin takes for each.
fn alone(real: &RealCluster, report: &mut Report) -> Result<()> {
    eprintln!("starting {ALONE} pods one after the other");
    for number in 0..ALONE {
        let name = format!("alone-{number}");
        real.create_pod(&name, &name, "86000")?;
        real.wait_ready(&format!("name={name}"))?;
        real.kubectl(&["delete", "pod", &name, "--wait", "--timeout=60s"])?;
    }
    let mut published = published(real)?;
    // The first one waited for the fuse pod to start.
    let first = (!published.is_empty()).then(|| published.remove(0));
    report.figure("firstPublishMilliseconds", first)?;
    report.figure("publishMilliseconds", spread(published))
}

/// Starts many pods at once, and reports how long it takes until all are ready, how long the node
/// plugin takes for each, and how often each is mounted.
fn together(real: &RealCluster, load: Load, report: &mut Report) -> Result<()> {
    eprintln!("starting {} pods together", load.pods);
    let before = published(real)?.len();
    let pods: Vec<_> = (0..load.pods)
        .map(|number| pod(&format!("many-{number}"), "many", "86000"))
        .collect();
    let began = Instant::now();
    real.apply(json!({"apiVersion": "v1", "kind": "List", "items": pods}))?;
    real.wait_ready("name=many")?;
    report.figure("podsReadySeconds", seconds(began.elapsed()))?;
    let mut counts = BTreeMap::<String, u32>::new();
    for point in processes::mount_points(real.node_plugin()?) {
        if point.ends_with("/volumes/kubernetes.io~csi/default-demo/mount") {
            *counts.entry(point).or_default() += 1;
        }
    }
    report.figure("podsMounted", counts.len())?;
    report.figure("podsMountedTwice", counts.values().filter(|count| **count > 1).count())?;
    report.figure(
        "publishTogetherMilliseconds",
        spread(published(real)?.split_off(before)),
    )?;
    real.kubectl(&["delete", "pod", "-l", "name=many", "--wait", "--timeout=180s"])
        .map(drop)
}

/// Returns how long each publishing took so far, in order, in milliseconds.
fn published(real: &RealCluster) -> Result<Vec<f64>> {
    let log = real.kubectl(&["logs", "-n", SYSTEM, "daemonset/wasser-csi", "--tail=-1"])?;
    Ok(log.lines().filter_map(publish_milliseconds).collect())
}

/// Parses how long a call took from a line of the node plugin's log.
fn publish_milliseconds(line: &str) -> Option<f64> {
    let (_, took) = line.split_once("done call=\"publish\"")?.1.split_once("took=")?;
    let took = took.trim();
    let unit = took.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = took.split_at_checked(unit)?;
    let scale = match unit {
        "s" => 1e3,
        "ms" => 1.0,
        "µs" => 1e-3,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::publish_milliseconds;

    #[test]
    fn durations_are_read_as_they_are_written() {
        let line = |took| format!("2026 INFO done call=\"publish\" volume=\"a\" target=\"/b\" took={took}");
        assert_eq!(publish_milliseconds(&line("838.702603ms")), Some(838.7));
        assert_eq!(publish_milliseconds(&line("1.5s")), Some(1500.0));
        assert_eq!(publish_milliseconds(&line("700.1µs")), Some(0.7));
        assert_eq!(publish_milliseconds("INFO done call=\"stage\" took=1ms"), None);
    }
}
