//! The replacement of a mount by another.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::places::{Place, out_of_date};
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::Prepared;
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
            // In the meantime, the volume may have been unpublished, or somebody may have unmounted
            // it or its part.
            let table = Table::read().attempt("reading the mounts for", &place.wanted.target)?;
            let is_known = context
                .records
                .get(&place.volume.target)
                .is_some_and(|known| known == place.volume);
            if !is_known || !out_of_date(context, &table, &place.volume).contains(&place) {
                return Ok(false);
            }
            // No directory is made: whoever has made it may be removing it.
            let Some(target) = Target::find(&context.kubelet, &place.wanted.target)? else {
                return Ok(false);
            };
            let prepared = context.workbench.prepare(&opened, place.wanted.read_only)?;
            let is_replaced = replace(context, &place.volume.target, &place.wanted, &target, &prepared)?;
            if is_replaced {
                tracing::info!(target = %target.path().display(), "replaced a mount");
            }
            Ok(is_replaced)
        })
        .await
}

/// Makes an open directory the only mount on the target of a volume and the top mount on its
/// anchors. An existing mount becomes an anchor.
///
/// # Errors
/// A system call fails. Nothing is lost then: the same call does the rest.
pub fn put_in_place(context: &Context, record: &Record, target: &Target, opened: &OwnedFd) -> Result<(), Error> {
    let prepared = context.workbench.prepare(opened, record.read_only)?;
    if !replace(context, &record.target, record, target, &prepared)? {
        prepared.attach(target)?;
        context.anchors.of(&record.target, target.path()).refresh(&prepared)?;
    }
    Ok(())
}

/// Replaces whatever is mounted on a target, which becomes an anchor. Returns false if nothing is
/// mounted there, because somebody else has unmounted it. `volume` is the target of the whole
/// volume.
///
/// # Errors
/// A system call fails. Nothing is lost then: the same call does the rest.
fn replace(
    context: &Context,
    volume: &Path,
    wanted: &Record,
    target: &Target,
    prepared: &Prepared,
) -> Result<bool, Error> {
    let table = || Table::read().attempt("reading the mounts for", target.path());
    let anchored = context.anchors.of(volume, target.path());
    let mut left = table()?.count(target.path());
    if left == 0 {
        if !context.unfinished.has(target.path()) {
            return Ok(false);
        }
        prepared.attach(target)?;
    }
    while left > 0 {
        let now = table()?;
        let Some(top) = now.top(target.path()) else {
            return Ok(false);
        };
        if !anchored.keep(target, &top.device)? {
            return Ok(false);
        }
        // A container that starts at this moment sees the old mount or the new one. Before Linux
        // 6.5, it can also see the empty directory below.
        if left > 1 || prepared.attach_beneath(target)? {
            mount::unmount_top(&target.handle())?;
        } else {
            context.unfinished.put(volume, wanted)?;
            if !mount::unmount_only(top.id, target.path(), &target.handle())? {
                context.unfinished.remove(target.path())?;
                return Ok(false);
            }
            prepared.attach(target)?;
        }
        left -= 1;
    }
    context.unfinished.remove(target.path())?;
    anchored.refresh(prepared)?;
    Ok(true)
}

/// Removes the anchors that no container needs any more.
pub(super) fn prune(context: &Context, repaired: &[Place]) -> Result<(), Error> {
    let Some(peers) = &context.peers else { return Ok(()) };
    let groups = peers
        .in_use()
        .attempt("reading the mounts of the node's processes in", "/proc")?;
    for place in repaired {
        // What the call that works on it now leaves goes with the next repair, or when it is unpublished.
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
