//! What is mounted and since when, as the statuses show it.

use serde::Deserialize;
use serde_json::Value;

use crate::{Context, Error, Mount, Pod, Result, time};

impl<S> Context<S> {
    /// The mounts that the Dataset's status shows; none before it is bound. Options that all mounts share are not among theirs.
    pub fn shown_mounts(&self) -> Result<Vec<Mount>> {
        let status = self.dataset.as_ref().map(|dataset| &dataset.status);
        let Some(mounts) = status.and_then(|status| status.get("mounts")).filter(|mounts| !mounts.is_null()) else {
            return Ok(Vec::new());
        };
        Vec::deserialize(mounts).map_err(|error| Error::failed(format!("Dataset.status.mounts cannot be read: {error}")))
    }

    /// When the mounts were last brought about, as the runtime shows it.
    pub fn mount_time(&self) -> Option<&str> {
        self.runtime.status.get("mountTime").and_then(Value::as_str)
    }

    /// Whether one of these pods was started after the mounts were last brought about, and may not know them; none if they never were. Both times have
    /// whole seconds.
    pub fn started_after_mounts(&self, pods: &[Pod]) -> Option<bool> {
        let started = pods.iter().map(|pod| pod.started_at).max().unwrap_or_default();
        self.mount_time().map(|mounted| time::rfc3339(started).as_str() > mounted)
    }
}
