//! Conversations with the master.

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, Measure, Result, Severity, StorageStats};

use crate::describe::MASTER;
use crate::input::Spec;
use crate::reports;
use crate::sources::Sources;

const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(1500);
/// Counting asks the data sources for every object, so an installation can do without.
const QUERY_TOTAL: &str = "query-ufs-total";
const MOUNTED: &str = "Mount point already exists";

/// Returns the name of a master pod that is ready.
fn master(host: &impl Host) -> Result<String> {
    let pods = host.ready_pods(MASTER)?;
    let pod = pods
        .first()
        .ok_or_else(|| Error::retry_after(5, "no master is ready"))?;
    Ok(pod.name.clone())
}

/// Returns what the master has mounted, by path. The master must be able to report first.
fn mounted(host: &impl Host, pod: &str) -> Result<Vec<String>> {
    host.run(pod, &["jindocache", "-report"], SHORT)?;
    let listed = host.run(pod, &["jindocache", "-mount"], SHORT)?;
    Ok(reports::mounts(&listed).into_iter().map(str::to_owned).collect())
}

/// Mounts what is not mounted. A mount that fails does not keep the others from being tried.
pub fn mount(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let pod = master(host)?;
    let there = mounted(host, &pod)?;
    let mut failures = Vec::new();
    for (path, target) in Sources::of(ctx)?.mounts {
        if there.contains(&path) {
            continue;
        }
        let output = host.ask(&pod, &["jindocache", "-mount", &path, &target], SHORT)?;
        if output.code != 0 && !output.stdout.contains(MOUNTED) && !output.stderr.contains(MOUNTED) {
            failures.push(format!("{target} at {path}: {}", last_line(&output.stderr)));
        }
    }
    let sets = host.run(&pod, &["jindocache", "-listCacheSet"], SHORT)?;
    if !sets.contains("cacheStrategy") {
        host.run(
            &pod,
            &["jindocache", "-refreshCacheSet", "-path", "/cacheset.xml"],
            SHORT,
        )?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "`jindocache -mount` in pod {pod} could not mount {}",
        failures.join("; ")
    )))
}

/// Unmounts what of these paths is mounted. One that stays is reported once, and does not keep the
/// others from being mounted: at worst, there is more to see than was asked for.
pub fn unmount(host: &impl Host, paths: &[String]) -> Result<()> {
    let pod = master(host)?;
    let there = mounted(host, &pod)?;
    for path in paths.iter().filter(|path| there.contains(path)) {
        let output = host.ask(&pod, &["jindocache", "-unmount", path], SHORT)?;
        if output.code != 0 {
            let said = last_line(&output.stderr);
            let message = format!(
                "`jindocache -unmount` in pod {pod} could not unmount {path}, which stays visible: \
                 {said}"
            );
            host.event(Severity::Warning, "UnmountFailed", &message)?;
        }
    }
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("nothing on standard error")
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
