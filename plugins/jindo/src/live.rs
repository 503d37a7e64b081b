//! Which mounts of a live Dataset have to come or go.

use std::collections::BTreeMap;

use serde_json::Value;
use wasser_sdk::{Context, Error, Host, Mount, Pod, Result, UfsChange, time};

use crate::describe::MASTER;
use crate::input::Spec;
use crate::sources;

/// The difference between the Dataset's mounts and those that it had when they were last mounted; all of them after a restart of a master, which may
/// have lost what it knew. None while no master is ready: it will be looked at when one is.
pub fn change(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
    if ctx.runtime.spec.master.disabled {
        return Ok(UfsChange::default());
    }
    let wanted = sources::table(&ctx.dataset()?.mounts);
    let shown = sources::table(&shown(ctx)?);
    let masters = host.pods(MASTER)?;
    if shown.is_empty() || !masters.iter().any(|pod| pod.ready) {
        return Ok(UfsChange::default());
    }
    let without = |of: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        let missing = of.iter().filter(|(path, target)| other.get(*path) != Some(target));
        missing.map(|(path, _)| path.clone()).collect::<Vec<String>>()
    };
    let removed = without(&shown, &wanted);
    let added = if was_restarted(ctx, &masters) {
        wanted.into_keys().collect()
    } else {
        without(&wanted, &shown)
    };
    Ok(UfsChange { added, removed })
}

/// Whether some master was started after the mounts were last brought about, or they never were: a master may have been enabled later. Both times
/// have whole seconds.
fn was_restarted(ctx: &Context<Spec>, masters: &[Pod]) -> bool {
    let started = masters.iter().map(|pod| pod.started_at).max().unwrap_or_default();
    let mounted = ctx.runtime.status.get("mountTime").and_then(Value::as_str);
    mounted.is_none_or(|mounted| time::rfc3339(started).as_str() > mounted)
}

/// The mounts that the Dataset's status shows; none before it is bound.
fn shown(ctx: &Context<Spec>) -> Result<Vec<Mount>> {
    let status = ctx.dataset.as_ref().map(|dataset| &dataset.status);
    let Some(mounts) = status.and_then(|status| status.get("mounts")).filter(|mounts| !mounts.is_null()) else {
        return Ok(Vec::new());
    };
    serde_json::from_value(mounts.clone()).map_err(|error| Error::failed(format!("Dataset.status.mounts cannot be read: {error}")))
}
