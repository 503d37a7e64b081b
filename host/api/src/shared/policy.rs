//! What specs say about how a runtime is to be run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const GRACE_PERIOD_SECONDS: i32 = 60;
const MAX_RETRY_ATTEMPTS: i32 = 3;

open_enum! {
    /// When the node plugin removes the client from a node.
    FuseCleanPolicy, any {
        /// Not said; means with the runtime.
        #[default]
        Unset = "",
        /// Once no pod on the node uses the volume.
        OnDemand = "OnDemand",
        /// Only with the runtime.
        OnRuntimeDeleted = "OnRuntimeDeleted",
        /// Once no pod on the node uses the volume and the client is an outdated one.
        OnFuseChanged = "OnFuseChanged",
    }
}

/// How the cache is emptied when the runtime is deleted, and whether metadata is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeManagement {
    /// How the cache is emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_cache_policy: Option<CleanCachePolicy>,
    /// Whether metadata is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_sync_policy: Option<MetadataSyncPolicy>,
}

impl RuntimeManagement {
    /// Whether size and number of files are found out; `otherwise` where the spec does not say.
    pub fn auto_sync(&self, otherwise: bool) -> bool {
        self.metadata_sync_policy
            .as_ref()
            .and_then(|policy| policy.auto_sync)
            .unwrap_or(otherwise)
    }

    /// How often emptying the cache is tried.
    pub fn max_retry_attempts(&self) -> i32 {
        self.clean_cache_policy
            .as_ref()
            .and_then(|policy| policy.max_retry_attempts)
            .unwrap_or(MAX_RETRY_ATTEMPTS)
    }

    /// Returns how long one attempt to empty the cache can take.
    pub fn grace_period(&self) -> Duration {
        self.clean_cache_policy.clone().unwrap_or_default().grace_period()
    }
}

/// How the cache is emptied when the runtime is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CleanCachePolicy {
    /// Seconds that one try may take.
    #[cfg_attr(feature = "schema", schemars(extend("default" = GRACE_PERIOD_SECONDS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// How often to try.
    #[cfg_attr(feature = "schema", schemars(extend("default" = MAX_RETRY_ATTEMPTS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retry_attempts: Option<i32>,
}

impl CleanCachePolicy {
    /// Returns how long one attempt can take, which is at least a second.
    pub fn grace_period(&self) -> Duration {
        let seconds = self.grace_period_seconds.unwrap_or(GRACE_PERIOD_SECONDS);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default().max(1))
    }
}

/// Whether size and number of files are found out once the runtime is up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataSyncPolicy {
    /// Whether to do it without being asked. Default: yes, but no for ThinRuntime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_sync: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_at_least_a_second() {
        for (seconds, expected) in [(7, 7), (0, 1), (-1, 1)] {
            let policy = CleanCachePolicy {
                grace_period_seconds: Some(seconds),
                max_retry_attempts: None,
            };
            assert_eq!(policy.grace_period().as_secs(), expected);
        }
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let silent = RuntimeManagement::default();
        assert_eq!((silent.grace_period().as_secs(), silent.max_retry_attempts()), (60, 3));
        assert!(silent.auto_sync(true) && !silent.auto_sync(false));
        let said: RuntimeManagement = serde_json::from_value(
            serde_json::json!({"cleanCachePolicy": {"maxRetryAttempts": 7}, "metadataSyncPolicy": {"autoSync": false}}),
        )
        .unwrap();
        assert_eq!(
            (
                said.grace_period().as_secs(),
                said.max_retry_attempts(),
                said.auto_sync(true)
            ),
            (60, 7, false)
        );
    }
}
