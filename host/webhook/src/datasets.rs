//! Which dataset a claim belongs to, and what its pods should know of it.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use wasser_api::dataset::Dataset;
use wasser_api::labels;

use crate::serverful::DatasetUse;

/// The API server did not say what was asked of it.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed: {reason}")]
pub struct LookupError {
    /// What was tried, on which object.
    pub action: String,
    /// Its words.
    pub reason: String,
}

/// Who knows the datasets.
#[async_trait]
pub trait Datasets: Send + Sync {
    /// The dataset whose claim this is; none for claims of others.
    async fn of_claim(&self, namespace: &str, claim: &str) -> Result<Option<DatasetUse>, LookupError>;
}

/// The real API server. It is asked for each pod, of which only labelled ones come here: three small reads, and nothing that may be out of date.
#[derive(Clone)]
pub struct KubeDatasets {
    client: Client,
}

impl KubeDatasets {
    /// Asks with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn runtime(&self, dataset: &Dataset) -> Result<Option<DynamicObject>, LookupError> {
        // Runtimes are plugins: which kind this one is, only the Dataset knows.
        let Some(bound) = dataset.status.as_ref().and_then(|status| status.runtimes.first()) else {
            return Ok(None);
        };
        let kind = format!("{}runtime", bound.runtime_type);
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("data.fluid.io", "v1alpha1", &kind), &format!("{kind}s"));
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &bound.namespace, &resource);
        let found = api.get_opt(&bound.name).await;
        found.map_err(failed(|| format!("reading the {kind} {}/{}", bound.namespace, bound.name)))
    }
}

#[async_trait]
impl Datasets for KubeDatasets {
    async fn of_claim(&self, namespace: &str, claim: &str) -> Result<Option<DatasetUse>, LookupError> {
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), namespace);
        let found = claims.get_opt(claim).await;
        let found = found.map_err(failed(|| format!("reading the claim {namespace}/{claim}")))?;
        // A claim that is not there may be one that comes when its Dataset is bound: both may be applied together with the pod.
        if found.is_some_and(|claim| !claim.labels().keys().any(|key| key.starts_with(labels::COMMON_PREFIX))) {
            return Ok(None);
        }
        let datasets = Api::<Dataset>::namespaced(self.client.clone(), namespace);
        let dataset = datasets.get_opt(claim).await;
        let Some(dataset) = dataset.map_err(failed(|| format!("reading the Dataset {namespace}/{claim}")))? else {
            return Ok(None);
        };
        let runtime = self.runtime(&dataset).await?;
        Ok(Some(describe(namespace, &dataset, runtime.as_ref().map(|runtime| &runtime.data))))
    }
}

/// What a Dataset and its runtime say to its pods.
fn describe(namespace: &str, dataset: &Dataset, runtime: Option<&Value>) -> DatasetUse {
    let name = dataset.name_any();
    let selector = runtime.and_then(|runtime| runtime.pointer("/spec/fuse/nodeSelector")?.as_object());
    let selector = selector.into_iter().flatten();
    DatasetUse {
        common_label: labels::common_label(namespace, &name, dataset.metadata.uid.as_deref().unwrap_or_default()),
        fuse_node_selector: selector
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        cache_affinity: runtime
            .and_then(|runtime| runtime.pointer("/status/cacheAffinity").cloned())
            .unwrap_or_default(),
        name,
    }
}

/// Says what was tried.
fn failed(action: impl FnOnce() -> String) -> impl FnOnce(kube::Error) -> LookupError {
    move |error| LookupError {
        action: action(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use serde_json::json;

    use super::*;

    #[test]
    fn a_dataset_and_its_runtime_are_told() {
        let dataset: Dataset = serde_json::from_value(json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": "demo", "namespace": "default", "uid": "u"}, "spec": {}
        }))
        .unwrap();
        let affinity = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}});
        let runtime = json!({"spec": {"fuse": {"nodeSelector": {"disk": "ssd"}}}, "status": {"cacheAffinity": affinity}});
        let told = describe("default", &dataset, Some(&runtime));
        assert_eq!(told.common_label, "fluid.io/s-default-demo");
        assert_eq!(told.fuse_node_selector["disk"], "ssd");
        assert_eq!(told.cache_affinity, affinity);
        let without = describe("default", &dataset, None);
        assert!(without.fuse_node_selector.is_empty() && without.cache_affinity.is_null());
    }
}
