//! Where the cache is.

use serde::Deserialize;
use serde_json::Value;
use wasser_api::quantity;

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

impl Level {
    /// The field that says how large the level is, `quota` or `quotaList`, with its bytes, which are
    /// none if it is not one quantity; `None` if neither is set.
    pub fn size(&self) -> Option<(&'static str, Option<u64>)> {
        match (self.quota_list.as_str(), &self.quota) {
            ("", quota) => quota.as_ref().map(|quota| ("quota", quantity::bytes(quota))),
            (list, _) => Some(("quotaList", quantity::bytes_of(list))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_level_has_the_size_of_its_list_or_its_quota() {
        let size = |level: Value| serde_json::from_value::<Level>(level).unwrap().size();
        assert_eq!(size(json!({})), None);
        assert_eq!(size(json!({"quota": "1Gi"})), Some(("quota", Some(1 << 30))));
        assert_eq!(size(json!({"quota": 5})), Some(("quota", Some(5))));
        assert_eq!(size(json!({"quota": {}})), Some(("quota", None)));
        assert_eq!(
            size(json!({"quota": "x", "quotaList": "2Gi"})),
            Some(("quotaList", Some(2 << 30)))
        );
        assert_eq!(size(json!({"quotaList": "1Gi,2Gi"})), Some(("quotaList", None)));
    }
}
