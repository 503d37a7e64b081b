//! Resources of the pods.

use wasser_api::quantity;
use wasser_sdk::Result;
use wasser_sdk::spec::ResourceValues;

use crate::describe::FUSE;
use crate::edition::Edition;
use crate::input::Component;
use crate::options::Options;
use crate::store::{self, Store};

const MIB: u64 = 1 << 20;

/// Returns the resources of a component. The clients request a cache in memory. With the community
/// edition, a directory of the node is that of all pods there: workers do not request it again,
/// since there is a client wherever there are applications. Workers of the enterprise edition hold
/// the cache where there is no client, and a directory of the pod's own is each pod's memory.
pub fn of(
    edition: Edition,
    role: &str,
    component: &Component,
    options: &Options,
    store: &Store,
) -> Result<ResourceValues> {
    let field = format!("JuiceFSRuntime.spec.{role}.resources");
    let cache = in_memory(options, store);
    if role == FUSE || edition == Edition::Enterprise || !store.is_of_node() {
        return component.resources.hold_cache(&field, cache)?.values(&field);
    }
    component.resources.check_cache(&field, cache)?;
    component.resources.values(&field)
}

/// Returns the bytes of memory that the cache takes by the options of the mount: those of the user
/// can name other directories than the tiered store, and another size. JuiceFS gives each directory
/// an equal part.
fn in_memory(options: &Options, store: &Store) -> u64 {
    if !store.in_memory {
        return 0;
    }
    let directories: Vec<&str> = options.get("cache-dir").map_or("", String::as_str).split(':').collect();
    let of_store = store.cache_dir();
    let is_memory = |directory: &&&str| store::split(&of_store).any(|own| store::same(own, directory));
    let (all, memory) = (directories.len(), directories.iter().filter(is_memory).count());
    let size = options.get("cache-size").and_then(|size| bytes(size));
    let size = match size {
        // The quota may have a part of a MiB.
        Some(size) if Some(size / MIB) == store.cache_size() => store.quota,
        size => size,
    };
    let [all, memory] = [all, memory].map(|count| u64::try_from(count).unwrap_or(1));
    (size.unwrap_or_default() / all.max(1)).saturating_mul(memory)
}

/// Returns the bytes of the option `cache-size`, which is in MiB unless it has a unit.
fn bytes(size: &str) -> Option<u64> {
    match size.trim().parse::<u64>() {
        Ok(mib) => mib.checked_mul(MIB),
        Err(_) => quantity::in_binary_steps(size.trim()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{Options, Store, in_memory};

    const GIB: u64 = 1 << 30;

    #[rstest]
    #[case::tiered_store("/dev/shm", Some("40960"), 40 * GIB)]
    #[case::elsewhere("/ssd/cache", Some("10240"), 0)]
    #[case::smaller("/dev/shm/", Some("1024"), GIB)]
    #[case::with_a_unit("/dev/shm", Some("2G"), 2 * GIB)]
    #[case::in_part("/dev/shm:/ssd", Some("2048"), GIB)]
    #[case::unbounded("/dev/shm", None, 0)]
    #[case::nonsense("/dev/shm", Some("much"), 0)]
    fn the_share_in_memory_is_that_of_the_options(
        #[case] directories: &str,
        #[case] size: Option<&str>,
        #[case] bytes: u64,
    ) {
        let level = json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "path": "/dev/shm", "quota": "40Gi"}]}});
        let store = Store::of(&serde_json::from_value(level).unwrap()).unwrap();
        let mut options = Options::from([("cache-dir".into(), directories.into())]);
        options.extend(size.map(|size| ("cache-size".into(), size.into())));
        assert_eq!(in_memory(&options, &store), bytes);
    }
}
