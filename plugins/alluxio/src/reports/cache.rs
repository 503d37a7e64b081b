//! `status.cacheStates` of a runtime.

use serde::{Deserialize, Serialize};
use wasser_sdk::{Context, Host, HostError, Level, Measure, Result};

use super::counters::Counters;
use super::summary::Summary;
use super::{report, ufs_total};
use crate::input::Spec;
use crate::masters;

/// The key under which the last sample is kept.
const STATE: &str = "counters";
/// How often the counters are read: the command walks all metrics of the master.
const PERIOD_MS: u64 = 60_000;

/// What is kept between two samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sample {
    /// When it was taken, in milliseconds since 1970.
    at: u64,
    counters: Counters,
    /// The ratios that followed from it.
    ratios: Ratios,
}

/// Shares of what was read; none are known after the first sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Ratios {
    hit: Option<f64>,
    local_hit: Option<f64>,
    remote_hit: Option<f64>,
    throughput: Option<f64>,
    local_throughput: Option<f64>,
    remote_throughput: Option<f64>,
}

impl Ratios {
    /// The shares in the time between two samples.
    fn of(read: &Counters) -> Self {
        let share = |part: u64, whole: u64| Some(if whole > 0 { part as f64 / whole as f64 } else { 0.0 });
        let all = read.local.saturating_add(read.remote).saturating_add(read.ufs);
        let rate = read
            .local_rate
            .saturating_add(read.remote_rate)
            .saturating_add(read.ufs_rate);
        Ratios {
            hit: share(read.local.saturating_add(read.remote), all),
            local_hit: share(read.local, all),
            remote_hit: share(read.remote, all),
            throughput: share(read.local_rate.saturating_add(read.remote_rate), rate),
            local_throughput: share(read.local_rate, rate),
            remote_throughput: share(read.remote_rate, rate),
        }
    }
}

/// Returns the nine states that Alluxio shows. Ratios are of what was read since the sample before;
/// they are unknown until there are two.
pub fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
    let pod = masters::master(host)?;
    let summary = Summary::parse(&report(host, &pod, "summary")?);
    let kept = host.state(STATE)?;
    let before = kept
        .as_ref()
        .and_then(|entry| serde_json::from_slice::<Sample>(&entry.value).ok());
    let version = kept.map(|entry| entry.version);
    let now = ctx.now_ms;
    let ratios = match before {
        // Also if the clock was set back.
        Some(before) if now >= before.at && now - before.at < PERIOD_MS => before.ratios,
        before => match Counters::parse(&report(host, &pod, "metrics")?) {
            Some(counters) => sample(host, before, counters, now, version.as_deref())?,
            None => {
                host.log(
                    Level::Warn,
                    "`alluxio fsadmin report metrics` has no counters that are understood",
                );
                before.map(|before| before.ratios).unwrap_or_default()
            }
        },
    };
    let percentage = match (summary.used, ufs_total(ctx)) {
        // Blocks of several copies, or of files that came since the size was read, are no more than
        // all of it.
        (Some(used), Some(total)) => Measure::share(used.min(total), total),
        _ => Measure::Unknown,
    };
    let ratio = |share: Option<f64>| share.map_or(Measure::Unknown, Measure::Share);
    let states = [
        ("cacheCapacity", Measure::bytes(summary.capacity)),
        ("cached", Measure::bytes(summary.used)),
        ("cachedPercentage", percentage),
        ("cacheHitRatio", ratio(ratios.hit)),
        ("localHitRatio", ratio(ratios.local_hit)),
        ("remoteHitRatio", ratio(ratios.remote_hit)),
        ("cacheThroughputRatio", ratio(ratios.throughput)),
        ("localThroughputRatio", ratio(ratios.local_throughput)),
        ("remoteThroughputRatio", ratio(ratios.remote_throughput)),
    ];
    Ok(states.map(|(name, value)| (name.to_string(), value)).to_vec())
}

/// Keeps a sample, and returns the ratios since the one before. If another task has kept one in the
/// meantime, that one stays.
fn sample(
    host: &impl Host,
    before: Option<Sample>,
    counters: Counters,
    now: u64,
    version: Option<&str>,
) -> Result<Ratios> {
    let ratios = before
        .map(|before| Ratios::of(&counters.since(&before.counters)))
        .unwrap_or_default();
    let sample = Sample {
        at: now,
        counters,
        ratios,
    };
    let bytes =
        serde_json::to_vec(&sample).map_err(|e| wasser_sdk::Error::failed(format!("cannot keep the counters: {e}")))?;
    match host.set_state(STATE, &bytes, version) {
        Ok(_) | Err(HostError::Conflict(_)) => Ok(ratios),
        Err(error) => Err(error.into()),
    }
}
