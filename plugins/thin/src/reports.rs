//! The size of the file system, as a running client reports it.

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, Measure, Result, StorageStats};

use crate::describe::FUSE;
use crate::input::Spec;

const QUICK: Duration = Duration::from_secs(15);
/// Counting visits every directory.
const COUNT: Duration = Duration::from_secs(1500);
/// The text is constant; the path is an argument of it.
const COUNT_SCRIPT: &str = "find \"$1\" -type f | wc -l";
/// The state of a file system whose cache cannot be observed.
const UNKNOWN: &str = "N/A";

/// Returns the size of the file system, as a client sees it. It is not read unless the runtime asks
/// for it, since that visits every file.
pub fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
    if !ctx.runtime.spec.management.auto_sync(false) {
        return Err(Error::NotSupported);
    }
    let pods = host.ready_pods(FUSE)?;
    let pod = pods
        .first()
        .ok_or_else(|| Error::retry_after(10, "no client is ready to report the size of the file system"))?;
    let text = host.run(&pod.name, &["df", "-P", "-B", "1", &ctx.mount_path], QUICK)?;
    let used = used(&text, &ctx.mount_path)
        .ok_or_else(|| Error::retry_after(2, format!("pod {} has not mounted {} yet", pod.name, ctx.mount_path)))?;
    let text = host.run(&pod.name, &["sh", "-c", COUNT_SCRIPT, "sh", &ctx.mount_path], COUNT)?;
    let total_files = text
        .trim()
        .parse()
        .map_err(|_| Error::failed(format!("counting the files in pod {} printed no number", pod.name)))?;
    Ok(StorageStats {
        used,
        free: None,
        total: used,
        total_files,
    })
}

/// Returns the bytes in use below `mount_path` by `df -P -B 1`; `None` if nothing is mounted there.
fn used(text: &str, mount_path: &str) -> Option<u64> {
    let fields = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| fields.len() >= 6 && fields.last() == Some(&mount_path))?;
    // From the end, since the name of a file system may contain spaces: used, available, share,
    // mount point.
    fields.get(fields.len().checked_sub(4)?)?.parse().ok()
}

/// What `status.cacheStates` shows.
pub fn cache_states() -> Vec<(String, Measure)> {
    [
        "cacheCapacity",
        "cacheHitRatio",
        "cacheThroughputRatio",
        "cached",
        "cachedPercentage",
    ]
    .map(|name| (name.to_owned(), Measure::Other(UNKNOWN.to_owned())))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::mounted(
        "Filesystem 1-blocks Used Available Capacity Mounted on\ns3fs 1000 40 960 4% /t",
        Some(40)
    )]
    #[case::spaces("a b 1000 40 960 4% /t", Some(40))]
    #[case::not_mounted("overlay 1000 40 960 4% /", None)]
    #[case::cut_off("s3fs 1000 40", None)]
    #[case::no_number("s3fs 1000 - - - /t", None)]
    fn the_line_of_the_mount_is_read(#[case] text: &str, #[case] used: Option<u64>) {
        assert_eq!(super::used(text, "/t"), used);
    }
}
