//! `volume`: pods that mount a dataset, with Wasser installed by its chart on a real node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::report::{Report, milliseconds, quantile, seconds};
use super::usage::Usage;
use super::{Options, processes, rig};
use crate::cluster::{Cluster, Node, Options as ClusterOptions, images};
use crate::installer::NAMESPACE as SYSTEM;
use crate::process::wait;
use crate::{guests, installer, paths};

const CLUSTER: &str = "cluster-volume";
/// Where pods have the dataset.
const DATA: &str = "/data";
/// What the pod sleeps whose mount is watched, in seconds: its process is found by it.
const SLEEP: &str = "86399";
const PATIENCE: Duration = Duration::from_secs(180);
/// How much is read to learn the throughput, and how often.
const MEBIBYTES: u32 = 512;
const ROUNDS: usize = 5;
/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Pods that start together.
    pub pods: u32,
    /// How often the fuse pod is killed.
    pub kills: u32,
}

/// Measures publishing, reading and recovery.
pub fn volume(options: &Options, load: Load) -> Result<Report> {
    let mut report = Report::new(
        "volume",
        options,
        json!({"pods": load.pods, "kills": load.kills, "mebibytes": MEBIBYTES}),
    );
    let stage = Stage::new(options, &mut report)?;
    stage.dataset()?;
    stage.pod("app", "app", SLEEP)?;
    stage.ready("name=app")?;
    together(&stage, load, &mut report)?;
    throughput(&stage, &mut report)?;
    recovery(&stage, load, &mut report)?;
    report.figure("nodePlugin", Usage::of(stage.node_plugin()?)?)?;
    report.target("publishMilliseconds.p95", 20.0)?;
    report.target("nodePlugin.rssMegabytes", 20.0)?;
    report.target("throughput.lostPercent", 3.0)?;
    report.target("recoverySecondsAfterNewProcess.most", 5.0)?;
    report.target("mountsInContainerAfterKills", 2.0)?;
    Ok(report)
}

/// A cluster with Wasser in it, which ends with this.
struct Stage {
    cluster: Cluster,
    redis: String,
}

impl Stage {
    fn new(options: &Options, report: &mut Report) -> Result<Self> {
        let foreign = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
        ensure!(
            !foreign,
            "this is measured on a node of its own, whose processes are looked at: unset KUBECONFIG"
        );
        let program = rig::build(options.dev, report)?;
        let packages = guests::build(paths::root(), &[])?;
        let chart = installer::build(&packages)?.directory;
        Cluster::down(CLUSTER)?;
        let cluster = Cluster::up(&ClusterOptions {
            name: CLUSTER.to_owned(),
            node: Some(Node::Real),
            nodes: 1,
            stand_ins: false,
        })?;
        let redis = cluster.redis()?;
        let stage = Self { cluster, redis };
        stage.cluster.load_image(&images::juicefs()?)?;
        installer::load(&stage.cluster, &images::wasser(&program, &packages, installer::VERSION)?)?;
        let began = Instant::now();
        installer::install(&stage.cluster, &chart, &["operator.replicas=1"])?;
        report.figure("installSeconds", seconds(began.elapsed()))?;
        Ok(stage)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.cluster.kubectl(arguments)
    }

    fn apply(&self, objects: serde_json::Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new().context("creating a temporary file")?;
        fs::write(file.path(), serde_json::to_vec(&objects)?).context("writing a temporary file")?;
        self.kubectl(&["apply", "-f", &file.path().display().to_string()]).map(drop)
    }

    /// Creates the Dataset and waits until it is Bound.
    fn dataset(&self) -> Result<()> {
        let mount = json!([{"name": "store", "mountPath": "/data/store"}]);
        let metadata = json!({"name": "demo"});
        self.apply(json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "jfs-secret"}, "stringData": {"metaurl": self.redis}},
            {"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": metadata, "spec": {
                "accessModes": ["ReadWriteMany"],
                "mounts": [{"name": "bench", "mountPoint": "juicefs:///", "options": {"storage": "file", "bucket": "/data/store"},
                    "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": "jfs-secret", "key": "metaurl"}}}]}]}},
            {"apiVersion": "data.fluid.io/v1alpha1", "kind": "JuiceFSRuntime", "metadata": metadata, "spec": {
                "replicas": 1,
                "tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/var/cache/bench", "quota": "2Gi", "low": "0.1"}]},
                "worker": {"volumeMounts": mount}, "fuse": {"volumeMounts": mount},
                "volumes": [{"name": "store", "hostPath": {"path": "/var/lib/juicefs-bench", "type": "DirectoryOrCreate"}}]}},
        ]}))?;
        self.kubectl(&["wait", "--for=jsonpath={.status.phase}=Bound", "dataset/demo", "--timeout=120s"])
            .map(drop)
    }

    fn pod(&self, name: &str, group: &str, sleep: &str) -> Result<()> {
        self.apply(pod(name, group, sleep))
    }

    fn ready(&self, selector: &str) -> Result<()> {
        self.kubectl(&["wait", "--for=condition=Ready", "pod", "-l", selector, "--timeout=300s"])
            .map(drop)
    }

    /// Runs something in a pod.
    fn inside(&self, pod: &str, container: &str, command: &str) -> Result<String> {
        self.kubectl(&["exec", pod, "-c", container, "--", "sh", "-c", command])
    }

    fn fuse_pod(&self) -> Result<String> {
        let name = self.kubectl(&["get", "pod", "-l", "role=juicefs-fuse", "-o", "jsonpath={.items[0].metadata.name}"])?;
        ensure!(!name.is_empty(), "there is no fuse pod");
        Ok(name)
    }

    fn node_plugin(&self) -> Result<u32> {
        processes::running(&["wasser csi "]).pop().context("the node plugin does not run")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = Cluster::down(CLUSTER) {
            eprintln!("the cluster {CLUSTER} could not be stopped: {error:#}");
        }
    }
}

fn pod(name: &str, group: &str, sleep: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"name": group}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "app", "image": images::BUSYBOX, "command": ["sleep", sleep],
                "volumeMounts": [{"name": "data", "mountPath": DATA, "mountPropagation": "HostToContainer"}]
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]
        }
    })
}

/// Many pods at once: how long until all are ready, how long the node plugin takes for each, and how often each is mounted.
fn together(stage: &Stage, load: Load, report: &mut Report) -> Result<()> {
    eprintln!("starting {} pods together", load.pods);
    let pods: Vec<_> = (0..load.pods)
        .map(|number| pod(&format!("many-{number}"), "many", "86000"))
        .collect();
    let began = Instant::now();
    stage.apply(json!({"apiVersion": "v1", "kind": "List", "items": pods}))?;
    stage.ready("name=many")?;
    report.figure("podsReadySeconds", seconds(began.elapsed()))?;
    let mut counts = BTreeMap::<String, u32>::new();
    for point in processes::mount_points(stage.node_plugin()?) {
        if point.ends_with("/volumes/kubernetes.io~csi/default-demo/mount") {
            *counts.entry(point).or_default() += 1;
        }
    }
    report.figure("podsMounted", counts.len())?;
    report.figure("podsMountedTwice", counts.values().filter(|count| **count > 1).count())?;
    let log = stage.kubectl(&["logs", "-n", SYSTEM, "daemonset/wasser-csi", "--tail=-1"])?;
    let mut published: Vec<f64> = log.lines().filter_map(publish_milliseconds).collect();
    // The first brought the fuse pod, and waited for it.
    let first = (!published.is_empty()).then(|| published.remove(0));
    published.sort_by(f64::total_cmp);
    report.figure("firstPublishMilliseconds", first)?;
    report.figure(
        "publishMilliseconds",
        json!({"count": published.len(), "median": quantile(&published, 0.5), "p95": quantile(&published, 0.95), "most": published.last()}),
    )?;
    stage
        .kubectl(&["delete", "pod", "-l", "name=many", "--wait", "--timeout=180s"])
        .map(drop)
}

/// How long a call took, from a line of the node plugin's log.
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

/// Reads a file through a pod's volume, and through the mount of the fuse pod, without anything between; by turns, and without page cache.
fn throughput(stage: &Stage, report: &mut Report) -> Result<()> {
    eprintln!("reading {MEBIBYTES} MiB {ROUNDS} times through the volume and by hand");
    stage.inside(
        "app",
        "app",
        &format!("dd if=/dev/urandom of={DATA}/big bs=1M count={MEBIBYTES} 2>/dev/null && sync"),
    )?;
    let fuse = stage.fuse_pod()?;
    let by_hand = "dd if=\"$(grep fuse.juicefs /proc/mounts | cut -d ' ' -f 2 | head -n 1)/big\" of=/dev/null bs=1M 2>&1";
    let (mut volume, mut hand) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for through_volume in [true, false] {
            fs::write("/proc/sys/vm/drop_caches", "3").context("emptying the page cache")?;
            let said = if through_volume {
                stage.inside("app", "app", &format!("dd if={DATA}/big of=/dev/null bs=1M 2>&1"))?
            } else {
                stage.inside(&fuse, "juicefs-fuse", by_hand)?
            };
            let took = dd_seconds(&said).with_context(|| format!("dd says: {said}"))?;
            // The first round fills the client's own cache.
            if round > 0 {
                let speeds = if through_volume { &mut volume } else { &mut hand };
                speeds.push((f64::from(MEBIBYTES) / took * 10.0).round() / 10.0);
            }
        }
    }
    volume.sort_by(f64::total_cmp);
    hand.sort_by(f64::total_cmp);
    let (through, by_hand) = (quantile(&volume, 0.5).unwrap_or_default(), quantile(&hand, 0.5).unwrap_or_default());
    report.figure(
        "throughput",
        json!({
            "mebibytesPerSecondThroughVolume": through,
            "mebibytesPerSecondByHand": by_hand,
            "lostPercent": ((1.0 - through / by_hand) * 1e4).round() / 100.0,
            "eachThroughVolume": volume,
            "eachByHand": hand,
        }),
    )
}

/// The seconds in `… copied, 0.25 s, …`, however long the unit is written.
fn dd_seconds(said: &str) -> Option<f64> {
    let (_, rest) = said.split_once("copied, ")?;
    rest.split([' ', ',']).next()?.parse().ok()
}

/// Kills the fuse pod again and again: how long until the application reads again, and how many mounts it then has.
fn recovery(stage: &Stage, load: Load, report: &mut Report) -> Result<()> {
    eprintln!("killing the fuse pod {} times", load.kills);
    stage.inside("app", "app", &format!("echo here > {DATA}/probe && sync"))?;
    let app = processes::running(&[&format!("sleep {SLEEP}")])
        .pop()
        .context("the pod has no process")?;
    let probe = processes::path(app, &format!("{DATA}/probe"));
    let client = ["juicefs", "/runtime-mnt/", "juicefs-fuse"];
    let (mut after_process, mut after_kill, mut most) = (Vec::new(), Vec::new(), 0);
    for kill in 0..load.kills {
        let old: BTreeSet<u32> = processes::running(&client).into_iter().collect();
        ensure!(!old.is_empty(), "the fuse pod has no client that runs");
        let killed = Instant::now();
        stage.kubectl(&["delete", "pod", &stage.fuse_pod()?, "--grace-period=0", "--force"])?;
        let (mut started, mut read) = (None, None);
        wait(PATIENCE, || {
            if started.is_none() && processes::running(&client).iter().any(|id| !old.contains(id)) {
                started = Some(Instant::now());
            }
            let gone = old.iter().all(|id| !fs::exists(format!("/proc/{id}")).unwrap_or(false));
            if started.is_some() && gone && fs::read_to_string(&probe).is_ok_and(|text| text == "here\n") {
                read = Some(Instant::now());
            }
            std::thread::sleep(PAUSE);
            read.is_some()
        });
        let (started, read) = started.zip(read).with_context(|| {
            format!(
                "after kill {kill}, the application does not read again within {} s",
                PATIENCE.as_secs()
            )
        })?;
        after_process.push(seconds(read - started));
        after_kill.push(milliseconds(read - killed) / 1e3);
        most = most.max(processes::mount_points(app).iter().filter(|point| *point == DATA).count());
    }
    for (name, mut times) in [
        ("recoverySecondsAfterNewProcess", after_process),
        ("recoverySecondsAfterKill", after_kill),
    ] {
        times.sort_by(f64::total_cmp);
        report.figure(
            name,
            json!({"median": quantile(&times, 0.5), "p95": quantile(&times, 0.95), "most": times.last()}),
        )?;
    }
    report.figure("mountsInContainerAfterKills", most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        let line = |took| format!("2026 INFO done call=\"publish\" volume=\"a\" target=\"/b\" took={took}");
        assert_eq!(publish_milliseconds(&line("838.702603ms")), Some(838.7));
        assert_eq!(publish_milliseconds(&line("1.5s")), Some(1500.0));
        assert_eq!(publish_milliseconds(&line("700.1µs")), Some(0.7));
        assert_eq!(publish_milliseconds("INFO done call=\"stage\" took=1ms"), None);
        assert_eq!(
            dd_seconds("5+0 records\n536870912 bytes (512.0MB) copied, 0.123 seconds, 4.1GB/s"),
            Some(0.123)
        );
        assert_eq!(dd_seconds("536870912 bytes (537 MB, 512 MiB) copied, 0.5 s, 1 GB/s"), Some(0.5));
    }
}
