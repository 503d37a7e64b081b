//! Emptying the cache before the release is removed.

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, Result};

use crate::describe::{FUSE, WORKER};
use crate::edition::Edition;
use crate::input::{Component, Spec};
use crate::reports;
use crate::source::Source;
use crate::store::{self, Store};

const STATUS: Duration = Duration::from_secs(15);
/// Only the container knows the address of the metadata engine, so a shell there expands it. The
/// text is constant.
const STATUS_SCRIPT: &str = "exec /usr/local/bin/juicefs status \"$METAURL\"";
/// What a path must end in to be removed: the blocks of one file system.
const BLOCKS: &str = "/raw/chunks";

/// Makes one attempt to remove the cached blocks of every ready worker and client. Without a
/// Dataset, or with one that could never be set up, there is no cache. The directories of nodes
/// without a ready pod are the host's to find.
pub fn clean_cache(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let Some((edition, name)) = identity(ctx) else {
        return Ok(());
    };
    let spec = &ctx.runtime.spec;
    let mut pods = Vec::new();
    for (role, component) in [(WORKER, &spec.worker), (FUSE, &spec.fuse)] {
        let directories = cache_dir(spec, component)?;
        pods.extend(
            host.ready_pods(role)?
                .into_iter()
                .map(|pod| (pod.name, directories.clone())),
        );
    }
    let Some((pod, _)) = pods.first() else { return Ok(()) };
    let id = match edition {
        Edition::Community => {
            let text = host.run(pod, &["sh", "-c", STATUS_SCRIPT], STATUS)?;
            let found = reports::file_system_id(&text);
            found
                .map(str::to_string)
                .ok_or_else(|| Error::failed(format!("`juicefs status` in pod {pod} names no UUID")))?
        }
        Edition::Enterprise => name,
    };
    let grace = spec.management.grace_period();
    let failures: Vec<String> = pods
        .iter()
        .filter_map(|(pod, directories)| remove(host, pod, &block_paths(directories, &id), grace).err())
        .map(|e| e.to_string())
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Error::failed(failures.join("; ")))
    }
}

fn remove(host: &impl Host, pod: &str, paths: &[String], patience: Duration) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut argv = vec!["rm", "-rf", "--"];
    argv.extend(paths.iter().map(String::as_str));
    host.run(pod, &argv, patience).map(drop)
}

/// Returns edition and name of the file system: from the Dataset, else from what is installed.
fn identity(ctx: &Context<Spec>) -> Option<(Edition, String)> {
    if let Ok(source) = Source::of(ctx) {
        return Some((source.edition, source.name));
    }
    let installed = ctx.installed.as_ref()?;
    let text = |pointer: &str| installed.pointer(pointer).and_then(serde_json::Value::as_str);
    let edition = if text("/edition")? == "community" {
        Edition::Community
    } else {
        Edition::Enterprise
    };
    Some((edition, text("/configs/name")?.to_string()))
}

/// Returns the cache directories of a role's pods: their own option, else the tiered store's.
fn cache_dir(spec: &Spec, component: &Component) -> Result<String> {
    match component.options.get("cache-dir") {
        Some(directories) => Ok(directories.clone()),
        None => Ok(Store::of(spec)?.cache_dir()),
    }
}

/// Returns where the blocks of the file system `id` are: only absolute paths without `..` that end
/// in the folder of blocks, whatever the spec says.
fn block_paths(cache_dir: &str, id: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let id_fits = !id.is_empty() && !id.starts_with('.') && id.chars().all(is_plain);
    let is_directory = |d: &&str| *d != "memory" && store::check_directory("", d).is_ok();
    let directories = store::split(cache_dir).filter(|d| id_fits && is_directory(d));
    directories
        .map(|directory| format!("{}/{id}{BLOCKS}", directory.trim_end_matches('/')))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::one("/var/jfsCache", "id-1", &["/var/jfsCache/id-1/raw/chunks"])]
    #[case::several("/a/:/b", "id-1", &["/a/id-1/raw/chunks", "/b/id-1/raw/chunks"])]
    #[case::memory("memory", "id-1", &[])]
    #[case::root("/", "id-1", &[])]
    #[case::relative("cache", "id-1", &[])]
    #[case::upwards("/a/../etc", "id-1", &[])]
    #[case::id_is_a_path("/a", "../etc", &[])]
    #[case::no_id("/a", "", &[])]
    fn only_blocks_are_removed(#[case] cache_dir: &str, #[case] id: &str, #[case] paths: &[&str]) {
        assert_eq!(super::block_paths(cache_dir, id), paths);
    }
}
