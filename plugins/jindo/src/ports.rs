//! The ports that the processes listen on.

use std::collections::BTreeMap;

use wasser_sdk::{Context, Result};

use crate::input::{Component, Spec};
use crate::members;

/// What a client's argument about its metrics begins with.
pub const METRICS_ARGUMENT: &str = "-ometrics_port=";

/// Gives host ports for names.
pub type Allocate<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<u16>>;

/// The ports of a runtime; 0 if there is none.
pub struct Ports {
    /// Of the masters, for clients.
    pub master: u16,
    /// Of the workers, for clients.
    pub worker: u16,
    /// Among the masters.
    pub raft: u16,
    /// Of the clients' metrics.
    pub metrics: u16,
}

/// Returns ports that the runtime names, else those that are installed, since pods listen on them,
/// else host ports that are nobody else's, else the usual ones. 0 if there is none.
pub fn of(ctx: &Context<Spec>, raft: bool, allocate: Allocate<'_>) -> Result<Ports> {
    let spec = &ctx.runtime.spec;
    let host = spec.network_mode.is_host_network();
    let installed = |pointer: &str| {
        let installed = ctx.installed.as_ref().filter(|_| host)?;
        let on_host = installed.get("useHostNetwork")?.as_bool()?;
        let port = installed
            .pointer(pointer)?
            .as_u64()
            .filter(|port| on_host && *port > 0)?;
        u16::try_from(port).ok()
    };
    let named = |component: &Component, name: &str, pointer: &str| {
        let named = component.ports.get(name).copied().filter(|port| *port > 0);
        named.or_else(|| installed(pointer))
    };
    let metrics = spec.fuse.metrics.enabled;
    let wanted = [
        (
            "master-rpc",
            named(&spec.master, "rpc", "/master/ports/rpc"),
            !spec.master.disabled,
            8101,
        ),
        (
            "worker-rpc",
            named(&spec.worker, "rpc", "/worker/ports/rpc"),
            !spec.worker.disabled,
            6101,
        ),
        (
            "master-raft",
            members::port(ctx)?.or_else(|| named(&spec.master, "raft", "/master/ports/raft")),
            raft && !spec.master.disabled,
            8103,
        ),
        (
            "fuse-metrics",
            argued(spec).or_else(|| installed("/fuse/metricsPort")),
            metrics && !spec.fuse.disabled,
            10001,
        ),
    ];
    let open = wanted
        .iter()
        .filter(|(_, given, used, _)| host && *used && given.is_none());
    let names: Vec<&str> = open.map(|(name, ..)| *name).collect();
    let given = if names.is_empty() {
        Vec::new()
    } else {
        allocate(&names)?
    };
    let allocated: BTreeMap<&str, u16> = names.into_iter().zip(given).collect();
    let [master, worker, raft, metrics] = wanted.map(|(name, given, used, usual)| match used {
        true => given.or_else(|| allocated.get(name).copied()).unwrap_or(usual),
        false => 0,
    });
    Ok(Ports {
        master,
        worker,
        raft,
        metrics,
    })
}

/// Returns the port of metrics that the user's arguments of the client name.
pub fn argued(spec: &Spec) -> Option<u16> {
    let arguments = spec.fuse.args.iter();
    arguments
        .filter_map(|argument| argument.strip_prefix(METRICS_ARGUMENT)?.parse().ok())
        .next_back()
}
