//! Where a component caches: its volumes, and what its configuration says of them.

use serde::Serialize;
use serde_json::{Value, json};
use wasser_api::quantity;
use wasser_sdk::{Error, Result};

use crate::component::Part;
use crate::input::{Directories, Directory, Level, Memory};

/// Where directories of the cache are in the pods.
const DIRECTORY: &str = "/etc/fluid/mount/tiered-store";
/// Where memory of the process is.
const SHARED_MEMORY: &str = "/dev/shm";

/// A level of the cache.
#[derive(Debug, Default)]
pub struct Tier {
    /// Volumes, each with its mount.
    pub volumes: Vec<(Value, Value)>,
    /// What the configuration says.
    pub config: LevelConfig,
    /// Bytes of memory that the container has in addition to what it asks for.
    pub added_memory: u64,
    /// Bytes of what the container asks for that the level needs.
    pub held_memory: u64,
}

/// What the configuration says of a level.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelConfig {
    /// Where it is in the container.
    mount_paths: Vec<String>,
    /// `MEM` or `HDD`.
    medium_type: &'static str,
    /// How much each place can hold.
    quotas: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    high: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    low: String,
}

/// Returns the levels of a component's cache.
pub fn of(part: &Part<'_>) -> Result<Vec<Tier>> {
    let levels = &part.asked.tiered_store.levels;
    let field = |at: usize| part.field(&format!("tieredStore.levels[{at}]"));
    let in_memory: Vec<usize> = (0..)
        .zip(levels)
        .filter(|(_, level)| level.process_memory.is_some())
        .map(|(at, _)| at)
        .collect();
    if let [_, second, ..] = in_memory.as_slice() {
        let message = format!("is a second level in {SHARED_MEMORY}; there can be one");
        return Err(Error::invalid(format!("{}.processMemory", field(*second)), message));
    }
    let tier = |(at, level): (usize, &Level)| tier(at, level, &field(at));
    levels.iter().enumerate().map(tier).collect()
}

fn tier(at: usize, level: &Level, field: &str) -> Result<Tier> {
    let mut tier = match (&level.process_memory, &level.empty_dir, &level.host_path) {
        (Some(memory), None, None) => in_memory(at, memory, &format!("{field}.processMemory"))?,
        (None, Some(directory), None) => in_directory(at, directory, &format!("{field}.emptyDir"))?,
        (None, None, Some(directories)) => on_node(at, directories, &format!("{field}.hostPath"))?,
        _ => {
            let message = "needs exactly one of processMemory, emptyDir and hostPath";
            return Err(Error::invalid(field, message));
        }
    };
    tier.config.high.clone_from(&level.high);
    tier.config.low.clone_from(&level.low);
    Ok(tier)
}

fn in_memory(at: usize, memory: &Memory, field: &str) -> Result<Tier> {
    let Quota {
        text: quota,
        filled: bytes,
    } = quota(&memory.quota, &format!("{field}.quota"))?;
    let volume = json!({"medium": "Memory", "sizeLimit": quantity::of_bytes(bytes)});
    let name = format!("tiered-store-level-{at}-memory");
    let mount = json!({"name": name, "mountPath": SHARED_MEMORY});
    Ok(Tier {
        volumes: vec![(json!({"name": name, "emptyDir": volume}), mount)],
        config: LevelConfig {
            mount_paths: vec![SHARED_MEMORY.into()],
            medium_type: "MEM",
            quotas: vec![quota],
            ..LevelConfig::default()
        },
        added_memory: bytes,
        held_memory: 0,
    })
}

fn in_directory(at: usize, directory: &Directory, field: &str) -> Result<Tier> {
    let Quota {
        text: quota,
        filled: bytes,
    } = quota(&directory.quota, &format!("{field}.quota"))?;
    let is_memory = match directory.medium.as_str() {
        "" => false,
        "Memory" => true,
        other => {
            let message = format!("`{}` is neither Memory nor empty", other.escape_debug());
            return Err(Error::invalid(format!("{field}.medium"), message));
        }
    };
    let limit = if is_memory { bytes } else { quantity::with_slack(bytes) };
    let mut source = json!({"sizeLimit": quantity::of_bytes(limit)});
    if let Some(fields) = source.as_object_mut().filter(|_| is_memory) {
        fields.insert("medium".into(), "Memory".into());
    }
    let (name, path) = place(at, 0, "emptydir");
    Ok(Tier {
        volumes: vec![(
            json!({"name": name, "emptyDir": source}),
            json!({"name": name, "mountPath": path}),
        )],
        config: LevelConfig {
            mount_paths: vec![path],
            medium_type: if is_memory { "MEM" } else { "HDD" },
            quotas: vec![quota],
            ..LevelConfig::default()
        },
        added_memory: 0,
        held_memory: if is_memory { bytes } else { 0 },
    })
}

fn on_node(at: usize, directories: &Directories, field: &str) -> Result<Tier> {
    let Directories { paths, quotas, kind } = directories;
    if paths.is_empty() || paths.len() != quotas.len() {
        let message = format!(
            "has {} paths and {} quotas; write one for each",
            paths.len(),
            quotas.len()
        );
        return Err(Error::invalid(format!("{field}.quotas"), message));
    }
    let mut tier = Tier::default();
    tier.config.medium_type = "HDD";
    let kind = if kind.is_empty() { "DirectoryOrCreate" } else { kind };
    for (index, (directory, size)) in paths.iter().zip(quotas).enumerate() {
        let mut parts = directory.split('/');
        let is_root = parts.clone().all(|part| part.is_empty() || part == ".");
        if !directory.starts_with('/') || is_root || parts.any(|part| part == "..") {
            let message = "must be an absolute path of a directory other than `/`, without `..`";
            return Err(Error::invalid(format!("{field}.paths[{index}]"), message));
        }
        let size = quota(size, &format!("{field}.quotas[{index}]"))?.text;
        let (name, path) = place(at, index, "hostpath");
        let source = json!({"path": directory, "type": kind});
        tier.volumes.push((
            json!({"name": name, "hostPath": source}),
            json!({"name": name, "mountPath": path}),
        ));
        tier.config.mount_paths.push(path);
        tier.config.quotas.push(size);
    }
    Ok(tier)
}

/// Returns the name of a volume, and where it is mounted.
fn place(level: usize, index: usize, kind: &str) -> (String, String) {
    let name = format!("tiered-store-level-{level}-index-{index}");
    (name, format!("{DIRECTORY}/level-{level}-index-{index}-{kind}"))
}

/// How much a place of the cache can hold.
struct Quota {
    /// As the user writes it, and the configuration says it.
    text: String,
    /// Bytes that the cache system may fill, which takes units for steps of 1024.
    filled: u64,
}

/// Reads a quota.
fn quota(size: &Value, field: &str) -> Result<Quota> {
    let bytes = quantity::bytes(size).filter(|bytes| *bytes > 0).ok_or_else(|| {
        let message = format!("{size} is not a size; write for instance `1Gi`");
        Error::invalid(field, message)
    })?;
    let text = size.as_str().map_or_else(|| size.to_string(), str::to_owned);
    let filled = quantity::in_binary_steps(&text).unwrap_or_default().max(bytes);
    Ok(Quota { text, filled })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{quota, tier};
    use crate::input::Level;

    #[test]
    fn a_unit_is_a_step_of_1024_to_the_cache_system_whatever_the_user_means() {
        for (size, text, filled) in [
            (json!("100G"), "100G", 100 << 30),
            (json!("100Gi"), "100Gi", 100 << 30),
            (json!("1.5Gi"), "1.5Gi", 3 << 29),
            (json!(4096), "4096", 4096),
        ] {
            let quota = quota(&size, "field").unwrap();
            assert_eq!((quota.text.as_str(), quota.filled), (text, filled));
        }
    }

    #[test]
    fn a_directory_on_disk_has_room_for_more_than_the_cache() {
        let limit = |medium: &str| {
            let level = json!({"emptyDir": {"quota": "10G", "medium": medium}});
            let level: Level = serde_json::from_value(level).unwrap();
            let tier = tier(0, &level, "field").unwrap();
            tier.volumes[0].0["emptyDir"]["sizeLimit"].clone()
        };
        assert_eq!(limit(""), "11Gi");
        assert_eq!(limit("Memory"), "10Gi");
    }
}
