//! The ConfigMaps of another Dataset's clients, in the namespace of a Dataset that refers to it.
//! Pods there that mount by themselves get copies of those clients, and a pod reaches ConfigMaps of
//! its own namespace only.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use wasser_api::dataset::Dataset;
use wasser_api::labels;
use wasser_chart::is_conflict;

use crate::error::EngineError;
use crate::request::Request;
use crate::{FIELD_MANAGER, post_params};

impl Request {
    /// Copies what the clients of the other Dataset name of its release into the namespace of this
    /// one, and keeps it up to date. A ConfigMap of somebody else that has such a name stays as it
    /// is: it may be the one that Fluid has copied.
    pub(super) async fn share_config(&self, other: &Dataset) -> Result<(), EngineError> {
        let namespace = other.namespace().unwrap_or_default();
        if namespace == self.identity.namespace {
            return Ok(());
        }
        for name in self.config_of_clients(other, &namespace) {
            let Some(source) = self.shared.caches.config_map(&namespace, &name) else {
                continue;
            };
            let copy = self.shared.caches.config_map(&self.identity.namespace, &name);
            match copy {
                Some(copy) if !self.may_write(&copy, &source) => {}
                copy => self.copy(&namespace, &name, copy.and_then(|copy| copy.uid())).await?,
            }
        }
        Ok(())
    }

    /// Whether a copy is ours, and older than its source.
    fn may_write(&self, copy: &PartialObjectMeta<ConfigMap>, source: &PartialObjectMeta<ConfigMap>) -> bool {
        let shown = copy.annotations().get(labels::COPY_OF);
        self.owner().owns(&copy.metadata)
            && !self.shared.own_writes.is_stale(copy)
            && shown.is_some_and(|shown| *shown != version(source))
    }

    /// Writes the copy with this UID; without one it is made.
    async fn copy(&self, namespace: &str, name: &str, uid: Option<String>) -> Result<(), EngineError> {
        let sources = Api::<ConfigMap>::namespaced(self.shared.client.clone(), namespace);
        let attempt = format!("reading ConfigMap {namespace}/{name}");
        let Some(source) = sources.get_opt(name).await.map_err(EngineError::kube(attempt))? else {
            return Ok(());
        };
        let policy = self.policy();
        let is_new = uid.is_none();
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(policy.namespace),
                uid,
                labels: Some(policy.labels),
                annotations: Some(BTreeMap::from([(labels::COPY_OF.to_owned(), version(&source))])),
                owner_references: Some(vec![policy.owner]),
                ..ObjectMeta::default()
            },
            data: source.data,
            binary_data: source.binary_data,
            immutable: None,
        };
        let attempt = format!("copying ConfigMap {namespace}/{name} to {}", self.identity.namespace);
        let api = self.config_maps();
        if is_new {
            return match api.create(&post_params(), &map).await {
                Ok(created) => {
                    self.shared.own_writes.wrote(&created);
                    Ok(())
                }
                // The watch does not show one without the label of Datasets, which is somebody else's.
                Err(error) if is_conflict(&error) => Ok(()),
                Err(error) => Err(EngineError::kube(attempt)(error)),
            };
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = api.patch_metadata(name, &params, &Patch::Apply(&map)).await;
        let written = written.map_err(EngineError::kube(attempt))?;
        self.shared.own_writes.wrote(&written);
        Ok(())
    }

    /// The ConfigMaps that the pod templates of the other Dataset's clients name.
    fn config_of_clients(&self, other: &Dataset, namespace: &str) -> BTreeSet<String> {
        let id = labels::dataset_id(namespace, &other.name_any(), &other.uid().unwrap_or_default());
        let sets = self.shared.caches.daemon_sets.state().into_iter();
        let own = sets.filter(|set| {
            set.namespace().as_deref() == Some(namespace) && set.dataset_id.as_deref() == Some(id.as_str())
        });
        own.flat_map(|set| set.facts.config_maps.clone()).collect()
    }
}

/// Which version of an object a copy shows.
fn version(source: &impl Resource) -> String {
    let meta = source.meta();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}/{}", text(&meta.uid), text(&meta.resource_version))
}
