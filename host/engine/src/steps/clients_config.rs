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
    ///
    /// # Errors
    /// In the answer: another reference needs the copy of another ConfigMap under such a name.
    pub(super) async fn share_config(&self, other: &Dataset) -> Result<Option<EngineError>, EngineError> {
        let namespace = other.namespace().unwrap_or_default();
        if namespace == self.identity.namespace {
            return Ok(None);
        }
        let mut taken = None;
        for name in self.config_of_clients(other, &namespace) {
            let Some(source) = self.shared.caches.config_map(&namespace, &name) else {
                continue;
            };
            match self.find_copy(&name).await? {
                None => self.copy(&namespace, &name, None).await?,
                Some(copy) => match compare(&copy.metadata, &source.metadata, &self.sharer()) {
                    Copy::Stays => {}
                    Copy::IsWritten(owners) => self.copy(&namespace, &name, Some((&copy.metadata, owners))).await?,
                    Copy::IsOfAnother => {
                        taken.get_or_insert_with(|| self.taken(&copy.metadata, &namespace, &name));
                    }
                },
            }
        }
        Ok(taken)
    }

    /// The complaint about a copy of another ConfigMap than the one in this namespace.
    fn taken(&self, copy: &ObjectMeta, namespace: &str, name: &str) -> EngineError {
        let maps = self.shared.caches.config_maps.state();
        let shown = maps.iter().find(|map| map.uid().as_deref() == shown_by(copy));
        let shown = shown.map_or_else(
            || "another ConfigMap".to_owned(),
            |map| format!("{}/{}", map.namespace().unwrap_or_default(), map.name_any()),
        );
        let owners = copy.owner_references.iter().flatten();
        let owners: Vec<&str> = owners.map(|owner| owner.name.as_str()).collect();
        EngineError::InvalidSpec {
            field: format!("ConfigMap {}/{name}", self.identity.namespace),
            message: format!(
                "it is a copy of {shown}, which pods of the Datasets in this namespace ({}) need, and those of this \
                    Dataset that mount by themselves need one of {namespace}/{name}: they start without a sidecar; use \
                    another namespace for one of the Datasets",
                owners.join(", ")
            ),
        }
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

/// What becomes of a ConfigMap under the name of a copy.
#[derive(Debug, PartialEq)]
enum Copy {
    /// It is as its source is, or somebody else's.
    Stays,
    /// It is written, with these owners.
    IsWritten(Vec<OwnerReference>),
    /// Another reference needs it, as the copy of another ConfigMap of the same name.
    IsOfAnother,
}

/// What becomes of `copy`, which `own` needs to be one of `source`.
fn compare(copy: &ObjectMeta, source: &ObjectMeta, own: &OwnerReference) -> Copy {
    let shown = copy.annotations.as_ref().and_then(|all| all.get(labels::COPY_OF));
    let mut owners = copy.owner_references.clone().unwrap_or_default();
    if shown.is_none() || owners.iter().any(|owner| owner.api_version != own.api_version) {
        return Copy::Stays;
    }
    if owners.iter().any(|owner| owner.uid == own.uid) {
        if shown == Some(&version(source)) {
            return Copy::Stays;
        }
    } else if source.uid.as_deref() == shown_by(copy) {
        owners.push(own.clone());
    } else {
        return Copy::IsOfAnother;
    }
    owners.iter_mut().for_each(|owner| owner.controller = Some(false));
    Copy::IsWritten(owners)
}

/// The UID of what a copy shows.
fn shown_by(copy: &ObjectMeta) -> Option<&str> {
    copy.annotations.as_ref()?.get(labels::COPY_OF)?.split('/').next()
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
    #[case::as_its_source("source/7", vec![owner("own")], &[])]
    #[case::older("source/6", vec![owner("own")], &["own"])]
    #[case::of_an_earlier_source("former/9", vec![owner("own")], &["own"])]
    #[case::of_another_reference("source/7", vec![owner("first")], &["first", "own"])]
    #[case::whose_reference_has_let_go("source/6", vec![], &["own"])]
    #[case::of_two_that_both_know_it("source/7", vec![owner("first"), owner("own")], &[])]
    #[case::of_somebody_else("source/7", vec![of_a_set()], &[])]
    #[case::of_another_source_for_somebody_else("other/7", vec![of_a_set()], &[])]
    fn a_copy_has_every_reference_to_its_source_as_its_owner(
        #[case] shown: &str,
        #[case] owners: Vec<Value>,
        #[case] expected: &[&str],
    ) {
        let written = match compared(shown, owners) {
            Copy::IsWritten(owners) => owners,
            Copy::Stays => Vec::new(),
            Copy::IsOfAnother => unreachable!("it is a copy of the source"),
        };
        let uids: Vec<&str> = written.iter().map(|owner| owner.uid.as_str()).collect();
        assert_eq!(uids, expected);
        let controls = |owner: &OwnerReference| owner.controller == Some(true);
        assert!(!written.iter().any(controls));
    }

    fn compared(shown: &str, owners: Vec<Value>) -> Copy {
        let meta = |value| serde_json::from_value::<ObjectMeta>(value).unwrap();
        let copy = meta(json!({"annotations": {labels::COPY_OF: shown}, "ownerReferences": owners}));
        let source = meta(json!({"uid": "source", "resourceVersion": "7"}));
        compare(&copy, &source, &serde_json::from_value(owner("own")).unwrap())
    }

    #[test]
    fn a_copy_of_another_source_is_not_taken_from_the_reference_that_needs_it() {
        assert_eq!(compared("other/7", vec![owner("first")]), Copy::IsOfAnother);
    }

    #[test]
    fn a_config_map_that_is_not_a_copy_stays() {
        let own = serde_json::from_value(owner("own")).unwrap();
        let source = ObjectMeta::default();
        assert_eq!(compare(&ObjectMeta::default(), &source, &own), Copy::Stays);
    }
}
