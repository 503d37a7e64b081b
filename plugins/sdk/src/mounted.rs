//! What is mounted and since when, as the statuses show it.

use serde::Deserialize;
use serde_json::Value;

use crate::{Context, Error, Mount, Pod, Result, time};

impl<S> Context<S> {
    /// Returns the mounts that the Dataset's status shows; empty before it is bound. They do not
    /// have the options that all mounts share.
    pub fn shown_mounts(&self) -> Result<Vec<Mount>> {
        let status = self.dataset.as_ref().map(|dataset| &dataset.status);
        let Some(mounts) = status
            .and_then(|status| status.get("mounts"))
            .filter(|mounts| !mounts.is_null())
        else {
            return Ok(Vec::new());
        };
        Vec::deserialize(mounts)
            .map_err(|error| Error::failed(format!("Dataset.status.mounts cannot be read: {error}")))
    }

    /// Returns the time of the last change of the mounts, as the runtime shows it.
    pub fn mount_time(&self) -> Option<&str> {
        self.runtime.status.get("mountTime").and_then(Value::as_str)
    }

    /// Reports whether one of these pods, or a container of theirs, was started after the last change of the mounts, and
    /// possibly does not know them; `None` if there was no change yet. Both times have whole
    /// seconds.
    pub fn started_after_mounts(&self, pods: &[Pod]) -> Option<bool> {
        let started = pods.iter().map(|pod| pod.started_at).max().unwrap_or_default();
        self.mount_time()
            .map(|mounted| time::rfc3339(started).as_str() > mounted)
    }
}
