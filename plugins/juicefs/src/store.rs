//! The tiered store: where the cache is and how large it may become.

use serde_json::Value;
use wasser_api::quantity;
use wasser_sdk::spec::Level;
use wasser_sdk::{Error, Result};

use crate::input::Spec;
use crate::shell;

/// Where the cache is when the runtime does not say; JuiceFS' own default.
pub const DEFAULT_DIRECTORY: &str = "/var/jfsCache";
const LEVEL: &str = "JuiceFSRuntime.spec.tieredstore.levels[0]";
const MIB: u64 = 1 << 20;

/// The first level of the tiered store.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Absolute paths; empty if the runtime has no tiered store.
    pub directories: Vec<String>,
    /// The volume to use for them instead of a directory of the node.
    pub volume: Volume,
    /// Bytes of cache per pod.
    pub quota: Option<u64>,
    /// The share of the disk to leave free, as JuiceFS takes it.
    pub free_space_ratio: Option<String>,
    /// Whether the cache is memory of the pod.
    pub in_memory: bool,
}

/// What a cache directory is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Volume {
    /// A directory of the node.
    #[default]
    HostPath,
    /// A directory that goes with the pod.
    EmptyDir,
    /// What the user wrote.
    Source(Value),
}

impl Store {
    /// Reads `spec.tieredstore`.
    pub fn of(spec: &Spec) -> Result<Self> {
        let Some(level) = spec.tiered_store.levels.first() else {
            return Ok(Store::default());
        };
        if !["MEM", "SSD", "HDD"].contains(&level.medium.as_str()) {
            return Err(Error::invalid(
                format!("{LEVEL}.mediumtype"),
                "is none of MEM, SSD, HDD",
            ));
        }
        let written = directories(level)?;
        Ok(Store {
            quota: quota(level, written.len())?,
            volume: volume(level)?,
            free_space_ratio: ratio(level)?,
            in_memory: level.medium == "MEM",
            directories: once(written),
        })
    }

    /// Returns the option `cache-dir`.
    pub fn cache_dir(&self) -> String {
        if self.directories.is_empty() {
            DEFAULT_DIRECTORY.into()
        } else {
            self.directories.join(":")
        }
    }

    /// Returns the option `cache-size`, in MiB.
    pub fn cache_size(&self) -> Option<u64> {
        self.quota.map(|bytes| bytes / MIB)
    }

    /// Reports whether the directories are the node's, the same for all pods there.
    pub fn is_of_node(&self) -> bool {
        match &self.volume {
            Volume::HostPath => true,
            Volume::EmptyDir => false,
            Volume::Source(source) => source.get("hostPath").is_some_and(|source| !source.is_null()),
        }
    }

    /// Returns the kind of volume for a directory: the tiered store's for its directories, and the
    /// node's for others.
    pub fn volume_of(&self, directory: &str) -> &Volume {
        if self.directories.iter().any(|d| same(d, directory)) {
            &self.volume
        } else {
            &Volume::HostPath
        }
    }
}

fn directories(level: &Level) -> Result<Vec<String>> {
    let field = format!("{LEVEL}.path");
    shell::check_text(&field, &level.path)?;
    let directories: Vec<String> = split(&level.path).map(str::to_string).collect();
    for directory in &directories {
        check_directory(&field, directory)?;
    }
    Ok(directories)
}

/// Returns the directories as they are written first.
fn once(written: Vec<String>) -> Vec<String> {
    let mut directories: Vec<String> = Vec::new();
    for directory in written {
        if !directories.iter().any(|earlier| same(earlier, &directory)) {
            directories.push(directory);
        }
    }
    directories
}

/// Returns the directories of a list as JuiceFS reads it, separated by colons.
pub fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(':').map(str::trim).filter(|directory| !directory.is_empty())
}

/// Returns the names in a path. Two paths with the same ones are one directory.
pub fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

/// Reports whether two paths are one directory.
pub fn same(one: &str, other: &str) -> bool {
    parts(one) == parts(other)
}

/// Refuses a cache directory that cannot be one. `memory` is a word of JuiceFS.
pub fn check_directory(field: &str, directory: &str) -> Result<()> {
    if directory == "memory" {
        return Ok(());
    }
    let wrong = if !directory.starts_with('/') {
        "is not absolute; begin it with `/`"
    } else if directory.split('/').any(|part| part == "..") {
        "contains `..`; write the path without it"
    } else if directory.trim_matches('/').is_empty() {
        "is the root directory; name one for the cache"
    } else if directory.contains([',', ';']) || directory.contains(char::is_whitespace) {
        "has a comma, a semicolon or a space in it; separate directories by colons"
    } else if directory.contains(['*', '?', '[', '\\']) {
        "is a pattern to JuiceFS; write out each directory, separated by colons"
    } else {
        return Ok(());
    };
    Err(Error::invalid(field, format!("`{}` {wrong}", directory.escape_debug())))
}

fn quota(level: &Level, directories: usize) -> Result<Option<u64>> {
    if level.quota_list.is_empty() {
        let read = |quota: &Value| {
            let wrong = || {
                Error::invalid(
                    format!("{LEVEL}.quota"),
                    format!("{quota} is not a quantity; write for instance `100Gi`"),
                )
            };
            quantity::bytes(quota).ok_or_else(wrong)
        };
        return level.quota.as_ref().map(read).transpose();
    }
    let field = format!("{LEVEL}.quotaList");
    let quotas: Vec<&str> = level.quota_list.split(',').map(str::trim).collect();
    if quotas.len() != directories {
        let message = format!(
            "has {} quotas, but path has {directories} directories; write one quota for each, separated by commas",
            quotas.len()
        );
        return Err(Error::invalid(field, message));
    }
    let mut sum: u64 = 0;
    for quota in quotas {
        let wrong = || {
            Error::invalid(
                &field,
                format!(
                    "`{}` is not a quantity; write for instance `100Gi,50Gi`",
                    quota.escape_debug()
                ),
            )
        };
        sum = quantity::bytes_of(quota)
            .and_then(|bytes| sum.checked_add(bytes))
            .ok_or_else(wrong)?;
    }
    Ok(Some(sum))
}

fn volume(level: &Level) -> Result<Volume> {
    match (&level.volume_source, level.volume_type.as_str()) {
        (Some(source), _) if source.as_object().is_some_and(|o| !o.is_empty()) => Ok(Volume::Source(source.clone())),
        (_, "" | "hostPath") => Ok(Volume::HostPath),
        (_, "emptyDir") => Ok(Volume::EmptyDir),
        (_, other) => Err(Error::invalid(
            format!("{LEVEL}.volumeType"),
            format!("`{}` is neither hostPath nor emptyDir", other.escape_debug()),
        )),
    }
}

fn ratio(level: &Level) -> Result<Option<String>> {
    if level.low.is_empty() {
        return Ok(None);
    }
    match level.low.parse::<f64>() {
        Ok(ratio) if (0.0..1.0).contains(&ratio) => Ok(Some(level.low.clone())),
        _ => Err(Error::invalid(
            format!("{LEVEL}.low"),
            format!(
                "`{}` is not a ratio; write for instance \"0.1\"",
                level.low.escape_debug()
            ),
        )),
    }
}
