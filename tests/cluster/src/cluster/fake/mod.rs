//! Nodes without containers: kwok reports every pod as ready.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::control_plane::{self, Network};
use super::options::{Node, Options};
use super::state::State;
use crate::machine::ports::free_ports;
use crate::machine::tools::Tool;
use crate::machine::{self, paths};
use crate::packages::images::ARCHITECTURE;

/// What kwok does with nodes and pods.
const STAGES: &str = include_str!("stages.yaml");

/// What kwok runs for a command in a pod, by the pod's container.
const COMMANDS: &str = include_str!("commands.yaml");

/// Starts a control plane on loopback, kwok, and the nodes.
pub fn start(options: &Options) -> Result<()> {
    let (name, nodes) = (options.name.as_str(), options.nodes);
    Tool::Kubernetes.ensure()?;
    let kwok = Tool::Kwok.ensure()?.display().to_string();
    let began = Instant::now();
    let mut state = State::new(name, Node::Fake)?;
    let services = ("10.96.0.0/16".to_owned(), Ipv4Addr::new(10, 96, 0, 1));
    let network = Network {
        address: Ipv4Addr::LOCALHOST,
        services,
        reachable: false,
        node: None,
    };
    let cluster = control_plane::start(&mut state, &network)?;

    let stages = state.directory.join("stages.yaml");
    let commands = if options.stand_ins { COMMANDS } else { "" };
    fs::write(&stages, format!("{STAGES}{commands}")).with_context(|| format!("writing {}", stages.display()))?;
    let kubeconfig = format!("--kubeconfig={}", state.kubeconfig().display());
    let config = format!("--config={}", stages.display());
    let flags = [
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=10.128.0.0/12",
        "--v=WARN",
    ];
    let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
    let mut flags: Vec<String> = flags.map(str::to_owned).to_vec();
    let mut command = Vec::new();
    if options.stand_ins {
        flags.extend([
            format!("--server-address={}:{port}", Ipv4Addr::LOCALHOST),
            format!("--tls-cert-file={}", state.pki("kubelet.crt")),
            format!("--tls-private-key-file={}", state.pki("kubelet.key")),
        ]);
        // kwok looks for the programs where it looks for its own.
        let path = std::env::var("PATH").unwrap_or_default();
        let stand_ins = paths::root().join("tests/cluster/stand-ins");
        command.extend(["env".to_owned(), format!("PATH={}:{path}", stand_ins.display())]);
    }
    command.extend([kwok, kubeconfig, config]);
    command.extend(flags);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    state.spawn("kwok", &command)?;

    let file = state.directory.join("nodes.json");
    let items: Vec<_> = (1..=nodes)
        .map(|number| node(number, options.stand_ins.then_some(port)))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    fs::write(&file, serde_json::to_vec(&list)?).with_context(|| format!("writing {}", file.display()))?;
    machine::run(cluster.kubectl_command().args(["create", "-f"]).arg(&file))?;
    let jsonpath = r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    let wanted = usize::try_from(nodes)?;
    cluster.wait("ready nodes", &["get", "nodes", "-o", jsonpath], |text| {
        text.lines().filter(|line| *line == "True").count() == wanted
    })?;
    state.complete = true;
    state.save()?;
    eprintln!(
        "{nodes} fake nodes ready, {:.1} s after the start",
        began.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Returns a node with room for many pods, so that placement and not capacity decides. `port` is
/// where commands in pods are answered, if they are.
fn node(number: u32, port: Option<u16>) -> serde_json::Value {
    let name = format!("node{number}");
    let room = json!({"cpu": "256", "memory": "1Ti", "ephemeral-storage": "10Ti", "pods": "10000"});
    let mut status = json!({"allocatable": room, "capacity": room});
    if let Some(port) = port {
        status["addresses"] = json!([{"type": "InternalIP", "address": Ipv4Addr::LOCALHOST}]);
        status["daemonEndpoints"] = json!({"kubeletEndpoint": {"Port": port}});
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": ARCHITECTURE,
                "type": "kwok",
            },
        },
        "status": status,
    })
}
