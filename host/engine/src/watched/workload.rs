//! StatefulSets and DaemonSets of runtimes, of which only what is read is kept: a whole one takes
//! thirty times the memory.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde_json::Value;
use wasser_api::labels;

use crate::watched::workload_facts::WorkloadFacts;

/// A StatefulSet or DaemonSet as it is kept.
pub struct Workload<K> {
    /// What says which object it is, whose, and in which version.
    pub metadata: ObjectMeta,
    /// The Dataset that it is labelled with.
    pub dataset_id: Option<String>,
    /// What its status says.
    pub counts: Counts,
    /// What its spec says, which is the same for all versions of a generation.
    pub facts: Arc<WorkloadFacts>,
    kind: PhantomData<fn() -> K>,
}

/// The pods of a workload, as its status counts them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pods that there should be: for a DaemonSet, one for each node that it selects. None if the
    /// spec says it.
    pub desired: Option<i32>,
    /// Pods that there are.
    pub current: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are as the newest spec has them.
    pub updated: i32,
    /// Pods that have been ready for long enough.
    pub available: i32,
    /// Pods that are not. None if it follows from the others.
    pub unavailable: Option<i32>,
    /// The generation that its controller has seen.
    pub observed: Option<i64>,
}

/// A kind of workload.
pub trait WorkloadKind: Resource<DynamicType = ()> + Sized {
    /// What the status says.
    fn counts(&self) -> Counts;
    /// The spec as JSON.
    fn spec(&self) -> Value;
}

impl WorkloadKind for StatefulSet {
    fn counts(&self) -> Counts {
        let Some(status) = &self.status else {
            return Counts::default();
        };
        Counts {
            desired: None,
            current: status.replicas,
            ready: status.ready_replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            unavailable: None,
            observed: status.observed_generation,
        }
    }

    fn spec(&self) -> Value {
        serde_json::to_value(&self.spec).unwrap_or_default()
    }
}

impl WorkloadKind for DaemonSet {
    fn counts(&self) -> Counts {
        let Some(status) = &self.status else {
            return Counts {
                desired: Some(0),
                unavailable: Some(0),
                ..Counts::default()
            };
        };
        Counts {
            desired: Some(status.desired_number_scheduled),
            current: status.current_number_scheduled,
            ready: status.number_ready,
            updated: status.updated_number_scheduled.unwrap_or(0),
            available: status.number_available.unwrap_or(0),
            unavailable: Some(status.number_unavailable.unwrap_or(0)),
            observed: status.observed_generation,
        }
    }

    fn spec(&self) -> Value {
        serde_json::to_value(&self.spec).unwrap_or_default()
    }
}

impl<K: WorkloadKind> Workload<K> {
    /// What is kept of a workload. The spec is only looked at if `known` is not of the same
    /// generation.
    pub fn of(mut workload: K, known: Option<&Self>) -> Self {
        let counts = workload.counts();
        let mut metadata = std::mem::take(workload.meta_mut());
        let same = known.filter(|known| {
            let version = |meta: &ObjectMeta| (meta.uid.clone(), meta.generation);
            metadata.generation.is_some() && version(&known.metadata) == version(&metadata)
        });
        let facts = same.map_or_else(
            || Arc::new(WorkloadFacts::of(workload.spec())),
            |known| known.facts.clone(),
        );
        let labels = metadata.labels.take();
        let is_controlled = metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| owner.controller == Some(true));
        Self {
            dataset_id: labels.and_then(|mut labels| labels.remove(labels::DATASET_ID)),
            // Without a controller, Helm's annotations say whose it is.
            metadata: ObjectMeta {
                annotations: metadata.annotations.filter(|_| !is_controlled),
                creation_timestamp: None,
                managed_fields: None,
                ..metadata
            },
            counts,
            facts,
            kind: PhantomData,
        }
    }
}

impl<K> Clone for Workload<K> {
    fn clone(&self) -> Self {
        Self {
            metadata: self.metadata.clone(),
            dataset_id: self.dataset_id.clone(),
            counts: self.counts.clone(),
            facts: self.facts.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: Resource<DynamicType = ()>> Resource for Workload<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dynamic: &()) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &()) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &()) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &()) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(generation: i64, ready: i32, image: &str) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "demo-worker", "namespace": "ns", "uid": "u", "generation": generation,
                "labels": {"fluid.io/dataset-id": "ns-demo", "app": "juicefs"}, "annotations": {"a": "b"},
                "ownerReferences": [{"apiVersion": "v", "kind": "K", "name": "demo", "uid": "o", "controller": true}]},
            "spec": {"replicas": 2, "serviceName": "", "selector": {},
                "template": {"spec": {"containers": [{"name": "worker", "image": image}]}}},
            "status": {"replicas": 2, "readyReplicas": ready, "observedGeneration": generation},
        }))
        .unwrap()
    }

    #[test]
    fn what_is_kept_tells_the_object_from_others() {
        let kept = Workload::of(set(1, 1, "a"), None);
        assert_eq!(kept.dataset_id.as_deref(), Some("ns-demo"));
        assert_eq!((&kept.metadata.labels, &kept.metadata.annotations), (&None, &None));
        assert_eq!(kept.metadata.owner_references.as_ref().map(Vec::len), Some(1));
        assert_eq!(kept.facts.replicas, Some(2));
        assert_eq!((kept.counts.ready, kept.counts.observed), (1, Some(1)));
    }

    #[test]
    fn who_has_made_it_is_kept_where_nobody_controls_it() {
        let mut made = set(1, 1, "a");
        made.metadata.owner_references = None;
        let kept = Workload::of(made, None);
        assert!(kept.metadata.annotations.is_some_and(|all| all.contains_key("a")));
    }

    #[test]
    fn a_spec_is_looked_at_once_for_each_generation() {
        let first = Workload::of(set(1, 0, "a"), None);
        let status = Workload::of(set(1, 2, "a"), Some(&first));
        assert!(Arc::ptr_eq(&first.facts, &status.facts));
        assert_eq!(status.counts.ready, 2);
        let spec = Workload::of(set(2, 2, "b"), Some(&status));
        assert_ne!(spec.facts.digest, status.facts.digest);
        let mut again = set(2, 2, "c");
        again.metadata.uid = Some("another".to_owned());
        assert_ne!(Workload::of(again, Some(&spec)).facts.digest, spec.facts.digest);
    }
}
