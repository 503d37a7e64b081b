//! CreateVolume: the PersistentVolume and the claim of a dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DynamicObject, Patch};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::dataset::{Dataset, DatasetPhase};
use wasser_api::labels;

use crate::error::EngineError;
use crate::objects::identity::Identity;
use crate::objects::volume::VolumeInput;
use crate::request::Request;
use crate::steps::clean_policy::with_clean_policy;
use crate::steps::client_mount::ClientMount;
use wasser_chart::OrGone;

/// Whether the annotations say that Wasser, or Fluid before it, made an object.
pub fn is_ours(object: &impl ResourceExt) -> bool {
    object.annotations().get(labels::CREATED_BY).map(String::as_str) == Some(labels::CREATED_BY_VALUE)
}

/// Whether a volume was made for the Dataset of this namespace and name. Its own name does not say
/// so: `a/b-c` and `a-b/c` are both `a-b-c`.
pub(crate) fn is_of(volume: &PersistentVolume, identity: &Identity) -> bool {
    is_of_claim(volume, &identity.namespace, &identity.name)
}

/// The same for a namespace and a name.
pub(crate) fn is_of_claim(volume: &PersistentVolume, namespace: &str, name: &str) -> bool {
    is_ours(volume) && is_for_claim(volume, namespace, name)
}

/// Whether a volume, whoever has made it, is reserved for the claim of this namespace and name.
pub(crate) fn is_for_claim(volume: &PersistentVolume, namespace: &str, name: &str) -> bool {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let names = claim.map(|claim| (claim.namespace.as_deref(), claim.name.as_deref()));
    names == Some((Some(namespace), Some(name)))
}

impl Request {
    /// Creates the volume and the claim where they are missing, makes them again where the clients
    /// mount something else by now, and shows on the claim which generation of clients it is mounted
    /// by.
    pub async fn create_volume(&mut self) -> Result<(), EngineError> {
        let Some(dataset) = self.dataset.clone().filter(|_| self.unreadable().is_none()) else {
            return Ok(());
        };
        let clients = self.roles.iter().find(|state| state.role.workload == "DaemonSet");
        let generation = clients.and_then(|clients| clients.generation.clone());
        let release = self.shared.known_release(&self.uid).flatten();
        let values = release.as_ref().map(|release| release.values()).unwrap_or_default();
        let is_there = self.has_volume()?;
        if is_there {
            self.show_clean_policy(&values).await?;
            self.show_generation(generation.as_deref()).await?;
        }
        self.renew_outdated_volume(&dataset, &values).await?;
        if is_there {
            return Ok(());
        }
        if self.was_bound(&dataset) && self.is_leaving().await? {
            return Ok(());
        }
        let mount = self.mount_of_clients(&values).await?;
        let node_selector = self.client_nodes().await?;
        let input = VolumeInput {
            node_selector,
            ..self.volume_input(&dataset, &mount, generation.as_deref())
        };
        let (volume, claim) = (input.persistent_volume(), input.persistent_volume_claim());
        let claim = with_clean_policy(claim, &values);
        // Those that were renewed have been seen to be gone.
        self.shared.forget_gone(&self.uid);
        self.put_volume(volume, claim).await
    }

    /// What the volume and the claim of this Dataset are made of, but for the nodes.
    pub(super) fn volume_input<'a>(
        &'a self,
        dataset: &'a Dataset,
        mount: &'a ClientMount,
        fuse_generation: Option<&'a str>,
    ) -> VolumeInput<'a> {
        VolumeInput {
            identity: &self.identity,
            dataset,
            runtime: &self.object,
            mount_path: &self.context.mount_path,
            mount_type: &mount.mount_type,
            is_directory: mount.is_directory,
            session_manager: mount.session_manager.as_deref(),
            node_selector: BTreeMap::new(),
            fuse_generation,
            access_modes: dataset.spec.effective_access_modes(),
            read_only: dataset.spec.is_read_only_below(""),
        }
    }

    /// Whether the Dataset had its volume before, which is put back now.
    fn was_bound(&self, dataset: &Dataset) -> bool {
        let phase = dataset.status.as_ref().map(|status| &status.phase);
        phase.is_some_and(|phase| *phase != DatasetPhase::NotBound)
    }

    /// Whether the runtime is deleted by now. The watch of claims may show that another operator, whose
    /// lease has just ended, deletes a claim before that of runtimes shows why.
    async fn is_leaving(&self) -> Result<bool, EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let api = Api::<DynamicObject>::namespaced_with(self.shared.client.clone(), namespace, &self.resource);
        let attempt = format!("reading {} {namespace}/{name}", self.identity.kind);
        let found = api.get_metadata_opt(name).await.map_err(EngineError::kube(attempt))?;
        let is_there = found
            .filter(|found| found.uid().as_deref() == Some(self.uid.as_str()))
            .is_some_and(|found| found.metadata.deletion_timestamp.is_none());
        Ok(!is_there)
    }

    /// Whether the watches show both, the volume and the claim.
    ///
    /// # Errors
    /// The volume of this name is of another claim.
    pub(crate) fn has_volume(&self) -> Result<bool, EngineError> {
        let (caches, identity) = (&self.shared.caches, &self.identity);
        let volume = own(caches.volume(&identity.volume()), identity)?;
        Ok(volume.is_some() && caches.claim(&identity.namespace, &identity.name).is_some())
    }

    /// Creates what of the two is missing.
    ///
    /// # Errors
    /// The volume of this name is of another claim. It may have come since it was last looked for.
    pub(crate) async fn put_volume(
        &self,
        mut volume: PersistentVolume,
        claim: PersistentVolumeClaim,
    ) -> Result<(), EngineError> {
        let (caches, namespace, name) = (&self.shared.caches, &self.identity.namespace, &self.identity.name);
        let volumes = Api::<PersistentVolume>::all(self.shared.client.clone());
        let known = own(caches.volume(&self.identity.volume()), &self.identity)?;
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.shared.client.clone(), namespace);
        let mut bound = caches.claim(namespace, name).and_then(|claim| claim.uid());
        let had_volume = self.dataset.as_deref().is_some_and(|dataset| self.was_bound(dataset));
        if bound.is_none() && (known.is_some() || had_volume) {
            // The watch may miss a claim, and Kubernetes takes one for lost whose volume does not name its
            // UID any more.
            bound = self.keep_claim(&claims, name).await?;
        }
        if known.is_none() {
            // A claim that has lost its volume takes another one only if that names the claim's
            // UID.
            if let Some(reference) = volume.spec.as_mut().and_then(|spec| spec.claim_ref.as_mut()) {
                reference.uid.clone_from(&bound);
            }
            self.create_persistent_volume(&volumes, volume).await?;
        }
        if bound.is_none() {
            if let Some(known) = known {
                free(&volumes, &known).await?;
            }
            self.create_claim(&claims, claim).await?;
        }
        Ok(())
    }

    async fn create_persistent_volume(
        &self,
        api: &Api<PersistentVolume>,
        volume: PersistentVolume,
    ) -> Result<(), EngineError> {
        let name = volume.name_any();
        match api.create(&crate::post_params(), &volume).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let found = api
                    .get_opt(&name)
                    .await
                    .map_err(EngineError::kube(format!("reading PersistentVolume {name}")))?;
                match found {
                    Some(found) if is_of(&found, &self.identity) => self.label_volume(api, &found).await,
                    Some(found) => Err(foreign_volume(&found)),
                    None => Ok(()),
                }
            }
            Err(error) => Err(EngineError::kube(format!("creating PersistentVolume {name}"))(error)),
        }
    }

    async fn create_claim(
        &self,
        api: &Api<PersistentVolumeClaim>,
        claim: PersistentVolumeClaim,
    ) -> Result<(), EngineError> {
        let name = claim.name_any();
        match api.create(&crate::post_params(), &claim).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => self.keep_claim(api, &name).await.map(drop),
            Err(error) => Err(EngineError::kube(format!("creating PersistentVolumeClaim {name}"))(
                error,
            )),
        }
    }

    /// Labels a claim that no watch shows. It must be ours; somebody else's is not touched. Returns its UID,
    /// if there is one.
    async fn keep_claim(&self, api: &Api<PersistentVolumeClaim>, name: &str) -> Result<Option<String>, EngineError> {
        let found = api.get_metadata_opt(name).await;
        let attempt = format!("reading PersistentVolumeClaim {name}");
        match found.map_err(EngineError::kube(attempt))? {
            Some(found) if is_ours(&found) => {
                self.label_volume(api, &found).await?;
                Ok(found.uid())
            }
            Some(_) => Err(EngineError::InvalidSpec {
                field: format!("PersistentVolumeClaim {name}"),
                message: "it exists and Wasser did not create it; delete it or rename the Dataset".to_owned(),
            }),
            None => Ok(None),
        }
    }

    /// Keeps the claim's label true to the generation of the clients: by it the node plugin knows
    /// the clients that it may replace.
    async fn show_generation(&self, generation: Option<&str>) -> Result<(), EngineError> {
        let differs = |claim: &PartialObjectMeta<PersistentVolumeClaim>| {
            let shown = claim.labels().get(labels::FUSE_GENERATION).map(String::as_str);
            let generation = generation.filter(|wanted| shown != Some(*wanted))?;
            Some(json!({"labels": {labels::FUSE_GENERATION: generation}}))
        };
        self.mark_claim("labelling", differs).await
    }

    /// Writes what `differs` finds of the metadata of the claim, if that is Wasser's.
    pub(super) async fn mark_claim(
        &self,
        doing: &str,
        differs: impl FnOnce(&PartialObjectMeta<PersistentVolumeClaim>) -> Option<Value>,
    ) -> Result<(), EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let claim = self.shared.caches.claim(namespace, name);
        let Some(claim) = claim.filter(|claim| is_ours(&**claim)) else {
            return Ok(());
        };
        let Some(mut metadata) = differs(&claim) else {
            return Ok(());
        };
        metadata["uid"] = json!(claim.uid());
        let api = Api::<PersistentVolumeClaim>::namespaced(self.shared.client.clone(), namespace);
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let patched = api.patch_metadata(name, &crate::patch_params(), &patch).await;
        let attempt = format!("{doing} PersistentVolumeClaim {namespace}/{name}");
        patched.or_gone().map(drop).map_err(EngineError::kube(attempt))
    }
}

/// The volume that was found, which must be of this Dataset.
fn own(
    found: Option<Arc<PersistentVolume>>,
    identity: &Identity,
) -> Result<Option<Arc<PersistentVolume>>, EngineError> {
    match found {
        Some(volume) if !is_of(&volume, identity) => Err(foreign_volume(&volume)),
        found => Ok(found),
    }
}

/// The refusal of a volume that was made for another claim, or by somebody else.
fn foreign_volume(volume: &PersistentVolume) -> EngineError {
    let name = volume.name_any();
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let owner = match claim.and_then(|claim| Some((claim.namespace.as_deref()?, claim.name.as_deref()?))) {
        Some((namespace, claim)) => format!("it is of the claim {namespace}/{claim}"),
        None => "Wasser did not create it".to_owned(),
    };
    EngineError::InvalidSpec {
        field: format!("PersistentVolume {name}"),
        message: format!(
            "the Dataset needs a volume of this name, and {owner}; delete the volume if nobody uses it, or rename \
                the Dataset"
        ),
    }
}

/// Lets a new claim have a volume of this Dataset that remembers an earlier claim, which somebody
/// has deleted.
async fn free(volumes: &Api<PersistentVolume>, volume: &PersistentVolume) -> Result<(), EngineError> {
    let name = volume.name_any();
    let patch =
        json!({"metadata": {"uid": volume.uid()}, "spec": {"claimRef": {"uid": null, "resourceVersion": null}}});
    let attempt = format!("freeing PersistentVolume {name} for a new claim");
    let patched = volumes
        .patch_metadata(&name, &crate::patch_params(), &Patch::Merge(&patch))
        .await;
    patched.or_gone().map(drop).map_err(EngineError::kube(attempt))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::own(labels::CREATED_BY_VALUE, "team", "a-b", true)]
    #[case::of_a_namesake(labels::CREATED_BY_VALUE, "team-a", "b", false)]
    #[case::of_somebody_else("somebody", "team", "a-b", false)]
    fn only_the_datasets_own_volume_is_used(
        #[case] made_by: &str,
        #[case] namespace: &str,
        #[case] name: &str,
        #[case] is_own: bool,
    ) {
        let identity = Identity {
            namespace: "team".to_owned(),
            name: "a-b".to_owned(),
            dataset_uid: String::new(),
            runtime_type: "demo".to_owned(),
            implementation: "demo".to_owned(),
            kind: "DemoRuntime".to_owned(),
            mount_directory: "demo-fuse".to_owned(),
        };
        assert!(own(None, &identity).unwrap().is_none());
        let volume: PersistentVolume = serde_json::from_value(json!({
            "metadata": {"name": "team-a-b", "annotations": {labels::CREATED_BY: made_by}},
            "spec": {"claimRef": {"namespace": namespace, "name": name}},
        }))
        .unwrap();
        let found = own(Some(Arc::new(volume)), &identity);
        assert_eq!(found.is_ok_and(|found| found.is_some()), is_own);
    }
}
