//! Which mounts of a live Dataset have to come or go.

use std::collections::BTreeMap;

use wasser_sdk::{Context, Host, Result, UfsChange};

use crate::describe::MASTER;
use crate::input::Spec;
use crate::sources;

/// Returns the difference between the Dataset's mounts and those that it had when they were last
/// mounted; all of them after a restart of a master, which may have lost what it knew. Returns no
/// change while no master is ready, because the comparison is repeated once one is.
pub fn change(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
    if ctx.runtime.spec.master.disabled {
        return Ok(UfsChange::default());
    }
    let wanted = sources::table(&ctx.dataset()?.mounts);
    let shown = sources::table(&ctx.shown_mounts()?);
    let masters = host.pods(MASTER)?;
    if shown.is_empty() || !masters.iter().any(|pod| pod.ready) {
        return Ok(UfsChange::default());
    }
    let without = |of: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        let missing = of.iter().filter(|(path, target)| other.get(*path) != Some(target));
        missing.map(|(path, _)| path.clone()).collect::<Vec<String>>()
    };
    let removed = without(&shown, &wanted);
    // A master may have been enabled after the Dataset was bound.
    let added = if ctx.started_after_mounts(&masters).unwrap_or(true) {
        wanted.into_keys().collect()
    } else {
        without(&wanted, &shown)
    };
    Ok(UfsChange { added, removed })
}
