//! What is mounted and since when, as the statuses show it.

use serde::Deserialize;
use serde_json::Value;

use crate::{Context, Error, Mount, Pod, Result, time};

/// The condition of a Dataset that is bound.
const READY: &str = "Ready";

impl<S> Context<S> {
    /// Returns the mounts that the Dataset's status shows; `None` before it is bound. They do not
    /// have the options that all mounts share.
    pub fn shown_mounts(&self) -> Result<Option<Vec<Mount>>> {
        let status = self.dataset.as_ref().map(|dataset| &dataset.status);
        let field = |name: &str| status.and_then(|status| status.get(name));
        let mounts = match field("mounts").filter(|mounts| !mounts.is_null()) {
            Some(mounts) => Vec::deserialize(mounts)
                .map_err(|error| Error::failed(format!("Dataset.status.mounts cannot be read: {error}")))?,
            None => Vec::new(),
        };
        // Its presence, with any status, says that the setup was once done.
        let mut conditions = field("conditions").and_then(Value::as_array).into_iter().flatten();
        let was_bound = conditions.any(|condition| condition.get("type").and_then(Value::as_str) == Some(READY));
        Ok((was_bound || !mounts.is_empty()).then_some(mounts))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Context;
    use crate::testing::raw_context;

    fn shown(status: &Value) -> Option<usize> {
        let object = json!({"metadata": {"name": "demo"}, "spec": {}});
        let dataset = json!({"metadata": {"name": "demo"}, "spec": {}, "status": status});
        let ctx: Context<Value> = Context::parse(raw_context(&object, Some(&dataset), "demo-fuse")).unwrap();
        ctx.shown_mounts().unwrap().map(|mounts| mounts.len())
    }

    #[test]
    fn no_mounts_are_shown_before_a_dataset_is_bound_and_none_may_be_afterwards() {
        let ready = json!([{"type": "NotReady", "status": "True"}, {"type": "Ready", "status": "False"}]);
        assert_eq!(shown(&json!({})), None);
        assert_eq!(shown(&json!({"mounts": null, "conditions": [ready[0]]})), None);
        assert_eq!(shown(&json!({"mounts": [], "conditions": ready})), Some(0));
        assert_eq!(shown(&json!({"mounts": [{"mountPoint": "s3://a"}]})), Some(1));
    }
}
