//! What of a changed Dataset, runtime or class reaches a release that is already installed.

use std::collections::BTreeMap;

use serde_json::Value;
use wasser_sdk::{Context, Host, Mount, Result, UfsChange};

use crate::config;
use crate::entries;
use crate::input::Spec;
use crate::values::Values;

/// Returns the mounts that come and go between those that the Dataset shows and those that it
/// wants, by where they appear; all of them after a restart of the pod that has mounted them, which
/// may have lost what it knew. Returns no change before the Dataset is bound, and while no pod can
/// mount, because the comparison is repeated then.
pub fn change(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
    let Some(shown) = ctx.shown_mounts()? else {
        return Ok(UfsChange::default());
    };
    let (shown, wanted) = (by_place(&shown), by_place(&ctx.dataset()?.mounts));
    if shown.is_empty() && wanted.is_empty() {
        return Ok(UfsChange::default());
    }
    let Some(is_forgotten) = entries::is_forgotten(ctx, host)? else {
        return Ok(UfsChange::default());
    };
    let mut change = UfsChange::between(&shown, &wanted, |_, old, new| old == new);
    if is_forgotten {
        change.added = wanted;
    }
    Ok(change)
}

fn by_place(mounts: &[Mount]) -> BTreeMap<String, Mount> {
    let placed = |mount: &Mount| (config::place(mount), mount.clone());
    mounts.iter().map(placed).collect()
}

/// Adapts `values`, which are those of a new release, to the one that is `installed`: the node
/// selector of the clients stays, since changing it would take the pods away from nodes where
/// applications use them.
pub fn adapt(mut values: Values, installed: &Value) -> Values {
    let selector = installed
        .pointer("/client/spec/nodeSelector")
        .filter(|selector| selector.is_object());
    if let Some(selector) = selector.filter(|_| values.client.enabled) {
        values.client.spec.insert("nodeSelector".into(), selector.clone());
    }
    values
}
