//! What is kept of the metadata of objects that belong to Datasets: each label or annotation takes
//! several times its length, and there are six such objects for a Dataset.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use wasser_api::labels::{CLEAN_POLICY, COPY_OF, CREATED_BY, FUSE_GENERATION, REFERS_TO, VALUES_DIGEST};

/// The labels that are read of claims, volumes and ConfigMaps.
const LABELS: [&str; 1] = [FUSE_GENERATION];
/// The annotations that are read of them where a runtime controls them.
const ANNOTATIONS: [&str; 5] = [CLEAN_POLICY, COPY_OF, CREATED_BY, REFERS_TO, VALUES_DIGEST];
/// Those by which it is known whose an object is that nobody controls.
const RELEASE: [&str; 2] = [wasser_chart::RELEASE_NAME, wasser_chart::RELEASE_NAMESPACE];

/// Keeps of the metadata of a claim, a volume or a ConfigMap which object it is, in which version, whose,
/// and what it is marked with.
pub fn slim_metadata(metadata: &mut ObjectMeta) {
    keep(&mut metadata.labels, &LABELS);
    keep(&mut metadata.annotations, &[ANNOTATIONS.as_slice(), &RELEASE].concat());
    metadata.creation_timestamp = None;
    metadata.managed_fields = None;
}

fn keep(map: &mut Option<BTreeMap<String, String>>, keys: &[&str]) {
    let kept = map.take().map(|mut all| {
        all.retain(|key, _| keys.contains(&key.as_str()));
        all
    });
    *map = kept.filter(|kept| !kept.is_empty());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_reads_is_not_kept() {
        let mut metadata: ObjectMeta = serde_json::from_value(json!({
            "name": "demo", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["f"],
            "labels": {"app": "demo", "fluid.io/dataset-id": "ns-demo", FUSE_GENERATION: "2"},
            "annotations": {CREATED_BY: "fluid", "pv.kubernetes.io/bind-completed": "yes",
                "meta.helm.sh/release-name": "demo"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "DemoRuntime", "name": "demo", "uid": "r"}],
        }))
        .unwrap();
        slim_metadata(&mut metadata);
        let kept = json!({
            "name": "demo", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 1, "finalizers": ["f"],
            "labels": {FUSE_GENERATION: "2"},
            "annotations": {CREATED_BY: "fluid", "meta.helm.sh/release-name": "demo"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "DemoRuntime", "name": "demo", "uid": "r"}],
        });
        assert_eq!(serde_json::to_value(&metadata).unwrap(), kept);

        let mut plain = ObjectMeta {
            labels: Some(BTreeMap::from([("app".to_owned(), "demo".to_owned())])),
            ..ObjectMeta::default()
        };
        slim_metadata(&mut plain);
        assert_eq!(plain, ObjectMeta::default());
    }
}
