//! What the running system reports about itself.

mod cache;
mod counters;
mod mounts;
mod sizes;
mod summary;

use std::time::Duration;

use serde_json::Value;
use wasser_sdk::{Context, Error, Host, Pod, Result, StorageStats};

use crate::input::Spec;
use crate::masters;
use crate::restore;

pub use cache::cache_states;
pub use mounts::{MountTable, reasons};
pub use sizes::{count, files_completed};
pub use summary::Summary;

/// How long a command may take that only asks; each starts a Java machine.
const QUICK: Duration = Duration::from_secs(25);
/// How long Alluxio may take to read the metadata of all its data sources; the host's own limit is
/// shorter or not.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// `alluxio fsadmin report <part>`, as a master prints it.
pub fn report(host: &impl Host, pod: &Pod, part: &str) -> Result<String> {
    host.run(&pod.name, &["alluxio", "fsadmin", "report", part], QUICK)
}

/// Makes Alluxio read the metadata of everything, unless a backup already holds it.
pub fn sync_metadata(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let pod = masters::master(host)?;
    if restore::sizes(ctx, host, &pod)?.is_none() {
        host.run(&pod.name, &["alluxio", "fs", "loadMetadata", "-R", "/"], LONG)?;
    }
    Ok(())
}

/// Returns the size and number of all files.
pub fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
    let pod = masters::master(host)?;
    if let Some((total, total_files)) = restore::sizes(ctx, host, &pod)? {
        return Ok(StorageStats {
            total,
            total_files,
            ..StorageStats::default()
        });
    }
    let text = host.run(&pod.name, &["alluxio", "fs", "count", "/"], LONG)?;
    let count = count(&text).ok_or_else(|| {
        Error::failed(format!(
            "`alluxio fs count /` in pod {} printed no sizes: {text}",
            pod.name
        ))
    })?;
    // The counter of the master is of files that are complete, and costs no walk; if it is missing,
    // the walk has counted.
    let files = report(host, &pod, "metrics")
        .ok()
        .and_then(|text| files_completed(&text));
    Ok(StorageStats {
        used: 0,
        free: None,
        total: count.bytes,
        total_files: files.unwrap_or(count.files),
    })
}

/// `Dataset.status.ufsTotal` in bytes; none while it is being calculated.
fn ufs_total(ctx: &Context<Spec>) -> Option<u64> {
    let status = &ctx.dataset.as_ref()?.status;
    let text = status.get("ufsTotal").and_then(Value::as_str)?;
    wasser_api::size::parse(text)
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
}
