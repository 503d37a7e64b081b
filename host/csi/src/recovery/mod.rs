//! Recovery: a fuse pod has died and come back; what pods have mounted is still the dead one's.
//!
//! A fuse process that has died without a successor is left alone; there is nothing to mount. Everything is looked at
//! once at the start and then whenever a mount appears or goes; only what could not be repaired is tried again after a pause.
//!
//! How the new mount gets into containers that run already is told in [`crate::anchors`].

pub mod orphans;
mod places;
pub mod repair;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::Recovered;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use places::{Place, out_of_date};
use repair::{prune, repair_all};

/// The pause before what could not be repaired is tried again: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Repairs mounts until it is told to stop.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut watch = context.watch.clone();
    let mut pause = PAUSES.0;
    // What was reported about a target that could not be repaired, so as not to say it again.
    let mut reported = HashMap::new();
    loop {
        watch.mark();
        let all_done = match pass(&context, &mut reported).await {
            Ok(all_done) => all_done,
            Err(error) => {
                tracing::warn!(%error, "recovery");
                false
            }
        };
        let wait = async {
            if all_done {
                watch.changed().await;
                PAUSES.0
            } else {
                // Either way it is looked at again.
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

/// Looks at everything once. False if something is left that no change of mounts will announce.
async fn pass(context: &Arc<Context>, reported: &mut HashMap<PathBuf, String>) -> Result<bool, Error> {
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
    // One file system that does not answer must not keep the others waiting.
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

/// Writes an event, without making recovery wait for the API server.
fn publish_event(context: &Arc<Context>, place: &Place, how: Recovered) {
    let Some(runtime) = place.volume.runtime.clone() else { return };
    let (cluster, target) = (context.cluster.clone(), place.wanted.target.display().to_string());
    tokio::spawn(async move {
        if let Err(error) = cluster.recovered(&runtime, &target, &how).await {
            tracing::warn!(%error, "an event is lost");
        }
    });
}
