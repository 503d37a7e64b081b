//! Servers beside the cluster that its pods use.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cluster::{Node, State, free_ports, real};
use crate::machine;
use crate::process::wait;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(15);
/// The name under which it is recorded.
const REDIS: &str = "redis";

/// The URL of a Redis that the cluster's pods reach: the one that runs, or a new one, which `down` stops.
pub fn redis(name: &str) -> Result<String> {
    let mut state = State::load(name)?.with_context(|| format!("there is no cluster {name}"))?;
    if let Some(service) = state
        .services
        .iter()
        .find(|service| service.process.name == REDIS && service.process.runs())
    {
        return Ok(service.url.clone());
    }
    machine::install(&["redis-server"])?;
    let address = match (state.node, state.network) {
        (Node::Real, Some(number)) => real::machine_address(number),
        _ => Ipv4Addr::LOCALHOST,
    };
    let [port] = free_ports(address)?;
    let directory = state.directory.join(REDIS);
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let (host, port_text, data) = (address.to_string(), port.to_string(), directory.display().to_string());
    // The address is of this machine alone. Without a password, and with the protection on, Redis would answer only on loopback.
    let command = [
        "redis-server",
        "--bind",
        &host,
        "--port",
        &port_text,
        "--dir",
        &data,
        // Each is a file system of its own; by default there are 16.
        "--databases",
        "64",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--appendonly",
        "yes",
    ];
    let url = format!("redis://{host}:{port}/1");
    state.serve(REDIS, &command, &url)?;
    let target = SocketAddr::from((address, port));
    let answers = wait(PATIENCE, || TcpStream::connect_timeout(&target, PATIENCE).is_ok());
    ensure!(
        answers,
        "Redis does not answer at {target}; its log is {}",
        state.log(REDIS).display()
    );
    Ok(url)
}
