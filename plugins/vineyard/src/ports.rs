//! The ports that the processes listen on.

use std::collections::BTreeMap;

use wasser_sdk::{Context, Result};

use crate::input::{Component, Spec};

/// Gives host ports for names.
pub type Allocate<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<u16>>;

/// The ports of a runtime.
#[derive(Debug)]
pub struct Ports {
    /// Of the etcd, for clients.
    pub client: u16,
    /// Among the members of the etcd.
    pub peer: u16,
    /// Of the daemons.
    pub rpc: u16,
}

/// Returns ports that the runtime names, else those that are installed, since pods listen on them,
/// else host ports that are nobody else's, else the usual ones. `has_master` says whether there is
/// an etcd of the runtime's own.
pub fn of(ctx: &Context<Spec>, has_master: bool, allocate: Allocate<'_>) -> Result<Ports> {
    let (master, worker) = (&ctx.runtime.spec.master.component, &ctx.runtime.spec.worker);
    let wanted = [
        (
            "master-client",
            port(ctx, "master", master, "client"),
            has_master && on_host(master),
            2379,
        ),
        (
            "master-peer",
            port(ctx, "master", master, "peer"),
            has_master && on_host(master),
            2380,
        ),
        ("worker-rpc", port(ctx, "worker", worker, "rpc"), on_host(worker), 9600),
    ];
    let open = wanted
        .iter()
        .filter(|(_, given, on_host, _)| *on_host && given.is_none());
    let names: Vec<&str> = open.map(|(name, ..)| *name).collect();
    let given = match names.is_empty() {
        true => Vec::new(),
        false => allocate(&names)?,
    };
    let allocated: BTreeMap<&str, u16> = names.into_iter().zip(given).collect();
    let [client, peer, rpc] =
        wanted.map(|(name, given, _, usual)| given.or_else(|| allocated.get(name).copied()).unwrap_or(usual));
    Ok(Ports { client, peer, rpc })
}

fn on_host(component: &Component) -> bool {
    component.network_mode.is_host_network()
}

/// Returns the port that the runtime names, else the one of the node that is installed.
fn port(ctx: &Context<Spec>, part: &str, component: &Component, name: &str) -> Option<u16> {
    let named = component.ports.get(name).copied().filter(|port| *port > 0);
    let installed = || {
        let part = ctx.installed.as_ref()?.get(part).filter(|_| on_host(component))?;
        let was_on_host = part.get("hostNetwork")?.as_bool()?;
        let port = part.get("ports")?.get(name)?.as_u64().filter(|_| was_on_host)?;
        u16::try_from(port).ok().filter(|port| *port > 0)
    };
    named.or_else(installed)
}
