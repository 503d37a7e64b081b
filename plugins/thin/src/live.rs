//! What of a changed Dataset, runtime or profile reaches a release that is already installed.

use std::collections::BTreeMap;

use serde_json::Value;
use wasser_sdk::{Context, Mount, Result, UfsChange};

use crate::config;
use crate::input::Spec;
use crate::values::Values;

/// Returns the mounts that come and go between those that the Dataset shows and those that it
/// wants, by where they appear. Returns no change before it is bound.
pub fn change(ctx: &Context<Spec>) -> Result<UfsChange> {
    let Some(shown) = ctx.shown_mounts()? else {
        return Ok(UfsChange::default());
    };
    let (shown, wanted) = (by_place(&shown), by_place(&ctx.dataset()?.mounts));
    Ok(UfsChange::between(&shown, &wanted, |_, old, new| old == new))
}

fn by_place(mounts: &[Mount]) -> BTreeMap<String, Mount> {
    let placed = |mount: &Mount| (config::place(&mount.path, &mount.name), mount.clone());
    mounts.iter().map(placed).collect()
}

/// Adapts `values`, which are those of a new release, to the one that is `installed`: the fuse node
/// selector stays, since changing it would take the pods away from nodes where applications use
/// them.
pub fn adapt(mut values: Values, installed: &Value) -> Values {
    if let Some(selector) = installed.pointer("/fuse/nodeSelector").and_then(Value::as_object) {
        let strings = selector
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        values.fuse.pod.node_selector = strings.collect();
    }
    values
}
