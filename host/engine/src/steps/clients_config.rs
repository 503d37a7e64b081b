//! The ConfigMaps of another Dataset's clients, in the namespace of a Dataset that refers to it.
//! Pods there that mount by themselves get copies of those clients, and a pod reaches ConfigMaps of
//! its own namespace only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use kube::{Api, ResourceExt};
use wasser_api::dataset::Dataset;
use wasser_api::labels;

use crate::error::EngineError;
use crate::objects::owner::owner_reference;
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
            match self.find_copy(&name).await? {
                None => self.copy(&namespace, &name, None).await?,
                Some(copy) => {
                    let owners = owners_to_write(&copy.metadata, &source.metadata, &self.sharer());
                    if let Some(owners) = owners {
                        self.copy(&namespace, &name, Some((&copy.metadata, owners))).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// This Dataset's runtime as one of the owners of a copy. None of them controls it: it goes with
    /// the last one.
    fn sharer(&self) -> OwnerReference {
        OwnerReference {
            controller: Some(false),
            ..owner_reference(&self.identity.kind, &self.identity.name, &self.uid)
        }
    }

    /// The ConfigMap of this name in the namespace of this Dataset. The API server is asked where the
    /// watch does not show it as it is: one that another reference has just made counts already.
    async fn find_copy(&self, name: &str) -> Result<Option<Arc<PartialObjectMeta<ConfigMap>>>, EngineError> {
        let shown = self.shared.caches.config_map(&self.identity.namespace, name);
        if let Some(shown) = shown.filter(|shown| !self.shared.own_writes.is_stale(&**shown)) {
            return Ok(Some(shown));
        }
        let attempt = format!("reading ConfigMap {}/{name}", self.identity.namespace);
        let found = self.config_maps().get_metadata_opt(name).await;
        Ok(found.map_err(EngineError::kube(attempt))?.map(Arc::new))
    }

    /// Writes a copy with these owners over what is there, or makes one.
    async fn copy(
        &self,
        namespace: &str,
        name: &str,
        before: Option<(&ObjectMeta, Vec<OwnerReference>)>,
    ) -> Result<(), EngineError> {
        let sources = Api::<ConfigMap>::namespaced(self.shared.client.clone(), namespace);
        let attempt = format!("reading ConfigMap {namespace}/{name}");
        let Some(source) = sources.get_opt(name).await.map_err(EngineError::kube(attempt))? else {
            return Ok(());
        };
        let is_new = before.is_none();
        // With its version, so that no owner is lost who has come since it was read.
        let (uid, resource_version, owners) = match before {
            Some((found, owners)) => (found.uid.clone(), found.resource_version.clone(), owners),
            None => (None, None, vec![self.sharer()]),
        };
        let policy = self.policy();
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(policy.namespace),
                uid,
                resource_version,
                labels: Some(policy.labels),
                annotations: Some(BTreeMap::from([(
                    labels::COPY_OF.to_owned(),
                    version(&source.metadata),
                )])),
                owner_references: Some(owners),
                ..ObjectMeta::default()
            },
            data: source.data,
            binary_data: source.binary_data,
            immutable: None,
        };
        let attempt = format!("copying ConfigMap {namespace}/{name} to {}", self.identity.namespace);
        let api = self.config_maps();
        if is_new {
            let created = api.create(&post_params(), &map).await;
            self.shared
                .own_writes
                .wrote(&created.map_err(EngineError::kube(attempt))?);
            return Ok(());
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

/// The owners of a copy once it is written for `own`. None if it is not written: it is as its source
/// is, or it is somebody else's, or the copy of another ConfigMap of the same name.
fn owners_to_write(copy: &ObjectMeta, source: &ObjectMeta, own: &OwnerReference) -> Option<Vec<OwnerReference>> {
    let shown = copy.annotations.as_ref()?.get(labels::COPY_OF)?;
    let of = shown.split('/').next().unwrap_or_default();
    let mut owners = copy.owner_references.clone().unwrap_or_default();
    if owners.iter().any(|owner| owner.api_version != own.api_version) {
        return None;
    }
    if owners.iter().any(|owner| owner.uid == own.uid) {
        if *shown == version(source) {
            return None;
        }
    } else if source.uid.as_deref() == Some(of) {
        owners.push(own.clone());
    } else {
        return None;
    }
    owners.iter_mut().for_each(|owner| owner.controller = Some(false));
    Some(owners)
}

/// Which version of an object a copy shows.
fn version(source: &ObjectMeta) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}/{}", text(&source.uid), text(&source.resource_version))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn owner(uid: &str) -> Value {
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntime", "name": uid, "uid": uid,
            "controller": uid == "first"})
    }

    fn of_a_set() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "users", "uid": "users"})
    }

    #[rstest]
    #[case::as_its_source("source/7", vec![owner("own")], None)]
    #[case::older("source/6", vec![owner("own")], Some(vec!["own"]))]
    #[case::of_an_earlier_source("former/9", vec![owner("own")], Some(vec!["own"]))]
    #[case::of_another_reference("source/7", vec![owner("first")], Some(vec!["first", "own"]))]
    #[case::whose_reference_has_let_go("source/6", vec![], Some(vec!["own"]))]
    #[case::of_another_source("other/7", vec![owner("first")], None)]
    #[case::of_two_that_both_know_it("source/7", vec![owner("first"), owner("own")], None)]
    #[case::of_somebody_else("source/7", vec![of_a_set()], None)]
    fn a_copy_has_every_reference_to_its_source_as_its_owner(
        #[case] shown: &str,
        #[case] owners: Vec<Value>,
        #[case] expected: Option<Vec<&str>>,
    ) {
        let meta = |value| serde_json::from_value::<ObjectMeta>(value).unwrap();
        let copy = meta(json!({"annotations": {labels::COPY_OF: shown}, "ownerReferences": owners}));
        let source = meta(json!({"uid": "source", "resourceVersion": "7"}));
        let own = serde_json::from_value(owner("own")).unwrap();
        let written = owners_to_write(&copy, &source, &own);
        let uids = written
            .as_ref()
            .map(|owners| owners.iter().map(|owner| owner.uid.as_str()).collect::<Vec<_>>());
        assert_eq!(uids, expected);
        let controls = |owner: &OwnerReference| owner.controller == Some(true);
        assert!(!written.iter().flatten().any(controls));
    }

    #[test]
    fn a_config_map_that_is_not_a_copy_stays() {
        let own = serde_json::from_value(owner("own")).unwrap();
        let source = ObjectMeta::default();
        assert_eq!(owners_to_write(&ObjectMeta::default(), &source, &own), None);
    }
}
