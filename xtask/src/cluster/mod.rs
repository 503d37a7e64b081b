//! A Kubernetes cluster for development and tests: the real control plane as processes of this machine, and either a real node
//! (kubelet, containerd, runc) or fake ones (kwok). With `KUBECONFIG` set, the cluster that is there already.

mod control_plane;
mod external;
mod fake;
pub mod install;
mod kubeconfig;
mod pki;
pub mod real;
mod services;
mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::packages::images::Image;
pub use control_plane::free_ports;
pub use state::{Service, State};

use crate::machine::process::wait;
use crate::machine::tools::Tool;
use crate::machine::{self, paths};

/// The name of the cluster that is meant when none is given.
pub const DEFAULT_NAME: &str = "cluster";
/// How long a started cluster may take until it is of use.
const PATIENCE: Duration = Duration::from_secs(90);

/// What runs the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// kubelet, containerd and runc, in namespaces of their own. Needs root.
    Real,
    /// kwok: pods become ready without containers.
    Fake,
}

/// What cluster is wanted.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Which cluster, where several run side by side; its state is below target/NAME
    #[arg(long, default_value = DEFAULT_NAME, value_parser = name)]
    pub name: String,
    /// What runs the pods [default: real where that is possible]
    #[arg(long, value_enum)]
    pub node: Option<Node>,
    /// How many fake nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub nodes: u32,
    /// On fake nodes, have the programs of tests/stand-ins answer commands in pods of cache systems that have one there
    #[arg(long)]
    pub stand_ins: bool,
}

impl Options {
    /// A cluster with fake nodes.
    pub fn fake(name: &str, nodes: u32) -> Self {
        Self {
            name: name.to_owned(),
            node: Some(Node::Fake),
            nodes,
            stand_ins: false,
        }
    }
}

/// The name of a cluster: part of a path and of a cgroup's name.
pub fn name(text: &str) -> Result<String, String> {
    let fine = !text.is_empty()
        && text.len() <= 20
        && text.starts_with("cluster")
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fine {
        Ok(text.to_owned())
    } else {
        Err("it must be `cluster` or begin so, such as cluster-2: at most 20 of a-z, 0-9 and -".to_owned())
    }
}

/// A cluster that runs.
#[derive(Debug, Clone)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: Vec<String>,
    state: Option<State>,
}

impl Cluster {
    /// The cluster of `KUBECONFIG`, the running one of that name, or a new one.
    pub fn up(options: &Options) -> Result<Self> {
        if let Some(kubeconfig) = external::kubeconfig()? {
            eprintln!(
                "using the cluster of KUBECONFIG ({}); nothing is built or started",
                kubeconfig.display()
            );
            let cluster = Self {
                kubeconfig,
                kubectl: external::kubectl()?,
                state: None,
            };
            cluster
                .kubectl(&["get", "--raw=/readyz"])
                .context("the cluster of KUBECONFIG does not answer")?;
            return Ok(cluster);
        }
        let _lock = lock()?;
        if let Some(cluster) = Self::find(&options.name)? {
            let node = cluster.state.as_ref().map(|state| state.node);
            ensure!(
                options.node.is_none() || options.node == node,
                "the cluster {} runs with another kind of node; end it first: cargo xtask cluster down --name {0}",
                options.name
            );
            eprintln!("the cluster {} runs already", options.name);
            return Ok(cluster);
        }
        // What an interrupted start has left would be in the way.
        remove(&options.name)?;
        let node = options.node.map_or_else(default_node, Ok)?;
        let started = match node {
            Node::Real => real::start(&options.name),
            Node::Fake => fake::start(options),
        };
        match started {
            Ok(()) => Self::find(&options.name)?.context("the cluster ended as soon as it had started"),
            Err(error) => {
                let logs = state::directory(&options.name).join("logs");
                Err(error.context(format!(
                    "starting the cluster {}; the logs are in {}, `cargo xtask cluster down --name {0}` cleans up",
                    options.name,
                    logs.display()
                )))
            }
        }
    }

    /// The cluster of this name, if it runs.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let Some(state) = State::load(name)? else { return Ok(None) };
        if !state.complete || !state.runs() {
            return Ok(None);
        }
        let kubernetes = Tool::Kubernetes.ensure()?.display().to_string();
        Ok(Some(Self {
            kubeconfig: state.kubeconfig(),
            kubectl: vec![kubernetes, "kubectl".to_owned()],
            state: Some(state),
        }))
    }

    /// Stops what `up` has started, and removes what it has left. False if there was nothing.
    pub fn down(name: &str) -> Result<bool> {
        let _lock = lock()?;
        remove(name)
    }

    /// How to reach it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What runs there; none for a cluster that was there before.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Makes an image known to the cluster's nodes; false if it is already. Fake nodes need none.
    pub fn load_image(&self, image: &Image) -> Result<bool> {
        let Some(state) = &self.state else {
            bail!(
                "the image {} cannot be put on the nodes of the cluster of KUBECONFIG: push it to a registry that they use, or unset KUBECONFIG",
                image.name
            );
        };
        let _lock = lock()?;
        let Some(node) = real::NodeNamespaces::of(state) else {
            return Ok(false);
        };
        let is_new = real::import(&node, image)?;
        if is_new {
            eprintln!("loaded the image {}", image.name);
        }
        Ok(is_new)
    }

    /// The URL of a Redis that pods reach; it is started if there is none yet, and ends with the cluster.
    pub fn redis(&self) -> Result<String> {
        self.service("Redis", services::redis)
    }

    /// The URL of an S3 server that pods reach, with the keys of its administrator; started and ended like the Redis.
    pub fn s3(&self) -> Result<String> {
        self.service("S3 server", services::s3)
    }

    fn service(&self, what: &str, start: fn(&str) -> Result<String>) -> Result<String> {
        let state = self.state.as_ref();
        let state =
            state.with_context(|| format!("for the cluster of KUBECONFIG no {what} is started: bring your own, or unset KUBECONFIG"))?;
        let _lock = lock()?;
        start(&state.name)
    }

    /// Kills a process of the cluster, as `kube-apiserver` or `kubelet`, and starts it again; does not wait until it is ready.
    pub fn restart(&mut self, process: &str) -> Result<()> {
        let name = &self
            .state
            .as_ref()
            .context("nothing of the cluster of KUBECONFIG is restarted")?
            .name;
        let _lock = lock()?;
        let mut state = State::load(name)?.with_context(|| format!("there is no cluster {name}"))?;
        state.restart(process)?;
        self.state = Some(state);
        Ok(())
    }

    /// A command on the node, in its namespaces; none where there is no real node.
    pub fn node_command(&self, program: &str) -> Option<Command> {
        Some(real::NodeNamespaces::of(self.state.as_ref()?)?.command(program))
    }

    /// kubectl for this cluster, without arguments yet.
    pub fn kubectl_command(&self) -> Command {
        let mut words = self.kubectl.iter();
        let mut command = Command::new(words.next().map_or("kubectl", String::as_str));
        command.args(words).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// What kubectl prints.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        machine::run(self.kubectl_command().args(arguments))
    }

    /// Waits until kubectl succeeds with these arguments and prints something that holds.
    pub fn wait(&self, what: &str, arguments: &[&str], holds: impl Fn(&str) -> bool) -> Result<()> {
        let mut last = String::new();
        let came = wait(PATIENCE, || match self.kubectl(arguments) {
            Ok(text) if holds(&text) => true,
            Ok(text) => {
                last = text;
                false
            }
            Err(error) => {
                last = format!("{error:#}");
                false
            }
        });
        if !came {
            bail!("after {} s still not there: {what}. Last seen: {}", PATIENCE.as_secs(), last.trim());
        }
        Ok(())
    }
}

fn remove(name: &str) -> Result<bool> {
    let Some(state) = State::load(name)? else { return Ok(false) };
    // What runs on the node ends with it. Nothing is asked to end in order: all that they would write is removed.
    let processes = state.processes.iter().rev();
    for process in state
        .first_process
        .iter()
        .chain(state.services.iter().map(|service| &service.process))
        .chain(processes)
    {
        process.kill()?;
    }
    real::clean(&state)?;
    fs::remove_dir_all(&state.directory).with_context(|| format!("removing {}", state.directory.display()))?;
    Ok(true)
}

/// Clusters are changed by one command at a time: two that want the same one would each start it. Held until it is dropped.
fn lock() -> Result<fs::File> {
    let path = paths::target().join("clusters.lock");
    fs::create_dir_all(paths::target()).context("creating the target directory")?;
    let file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        eprintln!("waiting for another command that changes a cluster");
        flock(&file, FlockOperation::LockExclusive).with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

fn default_node() -> Result<Node> {
    match real::unmet_requirement() {
        None => Ok(Node::Real),
        Some(why) => {
            eprintln!("no real node here: {why}; using fake nodes, whose pods have no containers");
            Ok(Node::Fake)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths() {
        assert!(name("cluster-bench").is_ok());
        for wrong in ["", "a", "cluster/..", "cluster-with-a-name-too-long", "CLUSTER"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
