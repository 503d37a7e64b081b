//! A real node: kubelet, containerd and runc in separate namespaces, whose end is the end of
//! everything in them.
//!
//! The node has the addresses 10.N.0.0/16, with N free on this machine: pods, Services, and a link
//! to the machine. Its root is a directory below the cluster's, with the machine's programs in it,
//! so that it can use the usual paths and yet leaves nothing elsewhere. Everything else that it
//! changes on the machine is recorded in the cluster's state before, so that an interrupted start
//! can be cleaned up.

mod cgroup;
mod containerd;
mod files;
mod kubelet;
mod namespaces;
mod network;
mod requirements;
mod settings;

use std::time::Instant;

use anyhow::{Context, Result, bail};

pub use containerd::import;
pub use files::root;
pub use namespaces::NodeNamespaces;
pub use network::machine_address;
pub use requirements::unmet_requirement;

use network::NODE;

use super::control_plane::{self, Network, NodeAddress};
use super::options::Node;
use super::running::Cluster;
use super::state::State;
use crate::machine::debian::{self, Need};
use crate::machine::tools::Tool;
use crate::packages::images;

/// Starts a control plane and a node, and waits until pods can run there.
pub fn start(name: &str) -> Result<()> {
    if let Some(why) = unmet_requirement() {
        bail!("a real node is not possible here: {why}; use `--node fake`, which needs none of that");
    }
    debian::prepare(&[Need::Node, Need::BaseImages]);
    debian::require(Need::Node)?;
    debian::require(Need::BaseImages)?;
    let kubernetes = Tool::Kubernetes.ensure()?;
    let began = Instant::now();
    let mut state = State::new(name, Node::Real)?;
    let number = network::free_number(name)?;
    state.network = Some(number);
    state.save()?;
    settings::raise(&mut state)?;
    cgroup::create(name)?;
    let node = NodeNamespaces::start(&mut state, &kubernetes)?;
    network::connect(&node, number)?;
    containerd::start(&mut state, &node)?;

    // The images are unpacked while the control plane starts.
    let handle = node.clone();
    let loading = std::thread::spawn(move || -> Result<()> {
        containerd::wait(&handle)?;
        for image in [images::pause()?, images::busybox()?] {
            containerd::import(&handle, &image)?;
        }
        Ok(())
    });
    let network = Network {
        address: machine_address(number),
        services: network::services(number),
        reachable: true,
        node: Some(NodeAddress {
            name: NODE,
            address: network::node_address(number),
        }),
    };
    let cluster = control_plane::start(&mut state, &network)?;
    loading
        .join()
        .map_err(|_| anyhow::anyhow!("loading the images panicked"))?
        .context("loading the first images")?;
    kubelet::start(&mut state, &node, number)?;
    wait(&cluster, &state)?;
    state.complete = true;
    state.save()?;
    eprintln!(
        "the node {NODE} is ready, {:.1} s after the start",
        began.elapsed().as_secs_f32()
    );
    Ok(())
}

fn wait(cluster: &Cluster, state: &State) -> Result<()> {
    let condition = r#".status.conditions[?(@.type=="Ready")]"#;
    let jsonpath = &format!("jsonpath={{{condition}.status}} {{{condition}.message}}");
    let ready = cluster.wait("a ready node", &["get", "node", NODE, "-o", jsonpath], |text| {
        text.starts_with("True")
    });
    ready.with_context(|| format!("the log of the kubelet is {}", state.log("kubelet").display()))
}

/// Removes what a node has left on this machine. Its processes must have ended. It is not a failure
/// if something is not there, or no longer.
pub fn clean(state: &State) -> Result<()> {
    if let Some(number) = state.network {
        network::disconnect(number)?;
    }
    if state.node == Node::Real {
        cgroup::remove(&state.name)?;
        settings::restore(state)?;
    }
    Ok(())
}
