//! `status.cacheStates` of a runtime.

use wasser_sdk::{Command, Context, Host, Measure, Pod, Result};

use super::stats::CacheStats;
use super::{QUICK, mounting_pod, used_bytes};
use crate::describe::{FUSE, WORKER};
use crate::edition::Edition;
use crate::input::Spec;
use crate::quantity;
use crate::source::Source;
use crate::store::Store;

/// Returns the five states that JuiceFS shows: the capacity as soon as a worker is ready, the
/// others empty until a pod has statistics. In the community edition every fuse pod reports the
/// same cache; in the enterprise edition every worker holds a part of it.
pub fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
    let edition = Source::of(ctx)?.edition;
    let role = match edition {
        Edition::Community => FUSE,
        Edition::Enterprise => WORKER,
    };
    let workers = host.ready_pods(WORKER)?;
    let ready = u64::try_from(workers.len()).unwrap_or(u64::MAX);
    let capacity = Measure::Bytes(capacity(ctx)?.saturating_mul(ready));
    let stats = collect(ctx, edition, host, &host.ready_pods(role)?);
    let Some((total, pods)) = stats else {
        let capacity = if ready > 0 { capacity } else { Measure::Unknown };
        let unknown = || Measure::Unknown;
        return Ok(pairs([capacity, unknown(), unknown(), unknown(), unknown()]));
    };
    let cached = match edition {
        Edition::Community => total.bytes / pods,
        Edition::Enterprise => total.bytes,
    };
    let used = mounting_pod(host)?.and_then(|pod| used_bytes(ctx, host, &pod).ok());
    let share = |part: u64, other: u64| Measure::share(part, part.saturating_add(other));
    Ok(pairs([
        capacity,
        Measure::Bytes(cached),
        // Blocks of deleted files stay for a while, and none of them counts as more than all that
        // there is.
        used.map_or(Measure::Unknown, |used| Measure::share(cached.min(used), used)),
        share(total.hits, total.misses),
        share(total.hit_bytes, total.miss_bytes),
    ]))
}

fn pairs(values: [Measure; 5]) -> Vec<(String, Measure)> {
    let names = [
        "cacheCapacity",
        "cached",
        "cachedPercentage",
        "cacheHitRatio",
        "cacheThroughputRatio",
    ];
    names.into_iter().map(str::to_string).zip(values).collect()
}

/// Returns the sum of the pods' counters and the number of pods that had any; `None` if no pod had.
/// One that does not answer, which happens while it mounts, is left out.
fn collect(ctx: &Context<Spec>, edition: Edition, host: &impl Host, pods: &[Pod]) -> Option<(CacheStats, u64)> {
    let file = format!("{}/.stats", ctx.mount_path);
    let argv = ["cat", file.as_str()];
    let commands: Vec<Command<'_>> = pods.iter().map(|pod| Command::new(&pod.name, &argv, QUICK)).collect();
    let said = host
        .exec_all(&commands)
        .into_iter()
        .filter_map(|output| output.ok()?.said().ok());
    let mut sum = (CacheStats::default(), 0);
    for said in said.filter(|said| said.code == 0) {
        sum.0.add(CacheStats::parse(edition, &said.stdout));
        sum.1 += 1;
    }
    (sum.1 > 0).then_some(sum)
}

/// Returns bytes of cache of one worker: the worker's own option, else the tiered store's quota.
fn capacity(ctx: &Context<Spec>) -> Result<u64> {
    let spec = &ctx.runtime.spec;
    match spec
        .worker
        .options
        .get("cache-size")
        .and_then(|text| quantity::juicefs(text))
    {
        Some(bytes) => Ok(bytes),
        None => Ok(Store::of(spec)?.quota.unwrap_or_default()),
    }
}
