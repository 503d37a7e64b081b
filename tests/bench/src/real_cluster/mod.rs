//! The cluster that `volume` and `data` measure on: a real node, Wasser installed by its chart, and a Dataset
//! of a real cache system.

mod runtime;
mod stores;

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

pub use self::runtime::Runtime;
pub use self::stores::CONTENT;
use crate::report::{Report, seconds};
use crate::{Options, cargo, processes};
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::packages::{guests, images};
use wasser_test_cluster::{Cluster, Node, Options as ClusterOptions, install};

/// The cluster's name.
const CLUSTER: &str = "cluster-volume";
/// Where pods have the dataset.
pub const DATA: &str = "/data";
/// How many seconds the pod sleeps whose mount is watched: its process is found by this number.
pub const SLEEP: &str = "86399";

/// A cluster with Wasser in it, which ends when this is dropped.
pub struct RealCluster {
    cluster: Cluster,
    runtime: Runtime,
}

impl RealCluster {
    /// Builds what is needed, starts the cluster, and installs Wasser.
    pub fn new(options: &Options, runtime: Runtime, report: &mut Report) -> Result<Self> {
        let foreign = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
        ensure!(
            !foreign,
            "this benchmark starts a real node for itself and inspects its processes: unset KUBECONFIG"
        );
        let program = cargo::build(options.dev, report)?;
        let packages = guests::build(paths::root(), &[])?;
        let chart = install::build(&packages)?.directory;
        Cluster::down(CLUSTER)?;
        let cluster = Cluster::up(&ClusterOptions {
            name: CLUSTER.to_owned(),
            node: Some(Node::Real),
            nodes: 1,
            stand_ins: false,
        })?;
        let real = Self { cluster, runtime };
        for image in runtime.images()? {
            real.cluster.load_image(&image)?;
        }
        install::load(&real.cluster, &images::wasser(&program, &packages, install::VERSION)?)?;
        let began = Instant::now();
        let settings = [["operator.replicas=1"].as_slice(), runtime.settings()].concat();
        install::install(&real.cluster, &chart, &settings)?;
        report.figure("installSeconds", seconds(began.elapsed()))?;
        Ok(real)
    }

    /// Returns the cluster itself.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Runs kubectl, and returns its output.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.cluster.kubectl(arguments)
    }

    /// Returns kubectl for the cluster, without arguments yet.
    pub fn kubectl_command(&self) -> Command {
        self.cluster.kubectl_command()
    }

    /// Applies objects.
    pub fn apply(&self, objects: serde_json::Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new().context("creating a temporary file")?;
        fs::write(file.path(), serde_json::to_vec(&objects)?).context("writing a temporary file")?;
        self.kubectl(&["apply", "-f", &file.path().display().to_string()])
            .map(drop)
    }

    /// Creates the Dataset and waits until it is Bound.
    pub fn create_dataset(&self) -> Result<()> {
        let objects = match self.runtime {
            Runtime::Juicefs => stores::juicefs(&self.cluster.redis()?),
            Runtime::Thin => stores::thin(&self.cluster.s3()?)?,
            Runtime::Alluxio => {
                self.apply(stores::keeper())?;
                self.wait_ready(&format!("name={}", stores::KEEPER))?;
                stores::alluxio()
            }
        };
        self.apply(json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
        let dataset = format!("dataset/{}", stores::NAME);
        let bound = "--for=jsonpath={.status.phase}=Bound";
        self.kubectl(&["wait", bound, &dataset, "--timeout=300s"]).map(drop)
    }

    /// Sees to it that there is a file in the Dataset which contains [`CONTENT`]. Returns its path in
    /// the pod `app`.
    pub fn probe(&self) -> Result<String> {
        if self.runtime == Runtime::Alluxio {
            return Ok(format!("{DATA}{}", stores::IN_ALLUXIO));
        }
        let path = format!("{DATA}/probe");
        self.exec("app", "app", &format!("printf %s '{CONTENT}' > {path} && sync"))?;
        Ok(path)
    }

    /// Creates a pod that has the dataset.
    pub fn create_pod(&self, name: &str, group: &str, sleep: &str) -> Result<()> {
        self.apply(pod(name, group, sleep))
    }

    /// Waits until the pods are ready.
    pub fn wait_ready(&self, selector: &str) -> Result<()> {
        self.kubectl(&["wait", "--for=condition=Ready", "pod", "-l", selector, "--timeout=300s"])
            .map(drop)
    }

    /// Runs a shell command in a pod, and returns its output.
    pub fn exec(&self, pod: &str, container: &str, command: &str) -> Result<String> {
        self.kubectl(&["exec", pod, "-c", container, "--", "sh", "-c", command])
    }

    /// Returns the clients that run, of whichever pods.
    pub fn clients(&self) -> Vec<u32> {
        processes::running(self.runtime.client())
    }

    /// Returns how many mounts the node has.
    pub fn mounts(&self) -> Result<usize> {
        let mut command = self.cluster.node_command("cat").context("there is no real node")?;
        let table = machine::run(command.arg("/proc/self/mountinfo"))?;
        Ok(table.lines().count())
    }

    /// Returns the pod that mounts the dataset, and the processes of its client.
    pub fn fuse_pod(&self) -> Result<(String, Vec<u32>)> {
        let columns = "jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}";
        let selector = format!("role={}", self.runtime.role());
        let said = self.kubectl(&["get", "pod", "-l", &selector, "-o", columns])?;
        let (name, uid) = said.split_once(' ').context("there is no fuse pod")?;
        let clients = processes::of_pod(&self.clients(), uid);
        ensure!(!clients.is_empty(), "the fuse pod {name} has no client that runs");
        Ok((name.to_owned(), clients))
    }

    /// Returns the process of the pod whose mount is watched.
    pub fn app(&self) -> Result<u32> {
        processes::running(&[&format!("sleep {SLEEP}")])
            .pop()
            .context("the pod has no process")
    }

    /// Returns the process of the node plugin.
    pub fn node_plugin(&self) -> Result<u32> {
        processes::running(&["wasser-serve csi "])
            .pop()
            .context("the node plugin does not run")
    }
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        if let Err(error) = Cluster::down(CLUSTER) {
            eprintln!("the cluster {CLUSTER} could not be stopped: {error:#}");
        }
    }
}

/// Returns a pod that sleeps and has the dataset.
pub fn pod(name: &str, group: &str, sleep: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"name": group}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "app", "image": images::BUSYBOX, "command": ["sleep", sleep],
                "volumeMounts": [{"name": "data", "mountPath": DATA, "mountPropagation": "HostToContainer"}]
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": stores::NAME}}]
        }
    })
}
