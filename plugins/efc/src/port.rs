//! The port of the workers.

use wasser_sdk::{Context, Error, Result};

use crate::input::Spec;

/// Allocates host ports for these names.
pub type Allocate<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<u16>>;

/// The port of workers in a network of their own.
const USUAL: u16 = 14555;

/// Returns the port that the runtime names, else the one that is installed, since workers listen on
/// it, else a host port that is nobody else's.
pub fn of(ctx: &Context<Spec>, allocate: Allocate<'_>) -> Result<u16> {
    let worker = &ctx.runtime.spec.worker;
    let on_host = worker.network_mode.is_host_network();
    if let Some(named) = worker.ports.get("rpc").copied().filter(|port| *port > 0) {
        return Ok(named);
    }
    if !on_host || worker.disabled {
        return Ok(USUAL);
    }
    if let Some(installed) = installed(ctx) {
        return Ok(installed);
    }
    let allocated = allocate(&["worker-rpc"])?;
    let port = allocated.first().copied();
    port.ok_or_else(|| Error::failed("no host port was allocated for the workers"))
}

fn installed(ctx: &Context<Spec>) -> Option<u16> {
    let worker = ctx.installed.as_ref()?.get("worker")?;
    let had_one = worker.get("hostNetwork")?.as_bool()? && worker.get("enabled")?.as_bool()?;
    let port = worker.get("port")?.get("rpc")?.as_u64().filter(|_| had_one)?;
    u16::try_from(port).ok().filter(|port| *port > 0)
}
