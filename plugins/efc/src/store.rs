//! The tiered store: the one directory in which each worker keeps its cache.

use serde_json::{Map, Value, json};
use wasser_api::quantity;
use wasser_sdk::spec::Level;
use wasser_sdk::{Error, Result};

use crate::text::is_plain;

/// The volume of the cache.
pub const VOLUME: &str = "efc-cache";
const GIB: u64 = 1 << 30;
const MEMORY: &str = "MEM";
/// Where the cache is if the runtime does not say.
const DEFAULT_PATH: &str = "/cache_dir";

/// How the directory comes to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory of the node, which outlives the pod.
    HostPath,
    /// A directory of the pod.
    EmptyDir,
    /// A volume of the user.
    Source,
}

impl Kind {
    /// Returns the name in the values.
    pub fn name(self) -> &'static str {
        match self {
            Kind::HostPath => "hostPath",
            Kind::EmptyDir => EMPTY_DIR,
            Kind::Source => "volumeSource",
        }
    }
}

/// The name of a directory of the pod, in specs and values.
pub const EMPTY_DIR: &str = "emptyDir";

/// Where a worker keeps its cache.
#[derive(Debug)]
pub struct Store {
    /// The directory in its container, which no other runtime has.
    pub path: String,
    /// `MEM`, `SSD` or `HDD`.
    pub medium: String,
    /// How the directory comes to a worker.
    pub kind: Kind,
    /// The volume there.
    pub volume: Value,
    /// Bytes; `None` if the worker decides.
    pub quota: Option<u64>,
}

impl Store {
    /// Reads the level. Without one, 1 GiB of memory. `owner` is `<namespace>/<name>`, which
    /// separates runtimes on a node.
    pub fn of(levels: &[Level], owner: &str) -> Result<Self> {
        let own = Level {
            medium: MEMORY.into(),
            volume_type: EMPTY_DIR.into(),
            path: DEFAULT_PATH.into(),
            quota: Some("1Gi".into()),
            ..Level::default()
        };
        let level = match levels {
            [] => &own,
            [level] => level,
            _ => {
                let message = "is a second level, and a worker has one; remove it";
                return Err(invalid("[1]", message));
            }
        };
        if !["MEM", "SSD", "HDD"].contains(&level.medium.as_str()) {
            return Err(invalid("[0].mediumtype", "is none of MEM, SSD, HDD"));
        }
        let path = format!("{}/{owner}", directory(&level.path)?);
        let quota = quota(level)?;
        let (kind, source) = match (level.volume_type.as_str(), &level.volume_source) {
            (_, Some(Value::Object(source))) if !source.is_empty() => (Kind::Source, source.clone()),
            ("" | "hostPath", _) => (
                Kind::HostPath,
                fields(json!({"hostPath": {"path": path, "type": "DirectoryOrCreate"}})),
            ),
            (EMPTY_DIR, _) => (Kind::EmptyDir, fields(json!({EMPTY_DIR: empty_dir(level, quota)}))),
            _ => return Err(invalid("[0].volumeType", "is neither hostPath nor emptyDir")),
        };
        let mut volume = Map::from_iter([("name".to_owned(), VOLUME.into())]);
        volume.extend(source);
        Ok(Store {
            path,
            medium: level.medium.clone(),
            kind,
            volume: volume.into(),
            quota,
        })
    }

    /// Reports whether the cache is in memory.
    pub fn is_memory(&self) -> bool {
        self.medium == MEMORY
    }

    /// Returns how many bytes of memory the cache takes.
    pub fn memory(&self) -> u64 {
        self.quota.filter(|_| self.is_memory()).unwrap_or_default()
    }

    /// Returns the size in GiB, as the workers take it.
    pub fn gigabytes(&self) -> Option<u64> {
        self.quota.map(|bytes| bytes / GIB)
    }
}

fn invalid(place: &str, message: impl Into<String>) -> Error {
    Error::invalid(format!("EFCRuntime.spec.tieredstore.levels{place}"), message)
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn empty_dir(level: &Level, quota: Option<u64>) -> Value {
    let mut volume = Map::new();
    let is_memory = level.medium == MEMORY;
    if is_memory {
        volume.insert("medium".to_owned(), "Memory".into());
    }
    // Without a unit, charts write it as a text of digits, which is read in one pass.
    if let Some(bytes) = quota {
        let bytes = if is_memory { bytes } else { quantity::with_slack(bytes) };
        volume.insert("sizeLimit".to_owned(), bytes.to_string().into());
    }
    volume.into()
}

/// Returns the directory of a level without a slash at its end.
fn directory(path: &str) -> Result<&str> {
    let trimmed = path.trim_end_matches('/');
    let plain = |c: char| is_plain(c) && !":=@%".contains(c);
    if !path.starts_with('/') || trimmed.is_empty() || path.contains("..") || !path.chars().all(plain) {
        let path = path.escape_debug();
        let message = format!("`{path}` is not one absolute directory of letters, digits and `_.-+/`");
        return Err(invalid("[0].path", message));
    }
    Ok(trimmed)
}

/// Returns the size of the level; `None` if it has none.
fn quota(level: &Level) -> Result<Option<u64>> {
    let Some((name, size)) = level.size() else {
        return Ok(None);
    };
    match size {
        Some(bytes) if bytes >= GIB => Ok(Some(bytes)),
        Some(_) => Err(invalid(
            &format!("[0].{name}"),
            "is below 1Gi, the least that a worker takes; raise it",
        )),
        None => Err(invalid(
            &format!("[0].{name}"),
            "is not a quantity; write one, for instance `20Gi`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasser_sdk::spec::Level;

    use super::Store;

    #[test]
    fn a_directory_on_disk_has_room_for_more_than_the_cache() {
        let limit = |medium: &str| {
            let level = json!({"mediumtype": medium, "volumeType": "emptyDir", "path": "/cache", "quota": "10Gi"});
            let level: Level = serde_json::from_value(level).unwrap();
            Store::of(&[level], "ns/data").unwrap().volume["emptyDir"]["sizeLimit"].clone()
        };
        assert_eq!(limit("SSD"), (11u64 << 30).to_string());
        assert_eq!(limit("MEM"), (10u64 << 30).to_string());
    }
}
