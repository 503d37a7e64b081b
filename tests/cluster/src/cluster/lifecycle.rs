//! The life of a cluster: how it comes up, changes while it runs, and ends.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::lock::lock;
use super::options::{Node, Options};
use super::running::Cluster;
use super::state::{self, State};
use super::{external, fake, real};
use crate::machine::tools::Tool;
use crate::packages::images::Image;

impl Cluster {
    /// Returns the cluster of `KUBECONFIG`, the running one of that name, or a new one.
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
        // The remains of an interrupted start would be in the way.
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

    /// Returns the cluster of this name, if it runs.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let Some(state) = State::load(name)? else {
            return Ok(None);
        };
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

    /// Stops what `up` has started, and removes what it has left. Returns false if there was
    /// nothing.
    pub fn down(name: &str) -> Result<bool> {
        let _lock = lock()?;
        remove(name)
    }

    /// Loads an image onto the cluster's nodes. Returns false if it is there already, or if the
    /// nodes are fake and need none.
    pub fn load_image(&self, image: &Image) -> Result<bool> {
        let Some(state) = &self.state else {
            bail!(
                "the image {} cannot be put on the nodes of the cluster of KUBECONFIG: \
                 push it to a registry that they use, or unset KUBECONFIG",
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

    /// Kills a process of the cluster, such as `kube-apiserver` or `kubelet`, and starts it again;
    /// does not wait until it is ready.
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

    /// Returns a command that runs in the node's namespaces. `None` if there is no real node.
    pub fn node_command(&self, program: &str) -> Option<Command> {
        Some(real::NodeNamespaces::of(self.state.as_ref()?)?.command(program))
    }
}

fn remove(name: &str) -> Result<bool> {
    let Some(state) = State::load(name)? else {
        return Ok(false);
    };
    // What runs on the node ends with it. Nothing is asked to end in peace, because all that it
    // would write is removed.
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

fn default_node() -> Result<Node> {
    match real::unmet_requirement() {
        None => Ok(Node::Real),
        Some(why) => {
            eprintln!("no real node here: {why}; using fake nodes, whose pods have no containers");
            Ok(Node::Fake)
        }
    }
}
