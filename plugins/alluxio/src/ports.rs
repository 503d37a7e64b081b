//! The ports that the processes listen on.

use std::collections::BTreeMap;

use wasser_sdk::{Context, Error, Host, Result};

use crate::input::{Component, Spec};
use crate::members;

/// The port by which masters agree on their journal.
const EMBEDDED: &str = "embedded";

/// Where ports of the host network come from: a function from names to ports.
pub type Allocate<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<u16>>;

/// A port, with where a user may set it.
struct Port {
    /// The name under which the host records it.
    name: &'static str,
    /// The component that it belongs to, as the spec and the values call it, and its name there.
    component: &'static str,
    key: &'static str,
    /// The property of Alluxio for it.
    property: &'static str,
    /// The port that Alluxio itself would use, for pods with their own network.
    default: u16,
    /// The pods that the process runs in.
    pods: Pods,
}

#[derive(Clone, Copy, PartialEq)]
enum Pods {
    Master,
    Worker,
}

const fn port(
    name: &'static str,
    component: &'static str,
    key: &'static str,
    property: &'static str,
    default: u16,
    pods: Pods,
) -> Port {
    Port {
        name,
        component,
        key,
        property,
        default,
        pods,
    }
}

use Pods::{Master, Worker};

const PORTS: [Port; 12] = [
    port("master-rpc", "master", "rpc", "alluxio.master.rpc.port", 19_998, Master),
    port("master-web", "master", "web", "alluxio.master.web.port", 19_999, Master),
    port("worker-rpc", "worker", "rpc", "alluxio.worker.rpc.port", 29_999, Worker),
    port("worker-web", "worker", "web", "alluxio.worker.web.port", 30_000, Worker),
    port(
        "job-master-rpc",
        "jobMaster",
        "rpc",
        "alluxio.job.master.rpc.port",
        20_001,
        Master,
    ),
    port(
        "job-master-web",
        "jobMaster",
        "web",
        "alluxio.job.master.web.port",
        20_002,
        Master,
    ),
    port(
        "job-worker-rpc",
        "jobWorker",
        "rpc",
        "alluxio.job.worker.rpc.port",
        30_001,
        Worker,
    ),
    port(
        "job-worker-web",
        "jobWorker",
        "web",
        "alluxio.job.worker.web.port",
        30_003,
        Worker,
    ),
    port(
        "job-worker-data",
        "jobWorker",
        "data",
        "alluxio.job.worker.data.port",
        30_002,
        Worker,
    ),
    port(
        "api-gateway-rest",
        "apiGateway",
        "rest",
        "alluxio.proxy.web.port",
        39_999,
        Master,
    ),
    port(
        "master-embedded",
        "master",
        EMBEDDED,
        "alluxio.master.embedded.journal.port",
        19_200,
        Master,
    ),
    port(
        "job-master-embedded",
        "jobMaster",
        EMBEDDED,
        "alluxio.job.master.embedded.journal.port",
        20_003,
        Master,
    ),
];

/// All ports.
#[derive(Debug, Clone, Default)]
pub struct Ports {
    /// By component and name, as the values have them.
    pub of: BTreeMap<&'static str, BTreeMap<&'static str, u16>>,
    /// Returns the ports as properties of every process: clients must know where servers are.
    pub properties: BTreeMap<String, String>,
}

impl Ports {
    /// One of them.
    pub fn get(&self, component: &str, key: &str) -> Option<u16> {
        self.of.get(component)?.get(key).copied()
    }
}

/// Returns the ports of a runtime. A port that the user sets counts; an installed one is kept,
/// since pods listen on it; the others are allocated if the pods use the node's network, and are
/// Alluxio's own otherwise.
pub fn of(ctx: &Context<Spec>, masters: u32, allocate: Allocate<'_>) -> Result<Ports> {
    let spec = &ctx.runtime.spec;
    let wanted = PORTS.iter().filter(|port| match port.key {
        "rest" => spec.api_gateway.enabled,
        EMBEDDED => masters > 1,
        _ => true,
    });
    let mut ports = Ports::default();
    let mut missing = Vec::new();
    for port in wanted {
        match decided(ctx, port)? {
            Some(number) => ports.set(port, number),
            None => missing.push(port),
        }
    }
    let names: Vec<&str> = missing.iter().map(|port| port.name).collect();
    let numbers = if names.is_empty() {
        Vec::new()
    } else {
        allocate(&names)?
    };
    for (port, number) in missing.into_iter().zip(numbers) {
        ports.set(port, number);
    }
    Ok(ports)
}

impl Ports {
    fn set(&mut self, port: &Port, number: u16) {
        self.of.entry(port.component).or_default().insert(port.key, number);
        self.properties.insert(port.property.into(), number.to_string());
    }
}

/// `None` if a port of the node is needed.
fn decided(ctx: &Context<Spec>, port: &Port) -> Result<Option<u16>> {
    let spec = &ctx.runtime.spec;
    let (component, field) = component(spec, port.component);
    if port.key == EMBEDDED {
        let named = component.ports.get(EMBEDDED).copied();
        if let Some(number) = members::port(ctx, port.component, named)? {
            return Ok(Some(number));
        }
    }
    if let Some(number) = component.ports.get(port.key) {
        return Ok(Some(*number));
    }
    for (properties, of) in [
        (&spec.properties, "properties".to_string()),
        (&component.properties, format!("{field}.properties")),
    ] {
        if let Some(text) = properties.get(port.property) {
            let wrong = || {
                Error::invalid(
                    format!("AlluxioRuntime.spec.{of}[{}]", port.property),
                    format!("`{}` is not a port", text.escape_debug()),
                )
            };
            return text.trim().parse().map(Some).map_err(|_| wrong());
        }
    }
    let (pods, host_network) = match port.pods {
        Pods::Master => ("master", spec.master.network_mode.is_host_network()),
        Pods::Worker => ("worker", spec.worker.network_mode.is_host_network()),
    };
    if !host_network {
        return Ok(Some(port.default));
    }
    let installed = |installed: &serde_json::Value| {
        let on_host = installed.get(pods)?.get("hostNetwork")?.as_bool()?;
        let number = installed.get(port.component)?.get("ports")?.get(port.key)?.as_u64()?;
        u16::try_from(number)
            .ok()
            .filter(|number| on_host && *number != port.default)
    };
    Ok(ctx.installed.as_ref().and_then(installed))
}

fn component<'a>(spec: &'a Spec, name: &'static str) -> (&'a Component, &'static str) {
    let component = match name {
        "master" => &spec.master,
        "worker" => &spec.worker,
        "jobMaster" => &spec.job_master,
        "jobWorker" => &spec.job_worker,
        _ => &spec.api_gateway,
    };
    (component, name)
}

/// Asks the host for ports.
pub fn from_host<H: Host>(host: &H) -> impl Fn(&[&str]) -> Result<Vec<u16>> + '_ {
    |names| Ok(host.allocate_ports(names)?)
}

/// Returns a placeholder for every port, if only the other values matter.
pub fn placeholder(names: &[&str]) -> Result<Vec<u16>> {
    Ok((20_000..).take(names.len()).collect())
}
