//! The replacement of a mount by another.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::places::{Place, out_of_date};
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::Table;
use crate::mount::probe::Answer;
use crate::mount::target::Target;
use crate::volume::published::Record;

pub(super) async fn repair_all(context: Arc<Context>, places: Vec<Place>) -> Vec<(Place, Result<bool, Error>)> {
    let mut results = Vec::new();
    for place in places {
        let result = repair(&context, &place).await;
        if let Err(error) = &result {
            tracing::warn!(target = %place.wanted.target.display(), %error, "a dead mount stays");
        }
        results.push((place, result));
    }
    results
}

/// Repairs one mount. Returns false if the file system is not ready, or another call works on the
/// target.
async fn repair(context: &Arc<Context>, place: &Place) -> Result<bool, Error> {
    let Some(_held) = context.locks.take_for_recovery(place.volume.target.to_string_lossy()) else {
        return Ok(false);
    };
    let opened = match context.prober.open(&place.wanted.source, Some(&place.device)).await? {
        Answer::Here(opened) => opened,
        Answer::NoSubPath => {
            let source = &place.wanted.source;
            let sub_path = source.sub_path.join(&source.part).display().to_string();
            return Err(Error::NoSubPath {
                sub_path,
                fluid_path: place.wanted.source.fluid_path.clone(),
            });
        }
        Answer::Dead | Answer::Failing | Answer::Stale | Answer::Silent | Answer::Nothing => return Ok(false),
    };
    let place = place.clone();
    context
        .blocking(move |context| {
            // In the meantime, the volume may have been unpublished, or the kubelet may have
            // unmounted the part.
            let table = Table::read().attempt("reading the mounts for", &place.wanted.target)?;
            let gone = context
                .records
                .get(&place.volume.target)
                .is_none_or(|known| known != place.volume)
                || (place.is_part() && table.count(&place.wanted.target) == 0);
            if gone || !out_of_date(context, &table, &place.volume).contains(&place) {
                return Ok(false);
            }
            let target = if place.is_part() {
                // The kubelet makes its directories, and may be removing them.
                match Target::find(&context.kubelet, &place.wanted.target)? {
                    Some(target) => target,
                    None => return Ok(false),
                }
            } else {
                let target = Target::make(&context.kubelet, &place.wanted.target)?;
                target.make_directory()?;
                target
            };
            put_in_place(context, &place.volume, &target, &opened)?;
            tracing::info!(target = %target.path().display(), "replaced a mount");
            Ok(true)
        })
        .await
}

/// Makes an open directory the only mount on a target and the top mount on its anchors. The
/// existing mount becomes an anchor.
///
/// # Errors
/// A system call fails. Nothing is lost then: the same call does the rest.
pub fn put_in_place(context: &Context, volume: &Record, target: &Target, opened: &OwnedFd) -> Result<(), Error> {
    let table = || Table::read().attempt("reading the mounts for", target.path());
    let is_part = target.path() != volume.target;
    let read_only = match table()?.bottom(target.path()) {
        // Parts have no record; a volume was mounted as its record says.
        Some(mount) if is_part => mount.is_read_only(),
        // The kubelet has unmounted it.
        None if is_part => return Ok(()),
        _ => volume.read_only,
    };
    let prepared = context.workbench.prepare(opened, read_only)?;
    let anchored = context.anchors.of(&volume.target, target.path());
    let mut left = table()?.count(target.path());
    if left == 0 {
        prepared.attach(target)?;
    }
    while left > 0 {
        anchored.keep(target)?;
        // A container that starts at this moment sees the old mount or the new one. Before Linux
        // 6.5, it can also see the empty directory below.
        let beneath = left == 1 && prepared.attach_beneath(target)?;
        mount::unmount_top(&target.handle())?;
        if left == 1 && !beneath {
            prepared.attach(target)?;
        }
        left -= 1;
    }
    anchored.refresh(&prepared)
}

/// Removes the anchors that no container needs any more.
pub(super) fn prune(context: &Context, repaired: &[Place]) -> Result<(), Error> {
    let Some(peers) = &context.peers else { return Ok(()) };
    let groups = peers
        .in_use()
        .attempt("reading the mounts of the node's processes in", "/proc")?;
    for place in repaired {
        // The call that works on it now changes mounts, and so causes another pass.
        let Some(_held) = context.locks.take_for_recovery(place.volume.target.to_string_lossy()) else {
            continue;
        };
        context
            .anchors
            .of(&place.volume.target, &place.wanted.target)
            .prune(&groups)?;
    }
    Ok(())
}
