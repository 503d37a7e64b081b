//! Where the volumes of Datasets that refer to others lead, and which entries of `datasetRef` are
//! true.
//!
//! The volume of a reference cannot be changed once pods may have mounted it. So it says itself
//! where it leads, and that counts for as long as it exists, whatever the Dataset says later.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::Patch;
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_api::dataset::{Dataset, Reference};
use wasser_api::{ObjectKey, labels, names};
use wasser_chart::OrGone;

use crate::error::EngineError;
use crate::request::Request;
use crate::steps::create_volume::is_of_claim;
use crate::watched::Caches;
use crate::watched::volumes::{directory, place};

impl Request {
    /// Where the Dataset's volume leads, if it leads to another Dataset's file system. Volumes that
    /// Fluid has made do not say so, and the status of the runtime does.
    pub fn linked_to(&self) -> Option<Reference> {
        let (caches, identity) = (&self.shared.caches, &self.identity);
        link(caches, &identity.namespace, &identity.name)
            .or_else(|| Reference::of(&self.runtime_status.mounts).ok().flatten())
    }

    /// Whether the Dataset has a volume that leads to this reference. One that Fluid has made does not
    /// say so, and is compared with the other's. What users can write, such as statuses, does not
    /// count.
    pub(super) async fn has_volume_of(&self, reference: &Reference) -> Result<bool, EngineError> {
        let identity = &self.identity;
        if !self.has_volume()? {
            return Ok(false);
        }
        if let Some(linked) = link(&self.shared.caches, &identity.namespace, &identity.name) {
            return Ok(linked == *reference);
        }
        let own = self.read_volume_of_claim(&identity.namespace, &identity.name).await?;
        let other = self.read_volume_of_claim(&reference.namespace, &reference.name).await?;
        let (Some(own), Some(other)) = (own, other) else {
            return Ok(false);
        };
        let path = |volume| place(volume).map(|(path, _)| path);
        let is_same_path = path(&own).is_some_and(|own| path(&other) == Some(own));
        Ok(is_same_path && directory(&own) == reference.directory)
    }

    /// The volume of a Dataset as it is now.
    async fn read_volume_of_claim(&self, namespace: &str, name: &str) -> Result<Option<PersistentVolume>, EngineError> {
        let found = self.read_volume(&names::persistent_volume(namespace, name)).await?;
        Ok(found.filter(|volume| is_of_claim(volume, namespace, name)))
    }

    /// The Datasets that may have an entry of this one: where its volume leads, and what it refers
    /// to now.
    pub fn references(&self) -> Vec<Reference> {
        let mut all: Vec<Reference> = self.linked_to().into_iter().collect();
        let wanted = self.refers_to().ok().flatten();
        all.extend(wanted.filter(|wanted| all.iter().all(|known| known.key() != wanted.key())));
        all
    }

    /// The refusal of mounts that do not refer to where the volume leads.
    pub fn changed_reference(&self, linked: &Reference) -> EngineError {
        let point = linked.mount_point();
        EngineError::InvalidSpec {
            field: "Dataset.spec.mounts".to_owned(),
            message: format!(
                "the volume leads to {point}, and pods may use it; set the only mount to {point} again, or delete the \
                    Dataset and create it with the new mounts"
            ),
        }
    }

    /// Notes on a volume that does not say it yet where it leads.
    pub(super) async fn note_link(&self, reference: &Reference) -> Result<(), EngineError> {
        let name = self.identity.volume();
        let Some(volume) = self.shared.caches.volume(&name) else {
            return Ok(());
        };
        if volume.annotations().contains_key(labels::REFERS_TO) {
            return Ok(());
        }
        let note = json!({"metadata": {
            "uid": volume.uid(), "annotations": {labels::REFERS_TO: reference.mount_point()},
        }});
        let api = Api::<PersistentVolume>::all(self.shared.client.clone());
        let noted = api
            .patch_metadata(&name, &crate::patch_params(), &Patch::Merge(&note))
            .await;
        let attempt = format!("noting on PersistentVolume {name} where it leads");
        noted.or_gone().map(drop).map_err(EngineError::kube(attempt))
    }

    /// Removes the entries of `datasetRef` that are no longer true.
    pub(super) fn forget_stale_references(&mut self) {
        let Some(dataset) = self.dataset.clone() else { return };
        let live: HashSet<String> = live_references(&self.shared.caches, &dataset).into_iter().collect();
        self.dataset_status.dataset_ref.retain(|entry| live.contains(entry));
    }
}

/// The entries of `datasetRef` of a Dataset that are true: there is a Dataset of that name which
/// refers to this one, or whose volume leads here.
pub fn live_references(caches: &Caches, dataset: &Dataset) -> Vec<String> {
    let to = ObjectKey::of(dataset);
    let is_live = |entry: &&String| {
        let (namespace, name) = entry.split_once('/')?;
        let from: Arc<Dataset> = caches.dataset(namespace, name)?;
        let wanted = Reference::of(&from.spec.mounts).ok().flatten();
        let linked = link(caches, namespace, name);
        let mut keys = wanted.iter().chain(&linked).map(Reference::key);
        // One that cannot be read does not say that it refers to nothing.
        (keys.any(|key| key == to) || caches.unreadable.problem(&from).is_some()).then_some(())
    };
    let entries = dataset.status.iter().flat_map(|status| &status.dataset_ref);
    entries.filter(|entry| is_live(entry).is_some()).cloned().collect()
}

/// Where the volume of a Dataset leads, as it says itself.
fn link(caches: &Caches, namespace: &str, name: &str) -> Option<Reference> {
    let volume = caches.volume(&names::persistent_volume(namespace, name))?;
    let point = volume.annotations().get(labels::REFERS_TO);
    point
        .filter(|_| is_of_claim(&volume, namespace, name))
        .and_then(|point| Reference::read(point))
}
