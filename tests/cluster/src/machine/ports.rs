//! Ports for servers that are started here.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Context, Result};

/// Ports for servers, below those that clients get.
const SERVER_PORTS: Range<u16> = 20_000..32_000;

/// Returns ports of an address of this machine on which nothing listens. They are not of the range
/// that the kernel gives to clients: while a server is away, one of its own clients could get its
/// port, and then it could not come back.
pub fn free_ports<const N: usize>(address: Ipv4Addr) -> Result<[u16; N]> {
    let first = usize::try_from(RandomState::new().hash_one(address) % u64::try_from(SERVER_PORTS.len())?)?;
    let mut free = SERVER_PORTS
        .skip(first)
        .chain(SERVER_PORTS.take(first))
        .filter(|port| TcpListener::bind((address, *port)).is_ok());
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free.next().with_context(|| format!("no port of {address} is free"))?;
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_can_be_listened_on() {
        let ports: [u16; 3] = free_ports(Ipv4Addr::LOCALHOST).unwrap();
        let listeners = ports.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        assert!(ports.iter().all(|port| SERVER_PORTS.contains(port)));
        drop(listeners);
    }
}
