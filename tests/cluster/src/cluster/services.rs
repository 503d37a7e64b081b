//! Servers outside the cluster that its pods use. They are started on demand and end with the
//! cluster.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::lock::lock;
use super::options::Node;
use super::real::machine_address;
use super::running::Cluster;
use super::state::State;
use crate::machine::debian::{self, Need};
use crate::machine::ports::free_ports;
use crate::machine::process::wait;
use crate::machine::tools::Tool;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(15);
/// The names under which they are recorded.
const REDIS: &str = "redis";
const S3: &str = "s3";
/// The keys of the S3 server's administrator. They are not secret: the server listens on an address
/// of this machine alone.
const ACCESS_KEY: &str = "wasser";
const SECRET_KEY: &str = "wasser-secret";

impl Cluster {
    /// Returns the URL of a Redis that pods reach; starts it if there is none yet.
    pub fn redis(&self) -> Result<String> {
        self.service("Redis", redis)
    }

    /// Returns the URL of an S3 server that pods reach, with the keys of its administrator; starts
    /// it if there is none yet.
    pub fn s3(&self) -> Result<String> {
        self.service("S3 server", s3)
    }

    fn service(&self, what: &str, start: fn(&str) -> Result<String>) -> Result<String> {
        let state = self.state.as_ref();
        let state = state.with_context(|| {
            format!(
                "for the cluster of KUBECONFIG no {what} is started: \
                     bring your own, or unset KUBECONFIG"
            )
        })?;
        let _lock = lock()?;
        start(&state.name)
    }
}

/// Returns the URL of the Redis that runs, or of a new one.
fn redis(name: &str) -> Result<String> {
    server(name, REDIS, |address, directory| {
        debian::require(Need::Redis)?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let data = directory.display().to_string();
        // The address is of this machine alone. Without a password, and with the protection on,
        // Redis would answer only on loopback.
        let command = [
            "redis-server",
            "--bind",
            &host,
            "--port",
            &port,
            "--dir",
            &data,
            // Each is one file system; by default there are 16.
            "--databases",
            "64",
            "--protected-mode",
            "no",
            "--save",
            "",
            "--appendonly",
            "yes",
        ];
        Ok((command.map(str::to_owned).to_vec(), format!("redis://{address}/1")))
    })
}

/// Returns the URL of the S3 server that runs, or of a new one: `http://access:secret@host:port`.
fn s3(name: &str) -> Result<String> {
    server(name, S3, |address, directory| {
        let program = Tool::VersityGw.ensure()?;
        let [buckets, accounts] = ["buckets", "accounts"].map(|part| directory.join(part));
        for part in [&buckets, &accounts] {
            fs::create_dir_all(part).with_context(|| format!("creating {}", part.display()))?;
        }
        let (program, listen) = (program.display().to_string(), address.to_string());
        let (buckets, accounts) = (buckets.display().to_string(), accounts.display().to_string());
        let command = [
            &program,
            "--port",
            &listen,
            "--access",
            ACCESS_KEY,
            "--secret",
            SECRET_KEY,
            "--iam-dir",
            &accounts,
            "--quiet",
            "posix",
            &buckets,
        ];
        Ok((
            command.map(str::to_owned).to_vec(),
            format!("http://{ACCESS_KEY}:{SECRET_KEY}@{address}"),
        ))
    })
}

/// Returns the URL of the server that runs, or starts a new one. `command` returns the command line
/// for an address and a directory, and the URL.
fn server<F>(name: &str, kind: &str, command: F) -> Result<String>
where
    F: FnOnce(SocketAddr, &Path) -> Result<(Vec<String>, String)>,
{
    let mut state = State::load(name)?.with_context(|| format!("there is no cluster {name}"))?;
    if let Some(service) = state
        .services
        .iter()
        .find(|service| service.process.name == kind && service.process.runs())
    {
        return Ok(service.url.clone());
    }
    let address = match (state.node, state.network) {
        (Node::Real, Some(number)) => machine_address(number),
        _ => Ipv4Addr::LOCALHOST,
    };
    let [port] = free_ports(address)?;
    let directory = state.directory.join(kind);
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let target = SocketAddr::from((address, port));
    let (words, url) = command(target, &directory)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    state.serve(kind, &words, &url)?;
    let answers = wait(PATIENCE, || TcpStream::connect_timeout(&target, PATIENCE).is_ok());
    ensure!(
        answers,
        "the server {kind} does not answer at {target}; its log is {}",
        state.log(kind).display()
    );
    Ok(url)
}
