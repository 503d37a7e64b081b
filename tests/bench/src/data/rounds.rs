//! Rounds of one kind of operation: by the operation, and by hand.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::files::Files;
use super::stopwatch::Stopwatch;
use crate::real_cluster::RealCluster;
use crate::report::{Report, quantile, seconds};
use crate::watch::{Tally, Watched, Watches};

const JOBS: Watched = ("jobs", "/apis/batch/v1/namespaces/default/jobs");
const PODS: Watched = ("pods", "/api/v1/namespaces/default/pods");
/// The name of the operation, and that of the pod that is made by hand.
const OPERATION: &str = "bench";
const BY_HAND: &str = "by-hand";
const PATIENCE: Duration = Duration::from_secs(600);

/// What is measured.
pub struct Kind {
    /// The kind of the operation.
    pub operation: &'static str,
    /// Its plural, and where it is listed.
    pub watched: Watched,
    /// Its spec.
    pub spec: fn() -> Value,
    /// The program that does the work, and its first argument.
    pub program: (&'static str, &'static str),
    /// The same as a user would run it in the same pod.
    pub by_hand: &'static [&'static str],
    /// Makes everything as before.
    pub empty: fn(&RealCluster) -> Result<()>,
    /// Fails if not everything was done.
    pub check: fn(&RealCluster, Files) -> Result<()>,
}

/// Seconds of one round.
struct Took {
    /// Of the command.
    command: f64,
    /// From the request until the end was seen.
    whole: f64,
}

/// Runs both by turns, and reports how much slower the operation's command is.
pub fn rounds(real: &RealCluster, kind: &Kind, amount: Files, report: &mut Report) -> Result<()> {
    let (mut operations, mut hands, mut lags) = (Vec::new(), Vec::new(), Vec::new());
    let (_, pod, _) = operation(real, kind)?;
    for round in 0..amount.rounds {
        eprintln!("{}: round {} of {}", kind.operation, round + 1, amount.rounds);
        // Whoever comes second has the disk as the first has left it.
        for is_operation in [round % 2 == 0, round % 2 == 1] {
            if is_operation {
                let (took, _, lag) = operation(real, kind)?;
                operations.push(took);
                lags.push(lag);
            } else {
                hands.push(by_hand(real, kind, &pod)?);
            }
            (kind.check)(real, amount)?;
        }
    }
    let of = |times: &[Took], pick: fn(&Took) -> f64| {
        let mut sorted: Vec<f64> = times.iter().map(pick).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let median = |sorted: &[f64]| quantile(sorted, 0.5).context("there was no round");
    let (command, hand) = (of(&operations, |took| took.command), of(&hands, |took| took.command));
    let (whole, hand_whole) = (of(&operations, |took| took.whole), of(&hands, |took| took.whole));
    let slower = (median(&command)? / median(&hand)? - 1.0) * 100.0;
    report.figure("slowerPercent", (slower * 100.0).round() / 100.0)?;
    report.figure("commandSeconds", json!({"operation": command, "byHand": hand}))?;
    report.figure("wholeSeconds", json!({"operation": whole, "byHand": hand_whole}))?;
    report.figure("completeAfterJobSeconds", lags.iter().copied().fold(0.0, f64::max))
}

/// Empties what is filled again, and the kernel's memory of it.
fn empty(real: &RealCluster, kind: &Kind) -> Result<()> {
    (kind.empty)(real)?;
    let status = Command::new("sync").status().context("starting sync")?;
    ensure!(status.success(), "sync failed ({status})");
    fs::write("/proc/sys/vm/drop_caches", "3").context("emptying the page cache")
}

/// Runs the operation. Returns also the pod of its Job, and how many seconds after the Job it was
/// Complete.
fn operation(real: &RealCluster, kind: &Kind) -> Result<(Took, Value, f64)> {
    let (name, (plural, _)) = (kind.operation, kind.watched);
    empty(real, kind)?;
    let stopwatch = Stopwatch::start(kind.program.0, kind.program.1);
    let mut watches = Watches::start(real.cluster(), &[kind.watched, JOBS])?;
    let began = Instant::now();
    real.apply(json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": name, "metadata": {"name": OPERATION}, "spec": (kind.spec)(),
    }))?;
    let in_phase = |tally: &Tally, of, phase| tally.reached(of, phase).first().copied();
    watches.wait("the operation and its Job have ended", PATIENCE, |tally| {
        let has_ended = |of| {
            in_phase(tally, of, "Complete")
                .or(in_phase(tally, of, "Failed"))
                .is_some()
        };
        has_ended(plural) && has_ended(JOBS.0)
    })?;
    let complete = in_phase(watches.tally(), plural, "Complete");
    let both = complete.zip(in_phase(watches.tally(), JOBS.0, "Complete"));
    let (complete, job) = both.with_context(|| format!("the {name} failed"))?;
    let took = Took {
        command: stopwatch.seconds()?,
        whole: seconds(complete - began),
    };
    let jobs = real.kubectl(&["get", "jobs", "-o", "json"])?;
    let jobs: Value = serde_json::from_str(&jobs).context("reading the Job")?;
    let pod = jobs.pointer("/items/0/spec/template/spec").cloned();
    let pod = pod.context("the operation has no Job")?;
    real.kubectl(&["delete", plural, OPERATION, "--wait", "--timeout=60s"])?;
    real.kubectl(&["wait", "--for=delete", "jobs", "--all", "--timeout=60s"])?;
    Ok((took, pod, seconds(complete.saturating_duration_since(job))))
}

/// Runs the command in a pod like that of the operation.
fn by_hand(real: &RealCluster, kind: &Kind, pod: &Value) -> Result<Took> {
    empty(real, kind)?;
    let stopwatch = Stopwatch::start(kind.program.0, kind.program.1);
    let mut spec = pod.clone();
    let container = spec.pointer_mut("/containers/0").context("the pod has no container")?;
    container["command"] = json!(kind.by_hand);
    container["args"] = json!([]);
    without_scripts(&mut spec);
    let mut watches = Watches::start(real.cluster(), &[PODS])?;
    let began = Instant::now();
    real.apply(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": BY_HAND}, "spec": spec}))?;
    let at = |tally: &Tally, phase| tally.when(PODS.0, BY_HAND, phase);
    watches.wait("the pod that was made by hand has ended", PATIENCE, |tally| {
        at(tally, "Succeeded").or(at(tally, "Failed")).is_some()
    })?;
    let at = at(watches.tally(), "Succeeded").with_context(|| format!("the pod {BY_HAND} failed"))?;
    let took = Took {
        command: stopwatch.seconds()?,
        whole: seconds(at - began),
    };
    real.kubectl(&["delete", "pod", BY_HAND, "--wait", "--timeout=60s"])?;
    Ok(took)
}

/// Takes out the volumes with scripts, which are gone with the operation.
fn without_scripts(spec: &mut Value) {
    let is_script = |volume: &Value| volume.get("configMap").is_some();
    let Some(volumes) = spec["volumes"].as_array_mut() else {
        return;
    };
    let scripts: Vec<Value> = volumes.extract_if(.., |volume| is_script(volume)).collect();
    let is_kept = |mount: &Value| scripts.iter().all(|volume| volume["name"] != mount["name"]);
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
            mounts.retain(is_kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_made_by_hand_needs_no_script() {
        let mut spec = json!({
            "volumes": [{"name": "s", "configMap": {}}, {"name": "d", "persistentVolumeClaim": {}}],
            "containers": [{"volumeMounts": [{"name": "s"}, {"name": "d"}]}, {}],
        });
        without_scripts(&mut spec);
        let kept = json!({
            "volumes": [{"name": "d", "persistentVolumeClaim": {}}],
            "containers": [{"volumeMounts": [{"name": "d"}]}, {}],
        });
        assert_eq!(spec, kept);
    }
}
