//! Where workers keep the cache.

use serde::{Deserialize, Serialize};

use crate::quantity::{InvalidQuantity, Quantity};

/// The form that the CRDs ask of `quotaList`: two or more quantities, joined by commas.
#[cfg(feature = "schema")]
const QUOTA_LIST_PATTERN: &str = concat!(
    r"^((\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))",
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+)))),)+",
    r"((\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))",
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?)$"
);

open_enum! {
    /// What a tier is made of.
    MediumType, listed {
        /// Memory.
        #[default]
        Memory = "MEM",
        /// Solid-state disks.
        Ssd = "SSD",
        /// Hard disks.
        Hdd = "HDD",
    }
}

open_enum! {
    /// What a tier's paths are.
    VolumeType, listed {
        /// Directories of the node.
        #[default]
        HostPath = "hostPath",
        /// Directories that live as long as the pod.
        EmptyDir = "emptyDir",
    }
}

/// Where workers keep the cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TieredStore {
    /// The tiers, fastest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
}

/// One tier of the cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["mediumtype"])))]
#[serde(rename_all = "camelCase", default)]
pub struct Level {
    /// What the tier is made of: MEM, SSD or HDD.
    #[serde(rename = "mediumtype")]
    pub medium_type: MediumType,
    /// What the paths are: hostPath or emptyDir.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "hostPath")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<VolumeType>,
    /// A volume to take in place of a plain directory.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::crd::pieces::volume_source"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_source: Option<serde_json::Value>,
    /// Paths of the tier, joined by the separator that the cache system uses.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How much to cache in all paths together; shared out evenly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quantity>,
    /// How much to cache in each path, joined by commas.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = QUOTA_LIST_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_list: Option<String>,
    /// Share of the quota from which on the tier is emptied: `0.95`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// Share of the quota down to which the tier is emptied: `0.7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
}

/// Why a tier cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLevel {
    /// A quota is not a quantity.
    #[error("the quota of the tier cannot be read: {0}")]
    Quota(#[from] InvalidQuantity),
    /// `quotaList` and `path` do not go together.
    #[error("quotaList has {quotas} quotas for {paths} paths; write one for each path")]
    Count {
        /// Number of quotas.
        quotas: usize,
        /// Number of paths.
        paths: usize,
    },
    /// The quotas together do not fit 63 bits.
    #[error("the quotas of the tier add up to more than 63 bits can hold; write smaller ones")]
    TooMuch,
}

impl Level {
    /// The paths, split at this separator, without those that are empty.
    pub fn paths(&self, separator: char) -> Vec<&str> {
        self.path
            .as_deref()
            .unwrap_or_default()
            .split(separator)
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .collect()
    }

    /// Bytes to cache in each path: `quotaList`, else `quota` shared out evenly, else 0 for each.
    ///
    /// # Errors
    /// A quota cannot be read, or there are more or fewer quotas than paths.
    pub fn quotas(&self, separator: char) -> Result<Vec<i64>, InvalidLevel> {
        let paths = self.paths(separator).len();
        if let Some(list) = self.quota_list.as_deref().filter(|list| !list.is_empty()) {
            let quotas = list
                .split(',')
                .map(|quota| crate::quantity::parse(quota.trim()))
                .collect::<Result<Vec<_>, _>>()?;
            return if quotas.len() == paths {
                Ok(quotas)
            } else {
                Err(InvalidLevel::Count {
                    quotas: quotas.len(),
                    paths,
                })
            };
        }
        let total = self.quota.as_ref().map_or(Ok(0), Quantity::value)?;
        let share = i64::try_from(paths)
            .ok()
            .and_then(|paths| total.checked_div(paths))
            .unwrap_or(0);
        Ok(vec![share; paths])
    }

    /// Bytes to cache in all paths together.
    ///
    /// # Errors
    /// As [`Level::quotas`], or the sum does not fit 63 bits.
    pub fn total_quota(&self, separator: char) -> Result<i64, InvalidLevel> {
        match (&self.quota_list, &self.quota) {
            (None, Some(quota)) => Ok(quota.value()?),
            _ => self
                .quotas(separator)?
                .into_iter()
                .try_fold(0i64, i64::checked_add)
                .ok_or(InvalidLevel::TooMuch),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn level(path: &str, quota: Option<&str>, list: Option<&str>) -> Level {
        Level {
            path: Some(path.to_owned()),
            quota: quota.map(|quota| Quantity(quota.to_owned())),
            quota_list: list.map(str::to_owned),
            ..Level::default()
        }
    }

    #[rstest]
    #[case(level("/a:/b", Some("2Gi"), None), Ok(vec![1 << 30, 1 << 30]), Ok(2 << 30))]
    #[case(level("/a:/b", None, Some("1Gi,2Gi")), Ok(vec![1 << 30, 2 << 30]), Ok(3 << 30))]
    #[case(level("/a", None, None), Ok(vec![0]), Ok(0))]
    #[case(level("/a", None, Some("1Gi,2Gi")), Err(InvalidLevel::Count { quotas: 2, paths: 1 }), Err(InvalidLevel::Count { quotas: 2, paths: 1 }))]
    #[case(level("/a:/b:/c", Some("10"), None), Ok(vec![3; 3]), Ok(10))]
    fn quotas_of_paths(
        #[case] level: Level,
        #[case] each: Result<Vec<i64>, InvalidLevel>,
        #[case] total: Result<i64, InvalidLevel>,
    ) {
        assert_eq!(level.quotas(':'), each);
        assert_eq!(level.total_quota(':'), total);
    }

    #[test]
    fn a_quota_may_be_a_bare_number() {
        let level: Level =
            serde_json::from_value(serde_json::json!({"mediumtype": "SSD", "path": "/a", "quota": 1024})).unwrap();
        assert_eq!((level.total_quota(','), level.medium_type), (Ok(1024), MediumType::Ssd));
    }
}
