//! What reaches a runtime that is installed: values that stay, and mounts that come or go.

use std::collections::BTreeMap;

use serde_json::Value;
use wasser_sdk::{Context, Host, Mount, Result, UfsChange};

use crate::cache_sets;
use crate::describe::MASTER;
use crate::input::Spec;
use crate::sources;

/// Takes from what is installed the images that the runtime does not name, and the nodes of the
/// clients.
pub fn keep(ctx: &Context<Spec>, values: &mut Value, installed: &Value) {
    let spec = &ctx.runtime.spec;
    let mut kept = vec!["/fuse/nodeSelector"];
    if !spec.jindo_version.is_given() {
        kept.extend(["/image", "/imageTag"]);
    }
    if !spec.fuse.version.is_given() {
        kept.extend(["/fuseImage", "/fuseImageTag"]);
    }
    for pointer in kept {
        if let (Some(value), Some(installed)) = (values.pointer_mut(pointer), installed.pointer(pointer)) {
            *value = installed.clone();
        }
    }
}

/// Returns the difference between the Dataset's mounts, with their cache sets, and those that it had
/// when they were last mounted. Options that all mounts share are not compared, because the status
/// does not have them; all of them after a restart of a master, which may have lost what it knew. Returns no
/// change while no master is ready, because the comparison is repeated once one is.
pub fn change(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
    if ctx.runtime.spec.master.disabled {
        return Ok(UfsChange::default());
    }
    let Some(shown) = ctx.shown_mounts()? else {
        return Ok(UfsChange::default());
    };
    let (wanted, shown) = (by_path(&ctx.dataset()?.mounts), by_path(&shown));
    let masters = host.pods(MASTER)?;
    if !masters.iter().any(|pod| pod.ready) {
        return Ok(UfsChange::default());
    }
    let target = |mount: &Mount| sources::table(std::slice::from_ref(mount));
    let mut change = UfsChange::between(&shown, &wanted, |_, old, new| {
        target(old) == target(new) && cache_sets::same(old, new)
    });
    // A master may have been enabled after the Dataset was bound.
    if ctx.started_after_mounts(&masters).unwrap_or(true) {
        change.added = wanted;
    }
    Ok(change)
}

fn by_path(mounts: &[Mount]) -> BTreeMap<String, Mount> {
    let paths = mounts
        .iter()
        .filter_map(|mount| Some((sources::table(std::slice::from_ref(mount)).into_keys().next()?, mount)));
    paths.map(|(path, mount)| (path, mount.clone())).collect()
}
