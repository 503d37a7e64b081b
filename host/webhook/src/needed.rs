//! Of a Dataset, what admission needs.

use kube::api::DynamicObject;
use serde_json::Value;
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetRuntime, DatasetSpec, DatasetStatus, Mount};

use crate::pod;

/// Returns a Dataset with its mount points, its phase and its runtimes only. What else is in it may be
/// of a later version of the API, or wrong, and does not concern pods.
pub fn needed(object: DynamicObject) -> Dataset {
    let items = |pointer: &str| pod::items(&object.data, pointer);
    let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mounts = items("/spec/mounts").map(|mount| Mount {
        mount_point: text(mount, "mountPoint"),
        ..Mount::default()
    });
    let runtimes = items("/status/runtimes").map(|bound| DatasetRuntime {
        name: text(bound, "name"),
        namespace: text(bound, "namespace"),
        runtime_type: text(bound, "type"),
        ..DatasetRuntime::default()
    });
    let spec = DatasetSpec {
        mounts: mounts.collect(),
        ..DatasetSpec::default()
    };
    let phase = object.data.pointer("/status/phase").and_then(Value::as_str);
    let status = DatasetStatus {
        phase: phase.map(DatasetPhase::from).unwrap_or_default(),
        runtimes: runtimes.collect(),
        ..DatasetStatus::default()
    };
    Dataset {
        metadata: object.metadata,
        spec,
        status: Some(status),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dataset_is_understood_whatever_else_is_in_it() {
        let odd = json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": "demo", "namespace": "default", "uid": "u"},
            "spec": {
                "mounts": [{"mountPoint": "dataset://other/far", "readOnly": "yes", "options": []}],
                "accessModes": {"a": 1}, "placement": 7,
            },
            "status": {
                "phase": "Bound", "conditions": "none", "cacheStates": [],
                "runtimes": [{"name": "demo", "namespace": "default", "type": "juicefs", "masterReplicas": "one"}],
            },
        });
        let found = needed(serde_json::from_value(odd).unwrap());
        assert_eq!((found.name_any().as_str(), found.uid().as_deref()), ("demo", Some("u")));
        assert_eq!(found.spec.mounts[0].mount_point, "dataset://other/far");
        let status = found.status.unwrap();
        assert_eq!(status.phase, DatasetPhase::Bound);
        assert_eq!(status.runtimes[0].runtime_type, "juicefs");
        let bare = needed(serde_json::from_value(json!({"metadata": {"name": "demo"}, "status": 1})).unwrap());
        assert_eq!(bare.status.unwrap().phase, DatasetPhase::Unset);
    }
}
