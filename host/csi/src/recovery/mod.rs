//! Recovery: replaces the mounts in pods after a fuse pod has died and come back.
//!
//! Everything is checked once at the start and then whenever a mount appears or disappears, and in
//! any case every few seconds. Failed repairs are repeated sooner. How the new mount gets into
//! running containers is described in [`crate::anchors`].
//!
//! # Invariants
//! * A mount in a pod without a successor stays, dead or not: there is nothing to put in its place.
//! * A new mount is only put in place after its file system has answered.
//! * Nothing is mounted where somebody else has unmounted it, and no directory is made there.
//! * A repair can stop after any step, and the next one does the rest. All that it needs is in the
//!   table of mounts, the records and the notes of what was taken off.
//! * Recovery skips targets that a call holds. Neither a file system that does not answer nor the
//!   API server delays the repair of others.

mod adopt;
pub mod leftovers;
pub mod orphans;
mod places;
pub mod repair;
mod sources;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::Recovered;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use places::{Place, out_of_date};
use repair::{prune, repair_all};

/// The first and the longest pause before a failed repair is repeated.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Looks after mounts until `stop`: of earlier processes in any case, and of fuse pods that die if
/// the settings say so.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let adopted = Notify::new();
    let recovering = async {
        if context.config.recovery {
            tokio::join!(repairs(&context, &adopted, &stop), sources::run(&context, &stop));
        } else {
            stop.cancelled().await;
        }
    };
    let clearing = async {
        if let Err(error) = orphans::clear_dead(&context).await {
            tracing::warn!(%error, "dead mounts stay");
        }
        if let Err(error) = context.blocking(leftovers::clear).await {
            tracing::warn!(%error, "labels of clients stay mounted");
        }
    };
    tokio::join!(recovering, adopt::run(&context, &adopted, &stop), clearing);
}

/// Repairs mounts until `stop`.
async fn repairs(context: &Arc<Context>, adopted: &Notify, stop: &CancellationToken) {
    let mut watch = context.watch.clone();
    let mut pause = PAUSES.0;
    // The last reported error of each target, which is not reported again.
    let mut reported = HashMap::new();
    loop {
        watch.mark();
        let all_done = match pass(context, &mut reported).await {
            Ok(all_done) => all_done,
            Err(error) => {
                tracing::warn!(%error, "recovery failed and is repeated");
                false
            }
        };
        let wait = async {
            if all_done {
                tokio::select! {
                    () = watch.changed() => {}
                    () = adopted.notified() => {}
                    () = tokio::time::sleep(context.config.probe_interval) => {}
                }
                PAUSES.0
            } else {
                // The next pass looks at everything in either case.
                drop(timeout(pause, watch.changed()).await);
                PAUSES.1.min(pause * 2)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            next = wait => pause = next,
        }
    }
}

/// Checks everything once. Returns false if something is left that no change of mounts will
/// announce.
async fn pass(context: &Arc<Context>, reported: &mut HashMap<PathBuf, String>) -> Result<bool, Error> {
    if let Err(error) = context.blocking(orphans::forget_unmounted).await {
        tracing::warn!(%error, "records of targets without mounts stay");
    }
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let mut broken: BTreeMap<PathBuf, Vec<Place>> = BTreeMap::new();
    for record in context.records.all() {
        for place in out_of_date(context, &table, &record) {
            broken.entry(record.source.fluid_path.clone()).or_default().push(place);
        }
    }
    if broken.is_empty() {
        reported.clear();
        return Ok(true);
    }
    // A file system that does not answer must not delay the others.
    let mut tasks = JoinSet::new();
    for places in broken.into_values() {
        tasks.spawn(repair_all(context.clone(), places));
    }
    let (mut all_done, mut repaired) = (true, Vec::new());
    while let Some(results) = tasks.join_next().await {
        for (place, result) in results? {
            match result {
                Ok(true) => {
                    reported.remove(&place.wanted.target);
                    publish_event(context, &place, Recovered::Succeeded);
                    repaired.push(place);
                }
                Ok(false) => all_done = false,
                Err(error) => {
                    all_done = false;
                    let message = error.to_string();
                    if reported.insert(place.wanted.target.clone(), message.clone()).as_ref() != Some(&message) {
                        publish_event(context, &place, Recovered::Failed(message));
                    }
                }
            }
        }
    }
    if !repaired.is_empty() {
        context.blocking(move |context| prune(context, &repaired)).await?;
    }
    Ok(all_done)
}

/// Publishes an event, without making recovery wait for the API server.
fn publish_event(context: &Arc<Context>, place: &Place, how: Recovered) {
    let Some(runtime) = place.volume.runtime.clone() else {
        return;
    };
    let (cluster, target) = (context.cluster.clone(), place.wanted.target.display().to_string());
    tokio::spawn(async move {
        if let Err(error) = cluster.recovered(&runtime, &target, &how).await {
            tracing::warn!(%error, "an event is lost");
        }
    });
}
