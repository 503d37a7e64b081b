//! `floor`: the least that binding costs. A bare client, which knows beforehand what is to be
//! written, makes the same objects in as few requests as possible, on a cluster of the same kind.
//!
//! Each object is created once, and a Dataset and its runtime get one merge patch each of the
//! object and of its status. Labels of nodes are left out: one patch of each node would do.

mod template;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cargo::{build_client, directory};
use super::fake_cluster::FakeCluster;
use super::objects::{DATASETS, NAMESPACE};
use super::report::{Report, hundredths, seconds};
use super::usage::machine_cpu_seconds;
use super::watch::{Watched, Watches};
use super::{Options, Scale, System};
pub use template::Template;
use template::{Uids, Writes};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine;
use wasser_test_cluster::metrics::added;

/// The pods of the benchmark.
const PODS: Watched = ("pods", "/api/v1/namespaces/bench/pods");
/// The Dataset that is the template.
const FIRST: &str = "data-0000";
/// The kinds of objects that the operator creates.
const KINDS: &str =
    "configmaps,secrets,services,serviceaccounts,roles,rolebindings,statefulsets,daemonsets,persistentvolumeclaims";
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the objects may take to be in the API server's watches.
const STARTING: Duration = Duration::from_secs(30);

/// What a bare client needed.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// The time until all pods run and all Datasets are Bound.
    pub seconds: f64,
    /// The processor time of the API server.
    pub api_server_cpu_seconds: f64,
}

/// Returns what the operator has written for the first Dataset of a cluster.
///
/// # Errors
/// If there is no such Dataset with a runtime of JuiceFS.
pub fn capture(cluster: &Cluster) -> Result<Template> {
    let get = |arguments: &[&str]| -> Result<Value> {
        let text = cluster.kubectl(&[&["get", "-o", "json", "-n", NAMESPACE], arguments].concat())?;
        serde_json::from_str(&text).context("kubectl does not print JSON")
    };
    let dataset = get(&["dataset", FIRST])?;
    let runtime = get(&[System::Juicefs.kind(), FIRST])?;
    let volume = get(&["persistentvolume", &format!("{NAMESPACE}-{FIRST}")])?;
    let list = get(&[KINDS])?["items"].take();
    let mut created: Vec<Value> = serde_json::from_value(list).context("kubectl does not print a list")?;
    created.retain(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        name.contains(FIRST) && name != format!("{FIRST}-secret")
    });
    created.push(volume);
    Ok(Template::new(dataset, runtime, created))
}

/// Returns what is to be written for each Dataset of a cluster.
fn writes(cluster: &Cluster, template: &Template) -> Result<Vec<Writes>> {
    let uids = |kind: &str| -> Result<BTreeMap<String, String>> {
        let output = r#"jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}"#;
        let text = cluster.kubectl(&["get", kind, "-n", NAMESPACE, "-o", output])?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(name, uid)| (name.to_owned(), uid.to_owned())).collect())
    };
    let runtimes = uids(System::Juicefs.kind())?;
    let of_each = uids("Dataset")?.into_iter().zip(0..).map(|((name, dataset), number)| {
        let runtime = runtimes.get(&name).cloned();
        let runtime = runtime.with_context(|| format!("the Dataset {name} has no runtime"))?;
        Ok(template.writes(number, &name, &Uids { dataset, runtime })?)
    });
    of_each.collect()
}

/// Lets a bare client write everything on a new cluster, and reports what that takes.
pub fn measure(options: &Options, scale: &Scale, template: &Template, report: &mut Report) -> Result<Floor> {
    let fake = FakeCluster::new(options, scale, report)?;
    fake.create(scale)?;
    let wanted = usize::try_from(scale.count)?;
    let mut watches = Watches::start(fake.cluster(), &[DATASETS, PODS])?;
    watches.wait("every Dataset is known", STARTING, |tally| {
        tally.present(DATASETS.0) == wanted
    })?;
    let file = directory(options.dev)?.join("writes.json");
    fs::write(&file, serde_json::to_vec(&writes(fake.cluster(), template)?)?)
        .with_context(|| format!("writing {}", file.display()))?;
    let mut client = Command::new(build_client(options.dev)?);
    client.arg(fake.cluster().kubeconfig()).arg(&file);
    let (before, busy, began) = (fake.control_plane()?, machine_cpu_seconds()?, Instant::now());
    machine::run(&mut client)?;
    let written = began.elapsed();
    watches.wait("every Dataset is Bound and its pod runs", PATIENCE, |tally| {
        tally.reached(DATASETS.0, "Bound").len() == wanted && tally.reached(PODS.0, "Running").len() == wanted
    })?;
    let all = seconds(began.elapsed());
    let control_plane: BTreeMap<String, f64> = added(&before, &fake.control_plane()?);
    eprintln!("a bare client needs {all:.2} s for {wanted} Datasets");
    report.figure(
        "floor",
        json!({
            "seconds": all,
            "writtenSeconds": seconds(written),
            "requestsPerDataset": template.requests(),
            "controlPlaneCpuSeconds": &control_plane,
            "machineCpuSeconds": hundredths(machine_cpu_seconds()? - busy),
        }),
    )?;
    Ok(Floor {
        seconds: all,
        api_server_cpu_seconds: control_plane.get("kube-apiserver").copied().unwrap_or_default(),
    })
}
