//! What the running system reports about itself.

mod cache;
mod df;
mod info;
mod stats;
mod status;

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, HostError, Pod, Result, StorageStats};

use crate::describe::{FUSE, WORKER};
use crate::edition::Edition;
use crate::input::Spec;
use crate::source::Source;

pub use cache::cache_states;
pub use status::file_system_id;

/// How long a command that only reads a counter can take.
const QUICK: Duration = Duration::from_secs(10);
/// How long the count of all files can take before the number of inodes is used instead.
const COUNT: Duration = Duration::from_secs(12);

/// Returns the size of the file system, as a worker sees it, or a client if there are no workers.
pub fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
    let edition = Source::of(ctx)?.edition;
    let pod = mounting_pod(host)?;
    let pod = pod.ok_or_else(|| Error::retry_after(2, "no pod is ready to report the size of the file system"))?;
    let used = used_bytes(ctx, host, &pod)?;
    Ok(StorageStats {
        used,
        free: None,
        total: used,
        total_files: total_files(ctx, edition, host, &pod)?,
    })
}

/// Returns a pod that has the file system mounted, if one is ready: a worker, else a client.
fn mounting_pod(host: &impl Host) -> Result<Option<Pod>> {
    match host.ready_pods(WORKER)?.into_iter().next() {
        Some(worker) => Ok(Some(worker)),
        None => Ok(host.ready_pods(FUSE)?.into_iter().next()),
    }
}

/// Returns the bytes in use below the mount of `pod`. A pod is ready before its mount exists.
fn used_bytes(ctx: &Context<Spec>, host: &impl Host, pod: &Pod) -> Result<u64> {
    let text = host.run(&pod.name, &["df", "-P", "-B", "1", &ctx.mount_path], QUICK)?;
    df::used(&text, &ctx.mount_path).ok_or_else(|| not_mounted(ctx, pod))
}

/// Returns the number of files. JuiceFS counts them from the statistics that it keeps for each
/// directory, inside the mount process: the output is a few lines however many files there are. If
/// that takes too long, or the client does not know the command, the number of inodes is used
/// instead, which counts directories too.
fn total_files(ctx: &Context<Spec>, edition: Edition, host: &impl Host, pod: &Pod) -> Result<u64> {
    let argv = [edition.cli(), "info", "--recursive", &ctx.mount_path];
    match host.ask(&pod.name, &argv, COUNT) {
        Ok(output) if output.code == 0 => {
            if let Some(files) = info::files(&output.stdout) {
                return Ok(files);
            }
        }
        Ok(_) | Err(HostError::Timeout) => {}
        Err(error) => return Err(error.into()),
    }
    let text = host.run(&pod.name, &["df", "-P", "-i", &ctx.mount_path], QUICK)?;
    df::used(&text, &ctx.mount_path).ok_or_else(|| not_mounted(ctx, pod))
}

fn not_mounted(ctx: &Context<Spec>, pod: &Pod) -> Error {
    Error::retry_after(1, format!("pod {} has not mounted {} yet", pod.name, ctx.mount_path))
}
