//! Which dataset a claim belongs to, and what its pods should know of it.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::sync::Semaphore;
use wasser_api::dataset::{Dataset, DatasetPhase, Reference};
use wasser_api::{labels, names};

use crate::copies;
use crate::lookup::{LookupError, failed};
use crate::needed::needed;
use crate::serverful::DatasetUse;
use crate::sidecar::Sidecar;
use crate::templates::{Templates, Wanted};
use crate::volume::Volume;

/// How a pod could mount a claim by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Fuse {
    /// The claim is none of a dataset.
    Others,
    /// Not yet: what is missing.
    NotBound(String),
    /// Not at all: why.
    Without(String),
    /// By this.
    Sidecar(Box<Sidecar>),
}

/// Who knows the datasets.
#[async_trait]
pub trait Datasets: Send + Sync {
    /// The dataset whose claim this is; none for claims of others.
    async fn of_claim(&self, namespace: &str, claim: &str) -> Result<Option<DatasetUse>, LookupError>;

    /// How a pod mounts this claim by itself.
    async fn fuse_of(&self, namespace: &str, claim: &str) -> Result<Fuse, LookupError>;
}

/// The most claims that are asked about at a time: any pod can make the webhook ask.
const LOOKUPS: usize = 16;

/// The real API server. It is asked for each pod, of which only labelled ones come here: a few
/// small reads, and nothing that may be out of date.
#[derive(Clone)]
pub struct KubeDatasets {
    client: Client,
    templates: Arc<Templates>,
    turns: Arc<Semaphore>,
}

impl KubeDatasets {
    /// Asks with this client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            templates: Arc::default(),
            turns: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }

    /// The dataset that pods reach by this claim, with its own claim, which may not be there yet.
    async fn dataset(
        &self,
        namespace: &str,
        claim: &str,
    ) -> Result<Option<(Option<PersistentVolumeClaim>, Dataset)>, LookupError> {
        let mut found = self.claim(namespace, claim).await?;
        // A claim that is not there may be one that comes when its Dataset is bound: both may be
        // applied together with the pod.
        let name = match &found {
            Some(found) => dataset_of(found),
            None => Some(claim.to_owned()),
        };
        let Some(name) = name else { return Ok(None) };
        if name != claim {
            found = self.claim(namespace, &name).await?;
        }
        let dataset = self.named(namespace, &name).await?;
        Ok(dataset.map(|dataset| (found, dataset)))
    }

    async fn named(&self, namespace: &str, name: &str) -> Result<Option<Dataset>, LookupError> {
        let resource = ApiResource::erase::<Dataset>(&());
        let datasets = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        let found = datasets.get_opt(name).await;
        let found = found.map_err(failed(|| format!("reading the Dataset {namespace}/{name}")))?;
        Ok(found.map(needed))
    }

    async fn claim(&self, namespace: &str, name: &str) -> Result<Option<PersistentVolumeClaim>, LookupError> {
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), namespace);
        let found = claims.get_opt(name).await;
        found.map_err(failed(|| format!("reading the claim {namespace}/{name}")))
    }

    /// The volume of the claim of a Dataset, if it is reserved for it.
    async fn volume(
        &self,
        namespace: &str,
        name: &str,
        claim: Option<PersistentVolumeClaim>,
    ) -> Result<Option<Volume>, LookupError> {
        // The claim names it once it is bound.
        let volume = claim
            .and_then(|claim| claim.spec?.volume_name)
            .filter(|volume| !volume.is_empty());
        let volume = volume.unwrap_or_else(|| names::persistent_volume(namespace, name));
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        let found = volumes.get_opt(&volume).await;
        let found = found.map_err(failed(|| format!("reading the PersistentVolume {volume}")))?;
        Ok(found.and_then(|found| Volume::of(found, namespace, name)))
    }

    /// The value of the label of all objects of a runtime. `own` is the Dataset of the pod, which may
    /// be another one than that of the runtime.
    async fn dataset_id(&self, namespace: &str, name: &str, own: &Dataset) -> Result<String, LookupError> {
        // Only a long name needs the UID, and so perhaps another request.
        let without = labels::dataset_id(namespace, name, "");
        if !without.is_empty() || name.is_empty() {
            return Ok(without);
        }
        let uid = if own.namespace().as_deref() == Some(namespace) && own.name_any() == name {
            own.uid()
        } else {
            let datasets = Api::<Dataset>::namespaced(self.client.clone(), namespace);
            let found = datasets.get_metadata_opt(name).await;
            found
                .map_err(failed(|| format!("looking at the Dataset {namespace}/{name}")))?
                .and_then(|found| found.uid())
        };
        Ok(labels::dataset_id(namespace, name, &uid.unwrap_or_default()))
    }

    /// The runtime of a Dataset, or why this account cannot read runtimes of that kind: which kinds
    /// it may read is said when Wasser is installed.
    async fn runtime(&self, dataset: &Dataset) -> Result<Result<Option<DynamicObject>, String>, LookupError> {
        // Runtimes are plugins: which kind this one is, only the Dataset knows.
        let Some(bound) = dataset.status.as_ref().and_then(|status| status.runtimes.first()) else {
            return Ok(Ok(None));
        };
        let resource = names::runtime_resource(&bound.runtime_type);
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &bound.namespace, &resource);
        match api.get_opt(&bound.name).await {
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Err(format!(
                "the webhook may not read the {} {}/{} of the Dataset {}: the pod goes without places near its cache; \
                 name the kind in `rbac.runtimes` of the chart",
                resource.kind,
                bound.namespace,
                bound.name,
                dataset.name_any()
            ))),
            found => found.map(Ok).map_err(failed(|| {
                format!("reading the {} {}/{}", resource.kind, bound.namespace, bound.name)
            })),
        }
    }
}

#[async_trait]
impl Datasets for KubeDatasets {
    async fn of_claim(&self, namespace: &str, claim: &str) -> Result<Option<DatasetUse>, LookupError> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let Some((bound, dataset)) = self.dataset(namespace, claim).await? else {
            return Ok(None);
        };
        let volume = self.volume(namespace, &dataset.name_any(), bound).await?;
        let volume = volume.unwrap_or_default();
        let wrapped = dataset.name_any() != claim;
        // The cache of a Dataset that refers to another one is the other's, and so are the labels
        // of its nodes.
        let other = match Reference::of(&dataset.spec.mounts) {
            Ok(Some(reference)) => self.named(&reference.namespace, &reference.name).await?,
            _ => None,
        };
        let source = other.as_ref().unwrap_or(&dataset);
        let (runtime, missing) = match self.runtime(source).await? {
            Ok(runtime) => (runtime, None),
            Err(why) => (None, Some(why)),
        };
        let runtime = runtime.as_ref().map(|runtime| &runtime.data);
        Ok(Some(DatasetUse {
            read_only: !wrapped && volume.read_only,
            nodes: volume.nodes,
            wrapped,
            missing,
            ..describe(&dataset.name_any(), source, runtime)
        }))
    }

    async fn fuse_of(&self, namespace: &str, claim: &str) -> Result<Fuse, LookupError> {
        let _turn = self.turns.acquire().await;
        let Some((bound, dataset)) = self.dataset(namespace, claim).await? else {
            return Ok(Fuse::Others);
        };
        let name = dataset.name_any();
        let phase = dataset
            .status
            .as_ref()
            .map_or(&DatasetPhase::Unset, |status| &status.phase);
        if matches!(phase, DatasetPhase::Unset | DatasetPhase::NotBound) {
            return Ok(Fuse::NotBound(format!("the Dataset {namespace}/{name} is not Bound")));
        }
        let Some(Volume {
            attributes, read_only, ..
        }) = self.volume(namespace, &name, bound).await?
        else {
            return Ok(Fuse::NotBound(format!(
                "the claim {namespace}/{name} has no volume yet that is reserved for it"
            )));
        };
        let get = |key: &str| attributes.get(key).cloned().unwrap_or_default();
        let (other, fluid_path) = (get("runtime_namespace"), get("fluid_path"));
        // Where nobody waits for a mount, one that consumes the directory may have it as well.
        let mounts = !skips_sidecar(&get(labels::SKIP_CHECK_MOUNT_READY));
        let wanted = Wanted {
            dataset_id: self.dataset_id(&other, &get("runtime_name"), &dataset).await?,
            namespace: other.clone(),
            fluid_path: fluid_path.clone(),
            mounts,
        };
        let Some(template) = self.templates.of(&self.client, &wanted).await? else {
            let what =
                format!("no fuse DaemonSet in the namespace {other} mounts the Dataset {name} at {fluid_path:?}");
            return Ok(Fuse::Without(what));
        };
        if other != namespace
            && let Some(missing) = copies::missing(&self.client, namespace, &other, &template).await?
        {
            let what = format!("{missing}, which the fuse DaemonSet of the Dataset {name} names");
            return Ok(Fuse::Without(what));
        }
        Ok(Fuse::Sidecar(Box::new(Sidecar {
            dataset: name,
            namespace: namespace.to_owned(),
            template: Value::clone(&template),
            fluid_path,
            mount_type: get("mount_type"),
            mounts,
            sub_path: get("fluid_sub_path"),
            read_only,
        })))
    }
}

/// Whether a list of `None`, `All`, `MountPod` and `Sidecar` includes pods that mount by themselves.
fn skips_sidecar(list: &str) -> bool {
    list.split(',').any(|mode| matches!(mode.trim(), "All" | "Sidecar"))
}

/// On claims whose data a Dataset accelerates: its name, as earlier versions of Fluid labelled them.
const WRAPPED_BY: &str = "fluid.io/wrapped-by";

/// The name of the Dataset that pods reach by a claim: by that of the Dataset itself, or by one
/// whose data the Dataset accelerates, as Fluid labels it.
fn dataset_of(claim: &PersistentVolumeClaim) -> Option<String> {
    if claim.labels().keys().any(|key| key.starts_with(labels::COMMON_PREFIX)) {
        return Some(claim.name_any());
    }
    let named = claim.labels().get(labels::MANAGED_BY);
    let wrapped = named.filter(|name| *name != labels::MANAGED_BY_VALUE);
    wrapped.or_else(|| claim.labels().get(WRAPPED_BY)).cloned()
}

/// Returns what the Dataset that has the cache, and its runtime, say to pods that use it under a
/// name.
fn describe(name: &str, dataset: &Dataset, runtime: Option<&Value>) -> DatasetUse {
    let (namespace, uid) = (
        dataset.namespace().unwrap_or_default(),
        dataset.uid().unwrap_or_default(),
    );
    DatasetUse {
        common_label: labels::common_label(&namespace, &dataset.name_any(), &uid),
        cache_affinity: runtime
            .and_then(|runtime| runtime.pointer("/status/cacheAffinity").cloned())
            .unwrap_or_default(),
        name: name.to_owned(),
        ..DatasetUse::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_leads_to_its_dataset() {
        let claim = |labels: Value| {
            let claim = json!({"metadata": {"name": "claim", "labels": labels}});
            dataset_of(&serde_json::from_value(claim).unwrap())
        };
        assert_eq!(
            claim(json!({"fluid.io/s-default-claim": "true"})).as_deref(),
            Some("claim")
        );
        assert_eq!(claim(json!({"fluid.io/managed-by": "demo"})).as_deref(), Some("demo"));
        assert_eq!(claim(json!({"fluid.io/wrapped-by": "demo"})).as_deref(), Some("demo"));
        // This says who made it, not what it holds.
        assert_eq!(claim(json!({"fluid.io/managed-by": "fluid"})), None);
        assert_eq!(claim(json!({"app": "other"})), None);
    }

    #[test]
    fn a_dataset_and_its_runtime_are_told() {
        let dataset: Dataset = serde_json::from_value(json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": "demo", "namespace": "default", "uid": "u"}, "spec": {}
        }))
        .unwrap();
        let affinity = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}});
        let runtime = json!({"spec": {}, "status": {"cacheAffinity": affinity}});
        let described = describe("view", &dataset, Some(&runtime));
        assert_eq!(
            (described.name.as_str(), described.common_label.as_str()),
            ("view", "fluid.io/s-default-demo")
        );
        assert_eq!(described.cache_affinity, affinity);
        let without = describe("demo", &dataset, None);
        assert!(without.cache_affinity.is_null());
    }
}
