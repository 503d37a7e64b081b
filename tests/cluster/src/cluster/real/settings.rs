//! The one setting of the machine that is changed while a real node runs.

use std::fs;

use anyhow::{Context, Result};

use crate::cluster::options::Node;
use crate::cluster::state::State;

/// How many inotify instances a user may have. kubelet, containerd and the clients of the API
/// server need more than the kernel's 128.
const INSTANCES: &str = "/proc/sys/fs/inotify/max_user_instances";
/// The number that is enough for a node.
const WANTED: u32 = 1024;

/// Raises the limit, and records what it was.
pub fn raise(state: &mut State) -> Result<()> {
    let now: u32 = fs::read_to_string(INSTANCES)
        .with_context(|| format!("reading {INSTANCES}"))?
        .trim()
        .parse()?;
    if now >= WANTED {
        return Ok(());
    }
    state.inotify_instances = Some(now);
    state.save()?;
    if let Err(error) = fs::write(INSTANCES, WANTED.to_string()) {
        // It may well be enough; if not, this explains a later "too many open files".
        eprintln!("fs.inotify.max_user_instances stays at {now}: {error}");
        state.inotify_instances = None;
        state.save()?;
    }
    Ok(())
}

/// Restores the limit. If another cluster still needs it, that one restores it later.
pub fn restore(state: &State) -> Result<()> {
    let Some(before) = state.inotify_instances else {
        return Ok(());
    };
    if let Some(mut other) = State::others(&state.name)?
        .into_iter()
        .find(|other| other.node == Node::Real)
    {
        other.inotify_instances = Some(before);
        return other.save();
    }
    fs::write(INSTANCES, before.to_string()).with_context(|| format!("writing {INSTANCES}"))
}
