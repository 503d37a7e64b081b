//! The volume of a Dataset that refers to another one: it leads to the other's file system.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{Api, ResourceExt};
use wasser_api::dataset::{Dataset, Reference, at_most};
use wasser_api::reasons::events;
use wasser_api::{labels, names};

use crate::error::EngineError;
use crate::objects::volume::{SUB_PATH, VolumeInput};
use crate::request::Request;
use crate::steps::create_volume::{is_for_claim, is_of};
use crate::watched::volumes::difference;

/// When to look again for what a watch usually tells, and for pods that use a claim.
const SOON: Duration = Duration::from_secs(10);

impl Request {
    /// Creates the volume where it is missing, or leads to where the other's file system was with
    /// an earlier runtime.
    ///
    /// # Errors
    /// In the answer: pods use a volume that leads nowhere.
    pub(super) async fn keep_linked_volume(
        &mut self,
        dataset: &Dataset,
        other: &Dataset,
        reference: &Reference,
    ) -> Result<Option<EngineError>, EngineError> {
        let is_there = self.has_volume()?;
        let is_readable = self.unreadable().is_none();
        if is_readable && let Some(outdated) = self.replace_outdated(reference).await? {
            return Ok(Some(outdated));
        }
        if is_there {
            self.note_link(reference).await?;
        } else if is_readable {
            self.create_linked_volume(dataset, other, reference).await?;
        }
        Ok(None)
    }

    /// Deletes a volume that leads to another mount than the other's does now, unless pods use it.
    /// Fails with a wait until it is gone.
    async fn replace_outdated(&mut self, reference: &Reference) -> Result<Option<EngineError>, EngineError> {
        let caches = &self.shared.caches;
        let (name, other_name) = (self.identity.volume(), volume_name(reference));
        let own = caches.volume(&name).filter(|volume| is_of(volume, &self.identity));
        let other = caches
            .volume(&other_name)
            .filter(|volume| is_of_reference(volume, reference));
        let is_elsewhere = |own: Option<&PersistentVolume>, other: Option<&PersistentVolume>| difference(own?, other?);
        if is_elsewhere(own.as_deref(), other.as_deref()).is_none() {
            return Ok(None);
        }
        // The watch may show volumes of earlier runtimes.
        let own = self.read_volume(&name).await?;
        let own = own.filter(|volume| is_of(volume, &self.identity));
        let other = self.read_volume_of(reference).await?;
        let Some(difference) = is_elsewhere(own.as_ref(), other.as_ref()) else {
            return Ok(None);
        };
        let who_has = format!("the Dataset {} has", reference.display());
        self.end_outdated(difference, &who_has, SOON).await
    }

    /// The volume of the other Dataset as it is now.
    async fn read_volume_of(&self, reference: &Reference) -> Result<Option<PersistentVolume>, EngineError> {
        let found = self.read_volume(&volume_name(reference)).await?;
        Ok(found.filter(|volume| is_of_reference(volume, reference)))
    }

    /// A volume as it is now.
    pub(super) async fn read_volume(&self, name: &str) -> Result<Option<PersistentVolume>, EngineError> {
        let api = Api::<PersistentVolume>::all(self.shared.client.clone());
        let found = api.get_opt(name).await;
        found.map_err(EngineError::kube(format!("reading PersistentVolume {name}")))
    }

    /// Creates a volume that leads where the other's does, or into a directory of it.
    async fn create_linked_volume(
        &self,
        dataset: &Dataset,
        other: &Dataset,
        reference: &Reference,
    ) -> Result<(), EngineError> {
        // One that was replaced has been seen to be gone.
        self.shared.forget_gone(&self.uid);
        let spec = self.read_volume_of(reference).await?.and_then(|volume| volume.spec);
        let Some((mut csi, affinity, modes)) =
            spec.and_then(|spec| Some((spec.csi?, spec.node_affinity, spec.access_modes)))
        else {
            return Err(EngineError::NotYet {
                after: SOON,
                message: format!(
                    "the Dataset {} that it refers to has no volume yet",
                    reference.display()
                ),
            });
        };
        // The kubelet knows volumes by their handles: two of one handle in a pod would be one
        // directory.
        csi.volume_handle = self.identity.volume();
        let attributes = csi.volume_attributes.get_or_insert_default();
        if !reference.directory.is_empty() {
            attributes.insert(SUB_PATH.to_owned(), reference.directory.clone());
        }
        let wanted = dataset.spec.effective_access_modes();
        let access_modes = at_most(&wanted, &modes.unwrap_or_default());
        if access_modes != wanted {
            let message = format!(
                "The claim has the access modes {} in place of {}, which the Dataset {} does not allow",
                access_modes.join(", "),
                wanted.join(", "),
                reference.display()
            );
            self.warn(events::ACCESS_MODES_LOWERED, &message).await;
        }
        let input = VolumeInput {
            identity: &self.identity,
            dataset,
            runtime: &self.object,
            mount_path: &self.context.mount_path,
            mount_type: "",
            is_directory: false,
            session_manager: None,
            node_selector: BTreeMap::new(),
            fuse_generation: None,
            access_modes,
            read_only: dataset.spec.is_read_only() || other.spec.is_read_only_below(&reference.directory),
        };
        let mut volume = input.persistent_volume();
        volume
            .annotations_mut()
            .insert(labels::REFERS_TO.to_owned(), reference.mount_point());
        let own = volume
            .spec
            .as_ref()
            .and_then(|spec| spec.csi.as_ref()?.volume_attributes.as_ref());
        if let Some(read_only) = own.and_then(|own| own.get(labels::VOLUME_READ_ONLY)) {
            attributes.insert(labels::VOLUME_READ_ONLY.to_owned(), read_only.clone());
        }
        if let Some(spec) = &mut volume.spec {
            spec.csi = Some(csi);
            spec.node_affinity = affinity;
        }
        let mut claim = input.persistent_volume_claim();
        let marks = claim.labels_mut();
        marks.insert(labels::REFERRING_NAME.to_owned(), reference.name.clone());
        marks.insert(labels::REFERRING_NAMESPACE.to_owned(), reference.namespace.clone());
        self.put_volume(volume, claim).await
    }
}

fn volume_name(reference: &Reference) -> String {
    names::persistent_volume(&reference.namespace, &reference.name)
}

/// Whether a volume is reserved for the claim of the Dataset that is referred to.
fn is_of_reference(volume: &PersistentVolume, reference: &Reference) -> bool {
    is_for_claim(volume, &reference.namespace, &reference.name)
}
