//! Questions to the master, and the order to empty its cache.

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, Measure, Result, StorageStats};

use crate::describe::MASTER;
use crate::input::Spec;
use crate::reports;
use crate::sources::Sources;

/// How long a command may take that only asks.
pub const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(1500);
/// Counting asks the data sources for every object, so an installation can do without.
const QUERY_TOTAL: &str = "query-ufs-total";

/// Returns the name of a master pod that is ready.
pub fn master(host: &impl Host) -> Result<String> {
    let pods = host.ready_pods(MASTER)?;
    let pod = pods
        .first()
        .ok_or_else(|| Error::retry_after(5, "no master is ready"))?;
    Ok(pod.name.clone())
}

/// Returns the bytes of all mounts.
pub fn totals(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
    if !ctx.is_on(QUERY_TOTAL) || ctx.runtime.spec.master.disabled {
        return Err(Error::NotSupported);
    }
    let pod = master(host)?;
    let mut stats = StorageStats::default();
    for (path, _) in Sources::of(ctx)?.mounts {
        let text = host.run(&pod, &["jindo", "fs", "-count", &format!("jindo://{path}")], LONG)?;
        let (files, bytes) = reports::count(&text)
            .ok_or_else(|| Error::failed(format!("`jindo fs -count` of {path} in pod {pod} gave no numbers")))?;
        stats.total_files = stats.total_files.saturating_add(files);
        stats.total = stats.total.saturating_add(bytes);
    }
    stats.used = stats.total;
    Ok(stats)
}

/// Returns `Dataset.status.ufsTotal` in bytes; `None` if it is not counted, or not yet. To count
/// for each look at the cache would cost more than the look.
fn ufs_total(ctx: &Context<Spec>) -> Option<u64> {
    let text = ctx.dataset.as_ref()?.status.get("ufsTotal")?.as_str()?;
    wasser_api::size::parse(text)
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
}

/// What the cache holds.
pub fn states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
    if ctx.runtime.spec.master.disabled {
        return Err(Error::NotSupported);
    }
    let pod = master(host)?;
    let text = host.run(&pod, &["jindocache", "-report"], SHORT)?;
    let memory = ctx
        .runtime
        .spec
        .tiered_store
        .levels
        .first()
        .is_none_or(|level| level.medium == "MEM");
    let (capacity, cached) = reports::report(&text, memory)
        .ok_or_else(|| Error::failed(format!("`jindocache -report` in pod {pod} names no capacity")))?;
    let mut states = vec![
        ("cacheCapacity".to_string(), Measure::Bytes(capacity)),
        ("cached".to_string(), Measure::Bytes(cached)),
    ];
    if let Some(total) = ufs_total(ctx) {
        states.push(("cachedPercentage".into(), Measure::share(cached.min(total), total)));
    }
    Ok(states)
}

/// Makes one attempt to empty the cache. Without a master's pod there was never one; if the master
/// is not ready, the attempt fails, and the host continues after the last one.
pub fn format(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let masters = host.pods(MASTER)?;
    if masters.is_empty() {
        return Ok(());
    }
    let pod = masters.iter().find(|pod| pod.ready);
    let pod = pod.ok_or_else(|| Error::failed("the cache was not emptied: no master pod is ready"))?;
    let grace = ctx.runtime.spec.clean_cache_policy.grace_period();
    host.run(&pod.name, &["jindocache", "-formatCache"], grace).map(drop)
}
