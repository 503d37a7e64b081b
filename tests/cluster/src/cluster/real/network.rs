//! The link between the machine and the node, and the addresses on both sides.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::namespaces::NodeNamespaces;
use crate::cluster::state::State;
use crate::machine::run;

/// Numbers N to try for 10.N.0.0/16, which are seldom used elsewhere.
const NUMBERS: std::ops::RangeInclusive<u8> = 201..=250;

/// The node's name.
pub const NODE: &str = "node1";

/// Returns the machine's end of the link, where pods reach the API server.
pub const fn machine_address(number: u8) -> Ipv4Addr {
    address(number, 255, 1)
}

/// Returns the node's end of the link.
pub const fn node_address(number: u8) -> Ipv4Addr {
    address(number, 255, 2)
}

/// Returns an address of the node's range.
const fn address(number: u8, third: u8, fourth: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number, third, fourth)
}

/// Returns the range of pods as CIDR.
pub fn pods(number: u8) -> String {
    format!("{}/17", address(number, 0, 0))
}

/// Returns the range of Services as CIDR, and its first address, which is the API server's.
pub fn services(number: u8) -> (String, Ipv4Addr) {
    (format!("{}/18", address(number, 128, 0)), address(number, 128, 1))
}

/// Returns a number N whose network no address, no route and no other cluster of this machine uses.
pub fn free_number(name: &str) -> Result<u8> {
    let mut routes = Command::new("ip");
    routes.args(["-4", "route", "show", "table", "all"]);
    let mut used = run(&mut routes).context("looking for free addresses")?;
    for other in State::others(name)? {
        if let Some(number) = other.network {
            used.push_str(&format!(" {}", address(number, 0, 0)));
        }
    }
    first_free(&used).context("all of 10.201.0.0/16 to 10.250.0.0/16 are used on this machine")
}

fn first_free(used: &str) -> Option<u8> {
    NUMBERS.into_iter().find(|number| {
        !used
            .split(char::is_whitespace)
            .any(|word| word.starts_with(&format!("10.{number}.")))
    })
}

fn link(number: u8) -> String {
    format!("wasser{number}")
}

/// Creates the link. The machine gets routes to pods and Services, because the API server calls
/// webhooks, and the node a route to everything else.
pub fn connect(node: &NodeNamespaces, number: u8) -> Result<()> {
    let link = link(number);
    let (here, there) = (
        format!("{}/30", machine_address(number)),
        format!("{}/30", node_address(number)),
    );
    let pid = node.pid().to_string();
    let ip = |arguments: &[&str]| run(Command::new("ip").args(arguments)).map(drop);
    let node_ip = |arguments: &[&str]| run(node.command("ip").args(arguments)).map(drop);
    ip(&[
        "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid,
    ])?;
    ip(&["address", "add", &here, "dev", &link])?;
    ip(&["link", "set", &link, "up"])?;
    node_ip(&["address", "add", &there, "dev", "eth0"])?;
    node_ip(&["link", "set", "eth0", "up"])?;
    node_ip(&["route", "add", "default", "via", &machine_address(number).to_string()])?;
    let (services, _) = services(number);
    for range in [&pods(number), &services] {
        ip(&["route", "add", range, "via", &node_address(number).to_string()])?;
    }
    Ok(())
}

/// Removes the link, unless it went with the node.
pub fn disconnect(number: u8) -> Result<()> {
    let link = link(number);
    let exists = || Path::new("/sys/class/net").join(&link).exists();
    // It may go in between.
    match run(Command::new("ip").args(["link", "delete", &link])) {
        Err(error) if exists() => Err(error),
        _ => Ok(()),
    }
}

/// Returns containerd's settings for the addresses of pods: a bridge on the node.
pub fn cni(number: u8) -> serde_json::Value {
    serde_json::json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": pods(number)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_taken_that_nobody_uses() {
        assert_eq!(first_free(""), Some(201));
        let used = "default via 10.0.0.1 dev eth0\n10.201.0.0/17 via 10.201.255.2 dev x\n\
                    local 10.202.3.4 dev y\n10.20.0.0/16 dev z";
        assert_eq!(first_free(used), Some(203));
    }

    #[test]
    fn the_ranges_do_not_overlap() {
        assert_eq!(pods(201), "10.201.0.0/17");
        assert_eq!(
            services(201),
            ("10.201.128.0/18".to_owned(), Ipv4Addr::new(10, 201, 128, 1))
        );
        assert!(cni(201).to_string().contains(r#""subnet":"10.201.0.0/17""#));
    }
}
