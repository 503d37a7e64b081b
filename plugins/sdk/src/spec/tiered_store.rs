//! Where the cache is.

use serde::Deserialize;
use serde_json::Value;

/// Where the cache is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TieredStore {
    /// The levels, in any order.
    pub levels: Vec<Level>,
}

/// A level of the cache.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Level {
    /// `MEM`, `SSD` or `HDD`.
    #[serde(rename = "mediumtype")]
    pub medium: String,
    /// `hostPath` or `emptyDir`; empty means `hostPath`.
    pub volume_type: String,
    /// The volume to use instead of the one that `volumeType` makes.
    pub volume_source: Option<Value>,
    /// Directories; the cache system says what separates them.
    pub path: String,
    /// The size of the level: a quantity, shared by the directories.
    pub quota: Option<Value>,
    /// The size of each directory: quantities, separated by commas.
    pub quota_list: String,
    /// The share of the level from which on data is evicted.
    pub high: String,
    /// The share down to which it is evicted, or the share of the disk that stays free.
    pub low: String,
}
