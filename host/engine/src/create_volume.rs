//! CreateVolume and DeleteVolume: the PersistentVolume and the claim of a dataset, made and removed in the cluster.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_api::labels;

use crate::FIELD_MANAGER;
use crate::error::{EngineError, is_not_found};
use crate::request::Request;
use crate::volume::VolumeInput;

/// How long to wait for an object to disappear before looking again; its watch usually tells earlier.
const GONE_SOON: Duration = Duration::from_secs(5);

/// Whether the annotations say that Wasser, or Fluid before it, made an object.
pub fn is_ours(object: &impl ResourceExt) -> bool {
    object.annotations().get(labels::CREATED_BY).map(String::as_str) == Some(labels::CREATED_BY_VALUE)
}

impl Request {
    /// Creates the volume and the claim where they are missing.
    pub async fn create_volume(&mut self) -> Result<(), EngineError> {
        let Some(dataset) = self.dataset.clone() else { return Ok(()) };
        let mount_type = self.mount_type()?;
        let generation = self.role(&fuse_role(self)).and_then(|fuse| fuse.generation.clone());
        let input = VolumeInput {
            identity: &self.identity,
            dataset: &dataset,
            runtime: &self.object,
            mount_path: &self.context.mount_path,
            mount_type: &mount_type,
            fuse_generation: generation.as_deref(),
        };
        if self.has_volume() {
            return Ok(());
        }
        self.put_volume(input.persistent_volume(), input.persistent_volume_claim()).await
    }

    /// Whether the watches show both, the volume and the claim.
    pub(crate) fn has_volume(&self) -> bool {
        let (caches, identity) = (&self.cluster.caches, &self.identity);
        caches.volume(&identity.volume()).is_some() && caches.claim(&identity.namespace, &identity.name).is_some()
    }

    /// Creates what of the two is missing.
    pub(crate) async fn put_volume(&self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> Result<(), EngineError> {
        let (caches, namespace, name) = (&self.cluster.caches, &self.identity.namespace, &self.identity.name);
        let params = PatchParams::apply(FIELD_MANAGER);
        let volumes = Api::<PersistentVolume>::all(self.cluster.client.clone());
        let known = caches.volume(&self.identity.volume());
        if known.is_none() {
            create(&volumes, volume, &params, "PersistentVolume").await?;
        }
        if caches.claim(namespace, name).is_none() {
            if known.is_some_and(|known| is_ours(&*known)) {
                free(&volumes, &self.identity.volume()).await?;
            }
            let api = Api::<PersistentVolumeClaim>::namespaced(self.cluster.client.clone(), namespace);
            create(&api, claim, &params, "PersistentVolumeClaim").await?;
        }
        Ok(())
    }

    /// The word by which the node plugin knows the mount: the plugin's, or the one in the installed values that it points to.
    fn mount_type(&self) -> Result<String, EngineError> {
        let declared = &self.plugin.description.fuse.mount_type;
        if !declared.starts_with('/') {
            return Ok(declared.clone());
        }
        let release = self.cluster.known_release(&self.uid).flatten();
        let found = release.as_ref().and_then(|release| release.values.pointer(declared)?.as_str());
        found
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| EngineError::Failed {
                method: "describe",
                message: format!("the installed chart values have no text at {declared}, which the plugin names as the type of the mount"),
            })
    }

    /// Removes the claim, then the volume. Fails with a wait until both are gone.
    ///
    /// What the watch shows is deleted without asking; that something is absent is believed only after a live read, and then for good.
    pub async fn delete_volume(&mut self) -> Result<(), EngineError> {
        self.delete_claim().await?;
        self.delete_volume_itself().await
    }

    async fn delete_claim(&self) -> Result<(), EngineError> {
        const KIND: &str = "PersistentVolumeClaim";
        if self.cluster.is_gone(&self.uid, KIND) {
            return Ok(());
        }
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.cluster.client.clone(), namespace);
        let cached = self.cluster.caches.claim(namespace, name);
        let Some(claim) = present(cached, &claims, name, KIND).await? else {
            self.cluster.remember_gone(&self.uid, KIND);
            return Ok(());
        };
        match &claim.metadata.deletion_timestamp {
            None => delete(&claims, name, KIND).await?,
            Some(since) => self.release_protection(&claims, since.0).await?,
        }
        Err(gone_later(KIND, &format!("{namespace}/{name}")))
    }

    async fn delete_volume_itself(&self) -> Result<(), EngineError> {
        const KIND: &str = "PersistentVolume";
        if self.cluster.is_gone(&self.uid, KIND) {
            return Ok(());
        }
        let name = self.identity.volume();
        let volumes = Api::<PersistentVolume>::all(self.cluster.client.clone());
        let Some(found) = present(self.cluster.caches.volume(&name), &volumes, &name, KIND).await? else {
            self.cluster.remember_gone(&self.uid, KIND);
            return Ok(());
        };
        if found.metadata.deletion_timestamp.is_none() {
            delete(&volumes, &name, KIND).await?;
        }
        Err(gone_later(KIND, &name))
    }

    /// A claim that has been terminating for long, although no pod uses it, is let go.
    async fn release_protection(
        &self,
        claims: &Api<PersistentVolumeClaim>,
        since: k8s_openapi::jiff::Timestamp,
    ) -> Result<(), EngineError> {
        const LONG: i64 = 30;
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        if k8s_openapi::jiff::Timestamp::now().as_second() - since.as_second() < LONG
            || !self.cluster.users.of(&self.cluster.client, namespace, name).await?.is_empty()
        {
            return Ok(());
        }
        let patch = json!({"metadata": {"finalizers": null}});
        match claims.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(EngineError::kube(format!(
                "removing the finalizers of PersistentVolumeClaim {namespace}/{name}"
            ))(error)),
        }
    }
}

fn fuse_role(request: &Request) -> String {
    let roles = &request.plugin.description.roles;
    roles
        .iter()
        .find(|role| role.workload == "DaemonSet")
        .map(|role| role.name.clone())
        .unwrap_or_default()
}

fn gone_later(kind: &str, name: &str) -> EngineError {
    EngineError::NotYet {
        after: GONE_SOON,
        message: format!("{kind} {name} is being deleted"),
    }
}

/// An object of ours as the watch shows it, or as the API server does where the watch shows none.
async fn present<K>(
    cached: Option<Arc<PartialObjectMeta<K>>>,
    api: &Api<K>,
    name: &str,
    kind: &str,
) -> Result<Option<Arc<PartialObjectMeta<K>>>, EngineError>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug + kube::Resource<DynamicType = ()>,
{
    let found = match cached {
        Some(cached) => Some(cached),
        None => {
            let found = api
                .get_metadata_opt(name)
                .await
                .map_err(EngineError::kube(format!("reading {kind} {name}")))?;
            found.map(|found| {
                Arc::new(PartialObjectMeta {
                    types: found.types,
                    metadata: found.metadata,
                    _phantom: std::marker::PhantomData,
                })
            })
        }
    };
    Ok(found.filter(|found| is_ours(&**found)))
}

/// Creates an object. One that is there already must be ours; somebody else's is not touched.
async fn create<K>(api: &Api<K>, object: K, params: &PatchParams, kind: &str) -> Result<(), EngineError>
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let name = object.name_any();
    let attempt = format!("creating {kind} {name}");
    let created = kube::api::PostParams {
        field_manager: params.field_manager.clone(),
        ..kube::api::PostParams::default()
    };
    match api.create(&created, &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api
                .get_metadata_opt(&name)
                .await
                .map_err(EngineError::kube(format!("reading {kind} {name}")))?;
            if found.is_none_or(|found| is_ours(&found)) {
                return Ok(());
            }
            let message = format!("a {kind} of this name exists that Wasser did not create; delete it or rename the Dataset");
            Err(EngineError::InvalidSpec {
                field: format!("{kind} {name}"),
                message,
            })
        }
        Err(error) => Err(EngineError::kube(attempt)(error)),
    }
}

/// Lets a new claim have a volume that remembers an earlier one, which somebody has deleted.
async fn free(volumes: &Api<PersistentVolume>, name: &str) -> Result<(), EngineError> {
    let patch = json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}});
    match volumes.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(EngineError::kube(format!("freeing PersistentVolume {name} for a new claim"))(error)),
    }
}

async fn delete<K>(api: &Api<K>, name: &str, kind: &str) -> Result<(), EngineError>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(EngineError::kube(format!("deleting {kind} {name}"))(error)),
    }
}
