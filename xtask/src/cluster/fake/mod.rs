//! Nodes without containers: kwok says that every pod is ready.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::control_plane::{self, Network};
use super::{Node, State};
use crate::machine;
use crate::tools::Tool;

/// What kwok does with nodes and pods.
const STAGES: &str = include_str!("stages.yaml");

/// Starts a control plane on loopback, kwok, and so many nodes.
pub fn start(name: &str, nodes: u32) -> Result<()> {
    Tool::Kubernetes.ensure()?;
    let kwok = Tool::Kwok.ensure()?.display().to_string();
    let began = Instant::now();
    let mut state = State::new(name, Node::Fake)?;
    let services = ("10.96.0.0/16".to_owned(), Ipv4Addr::new(10, 96, 0, 1));
    let network = Network {
        address: Ipv4Addr::LOCALHOST,
        services,
        reachable: false,
    };
    let cluster = control_plane::start(&mut state, &network)?;

    let stages = state.directory.join("stages.yaml");
    fs::write(&stages, STAGES).with_context(|| format!("writing {}", stages.display()))?;
    let kubeconfig = format!("--kubeconfig={}", state.kubeconfig().display());
    let config = format!("--config={}", stages.display());
    let flags = [
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=10.128.0.0/12",
        "--v=WARN",
    ];
    state.spawn("kwok", &[[kwok.as_str(), &kubeconfig, &config].as_slice(), &flags].concat())?;

    let file = state.directory.join("nodes.json");
    let items: Vec<_> = (1..=nodes).map(node).collect();
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
    eprintln!("{nodes} fake nodes ready, {:.1} s after the start", began.elapsed().as_secs_f32());
    Ok(())
}

/// Room for many pods, so that placement and not capacity decides.
fn node(number: u32) -> serde_json::Value {
    let name = format!("node{number}");
    let room = json!({"cpu": "256", "memory": "1Ti", "ephemeral-storage": "10Ti", "pods": "10000"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "type": "kwok"},
        },
        "status": {"allocatable": room, "capacity": room},
    })
}
