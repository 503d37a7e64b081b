//! The cluster that `bind` and `delete` measure on: fake nodes, the CRDs, the plugins, and a
//! program `wasser` that can be started.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::cargo::{build, directory};
use super::report::Report;
use super::usage::Usage;
use super::{Options, Scale, System, objects};
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::operator::{OperatorCommand, OperatorProcess};
use wasser_test_cluster::packages::guests;
use wasser_test_cluster::{self as cluster, Cluster};

/// The cluster's name.
const CLUSTER: &str = "cluster-bench";
/// The operator's namespace.
pub const SYSTEM: &str = "fluid-system";

/// How long a first start may take, in which Helm's engine is compiled.
pub const COMPILING: Duration = Duration::from_secs(300);

/// A cluster that is measured on. It ends when this is dropped, unless it is to be kept.
pub struct FakeCluster {
    cluster: Cluster,
    program: PathBuf,
    /// Logs, and what wasser compiles.
    directory: PathBuf,
    /// Further arguments of wasser.
    arguments: Vec<String>,
    keep: bool,
}

impl FakeCluster {
    /// Builds what is needed, starts the cluster, and registers the plugins.
    pub fn new(options: &Options, scale: &Scale, report: &mut Report) -> Result<Self> {
        let foreign = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
        ensure!(
            !foreign,
            "this benchmark starts a cluster with fake nodes for itself: unset KUBECONFIG"
        );
        let program = build(options.dev, report)?;
        let systems: Vec<System> = scale.plugins().into_iter().collect();
        let names: Vec<String> = systems.iter().map(|system| system.plugin().to_owned()).collect();
        let packages = guests::build(paths::root(), &names)?;
        let directory = directory(options.dev)?;
        // What an earlier run has left would change the figures.
        Cluster::down(CLUSTER)?;
        let cluster = Cluster::up(&cluster::Options {
            stand_ins: systems.iter().any(|system| system.has_masters()),
            ..cluster::Options::fake(CLUSTER, scale.nodes)
        })?;
        let fake = Self {
            cluster,
            program,
            directory,
            arguments: Vec::new(),
            keep: scale.keep,
        };
        register(&fake.cluster, SYSTEM, &systems, &packages, &fake.directory)?;
        Ok(fake)
    }

    /// The same with wasser as one of several replicas.
    #[must_use]
    pub fn with_leader_election(mut self) -> Self {
        self.arguments.push("--leader-elect".to_owned());
        self
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Creates the objects whose masters do not answer.
    pub fn create_hung(&self, scale: &Scale) -> Result<()> {
        eprintln!(
            "creating {} Datasets with AlluxioRuntimes whose masters do not answer",
            scale.hung
        );
        self.create_list(&objects::manifest(
            objects::HUNG,
            &[System::Alluxio],
            scale.hung,
            scale.are_shared(),
        ))
    }

    /// Creates the objects that are measured.
    pub fn create(&self, scale: &Scale) -> Result<()> {
        let kinds: Vec<&str> = scale.systems.iter().map(|system| system.kind()).collect();
        eprintln!(
            "creating {} Secrets, Datasets and runtimes of {}",
            scale.count,
            kinds.join(", ")
        );
        self.create_list(&objects::manifest(
            objects::NAMESPACE,
            &scale.systems,
            scale.count,
            scale.are_shared(),
        ))
    }

    /// Creates the objects of further Datasets of JuiceFS, which share nodes; the first ones come with
    /// their namespace.
    pub fn create_more(&self, numbers: Range<u32>) -> Result<()> {
        let systems = [System::Juicefs];
        if numbers.start == 0 {
            return self.create_list(&objects::manifest(objects::NAMESPACE, &systems, numbers.end, true));
        }
        let items = objects::numbered(objects::NAMESPACE, &systems, numbers, true);
        self.create_list(&json!({"apiVersion": "v1", "kind": "List", "items": items}))
    }

    /// The program `wasser`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The directory of logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Creates the objects of a list.
    pub fn create_list(&self, list: &Value) -> Result<()> {
        let file = self.directory.join("objects.json");
        fs::write(&file, serde_json::to_vec(&list)?).with_context(|| format!("writing {}", file.display()))?;
        self.cluster.kubectl(&["create", "-f", &file.display().to_string()])?;
        Ok(())
    }

    /// Has wasser compile the engine and the plugins, so that this is not measured later.
    pub fn compile(&self) -> Result<()> {
        let mut first = self.start_operator("first")?;
        first.wait_ready(COMPILING, || Ok(()))?;
        first.stop().map(drop)
    }

    /// Starts wasser; its log gets this name.
    pub fn start_operator(&self, log: &str) -> Result<OperatorProcess> {
        let (cache, log) = (
            self.directory.join("compiled"),
            self.directory.join(format!("{log}.log")),
        );
        OperatorCommand {
            program: &self.program,
            kubeconfig: Some(self.cluster.kubeconfig()),
            namespace: SYSTEM,
            cache: &cache,
            log: &log,
            arguments: &self.arguments,
            has_own_group: false,
        }
        .start()
    }

    /// Returns the processor time that each process of the control plane has used so far, in
    /// seconds.
    pub fn control_plane(&self) -> Result<BTreeMap<String, f64>> {
        let processes = self.cluster.state().into_iter().flat_map(|state| &state.processes);
        processes
            .map(|process| {
                Ok((
                    process.name.clone(),
                    Usage::of(u32::try_from(process.pid)?)?.cpu_seconds,
                ))
            })
            .collect()
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        if self.keep {
            eprintln!(
                "the cluster stays: export KUBECONFIG={}, end it with cargo xtask cluster down --name {CLUSTER}",
                self.cluster.kubeconfig().display()
            );
        } else if let Err(error) = Cluster::down(CLUSTER) {
            eprintln!("the cluster {CLUSTER} could not be stopped: {error:#}");
        }
    }
}

/// Installs the CRDs in a new cluster, and registers the plugins of these systems in a new
/// namespace. A file in `directory` is overwritten.
pub fn register(
    cluster: &Cluster,
    namespace: &str,
    systems: &[System],
    packages: &[guests::Package],
    directory: &Path,
) -> Result<()> {
    let crds = paths::root().join("crds").display().to_string();
    cluster.kubectl(&["create", "-f", &crds])?;
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=30s", "-f", &crds])?;
    cluster.kubectl(&["create", "namespace", namespace])?;
    for system in systems {
        let package = packages.iter().find(|package| package.name == system.plugin());
        let package = package.with_context(|| format!("there is no package of the plugin {}", system.plugin()))?;
        let file = directory.join("registration.yaml");
        let registration = system.registration(&package.manifest)?;
        fs::write(&file, registration).with_context(|| format!("writing {}", file.display()))?;
        register_manifest(cluster, namespace, &file)?;
    }
    Ok(())
}

/// Registers the plugin of a file.
pub fn register_manifest(cluster: &Cluster, namespace: &str, file: &Path) -> Result<()> {
    let file = file.display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-n", namespace, "-f", &file])?;
    Ok(())
}

/// Counts the different lines that kubectl prints.
pub fn count_lines(cluster: &Cluster, arguments: &[&str]) -> Result<BTreeMap<String, u32>> {
    let text = machine::run(cluster.kubectl_command().args(arguments))?;
    let mut counts = BTreeMap::new();
    text.lines()
        .for_each(|line| *counts.entry(line.to_owned()).or_default() += 1);
    Ok(counts)
}
