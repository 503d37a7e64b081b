//! Where the pods serve their Prometheus metrics.

use wasser_sdk::{Context, Host, Result};

use crate::edition::Edition;
use crate::input::{Component, Spec};
use crate::options::Options;

/// The port that JuiceFS itself would use; it is free for every pod only on the pod's own network.
const PORT: u16 = 9567;

/// Where the ports of pods on the host network come from: a function from names to ports.
pub type Allocate<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<u16>>;

/// A pod's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// None: the enterprise edition, or an option `metrics` without a port.
    None,
    /// The port that the option `metrics` names.
    Given(u16),
    /// A port chosen here.
    Chosen(u16),
}

impl Metrics {
    /// Returns the port that the container declares.
    pub fn port(self) -> Option<u16> {
        match self {
            Metrics::None => None,
            Metrics::Given(port) | Metrics::Chosen(port) => Some(port),
        }
    }
}

/// The metrics of worker and fuse, in this order, whose mount options so far are `options`.
pub fn of(
    ctx: &Context<Spec>,
    edition: Edition,
    options: [&Options; 2],
    allocate: Allocate<'_>,
) -> Result<[Metrics; 2]> {
    let spec = &ctx.runtime.spec;
    let mut wanted: Vec<&str> = Vec::new();
    let plan =
        [("worker", &spec.worker, options[0]), ("fuse", &spec.fuse, options[1])].map(|(role, component, options)| {
            let choice = choose(ctx, edition, role, component, options);
            if choice.is_none() {
                wanted.push(if role == "worker" {
                    "worker-metrics"
                } else {
                    "fuse-metrics"
                });
            }
            choice
        });
    let mut ports = if wanted.is_empty() {
        Vec::new()
    } else {
        allocate(&wanted)?
    }
    .into_iter();
    Ok(plan.map(|choice| {
        choice
            .or_else(|| ports.next().map(Metrics::Chosen))
            .unwrap_or(Metrics::None)
    }))
}

/// Returns `None` if a host port is needed. One that is installed already is kept: pods listen on
/// it.
fn choose(
    ctx: &Context<Spec>,
    edition: Edition,
    role: &str,
    component: &Component,
    options: &Options,
) -> Option<Metrics> {
    if edition == Edition::Enterprise {
        return Some(Metrics::None);
    }
    if let Some(address) = options.get("metrics") {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        return Some(port.map_or(Metrics::None, Metrics::Given));
    }
    if !component.network_mode.is_host_network() {
        return Some(Metrics::Chosen(PORT));
    }
    let installed = ctx.installed.as_ref()?.get(role)?;
    let port = installed
        .get("metricsPort")?
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())?;
    (installed.get("hostNetwork")?.as_bool()? && port != PORT).then_some(Metrics::Chosen(port))
}

/// Asks the host for ports.
pub fn from_host<H: Host>(host: &H) -> impl Fn(&[&str]) -> Result<Vec<u16>> + '_ {
    |names| Ok(host.allocate_ports(names)?)
}

/// Returns a placeholder for every port, if only the other values matter.
pub fn placeholder(names: &[&str]) -> Result<Vec<u16>> {
    Ok(vec![PORT; names.len()])
}
