//! DeleteVolume: the claim and the PersistentVolume of a dataset, removed in this order.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use wasser_api::labels;

use crate::error::EngineError;
use crate::request::Request;
use crate::steps::TOLD;
use crate::steps::create_volume::is_of;
use wasser_chart::OrGone;

/// When to look again at what no watch shows: an object without our label, or pods that use a
/// claim.
const UNWATCHED: Duration = Duration::from_secs(5);
/// How long a claim may be terminating before its protection is removed, if nobody uses it: so many
/// times as long as a deletion waits in silence.
const LONG: u32 = 3;
/// The wait for a claim that is terminating.
const CLAIM: &str = "claim";
/// The finalizer of claims that a controller of Kubernetes removes once no pod uses them.
const PROTECTION: &str = "kubernetes.io/pvc-protection";
/// The same of volumes, for as long as a claim is bound to them.
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

impl Request {
    /// Removes the claim, then the volume. Fails with a wait until both are gone.
    ///
    /// What the watch shows is deleted without asking; that something is absent is believed only
    /// after a live read, and then for good.
    pub async fn delete_volume(&mut self) -> Result<(), EngineError> {
        self.delete_claim().await?;
        self.delete_volume_itself().await
    }

    async fn delete_claim(&self) -> Result<(), EngineError> {
        const KIND: &str = "PersistentVolumeClaim";
        if self.shared.is_gone(&self.uid, KIND) {
            return Ok(());
        }
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.shared.client.clone(), namespace);
        let cached = self.shared.caches.claim(namespace, name);
        let is_watched = cached.is_some();
        let found = match cached {
            Some(cached) => Some(cached.metadata.clone()),
            None => {
                let found = claims.get_metadata_opt(name).await;
                let attempt = format!("reading {KIND} {namespace}/{name}");
                found.map_err(EngineError::kube(attempt))?.map(|found| found.metadata)
            }
        };
        let Some(claim) = found.filter(is_created_by_us) else {
            self.shared.remember_gone(&self.uid, KIND);
            return Ok(());
        };
        let holder = match &claim.deletion_timestamp {
            None => {
                self.delete_one(&claims, name, claim.uid.clone(), KIND).await?;
                Holder::unknown(self.shared.settings.patience * LONG)
            }
            Some(_) => self.release_protection(&claims, &claim).await?,
        };
        let after = if is_watched { holder.after } else { UNWATCHED };
        Err(gone_later(
            KIND,
            &format!("{namespace}/{name}"),
            Holder { after, ..holder },
        ))
    }

    async fn delete_volume_itself(&self) -> Result<(), EngineError> {
        const KIND: &str = "PersistentVolume";
        if self.shared.is_gone(&self.uid, KIND) {
            return Ok(());
        }
        let name = self.identity.volume();
        let volumes = Api::<PersistentVolume>::all(self.shared.client.clone());
        let cached = self.shared.caches.volume(&name);
        let after = if cached.is_some() { TOLD } else { UNWATCHED };
        let name = name.as_str();
        let found = match cached {
            Some(cached) => Some(cached),
            None => {
                let found = volumes.get_opt(name).await;
                found
                    .map_err(EngineError::kube(format!("reading {KIND} {name}")))?
                    .map(Arc::new)
            }
        };
        let Some(found) = found.filter(|found| is_of(found, &self.identity)) else {
            self.shared.remember_gone(&self.uid, KIND);
            return Ok(());
        };
        // The watch may be late with the deletion.
        if found.metadata.deletion_timestamp.is_none() && !self.shared.own_writes.is_stale(&*found) {
            self.delete_one(&volumes, name, found.uid(), KIND).await?;
        }
        Err(gone_later(
            KIND,
            name,
            Holder::finalizers(found.finalizers(), VOLUME_PROTECTION, after),
        ))
    }

    /// A claim that has been terminating for long, although no pod uses it, is let go. The
    /// finalizers of others stay. Returns what holds the claim.
    async fn release_protection(
        &self,
        claims: &Api<PersistentVolumeClaim>,
        claim: &ObjectMeta,
    ) -> Result<Holder, EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let finalizers = claim.finalizers.as_deref().unwrap_or_default();
        let others: Vec<&String> = finalizers.iter().filter(|finalizer| *finalizer != PROTECTION).collect();
        let held = |after: Duration| Holder::finalizers(finalizers, PROTECTION, after);
        if others.len() == finalizers.len() {
            return Ok(held(TOLD));
        }
        let waited = self.shared.waited(&self.uid, CLAIM);
        let first_look = self.shared.settings.patience;
        if waited < first_look {
            return Ok(held(first_look - waited));
        }
        let users = self.shared.claim_users.of(&self.shared.client, namespace, name).await?;
        if !users.is_empty() {
            return Ok(Holder::users(&users));
        }
        let long = first_look * LONG;
        if waited < long {
            return Ok(held(long - waited));
        }
        let patch =
            json!({"metadata": {"uid": claim.uid, "resourceVersion": claim.resource_version, "finalizers": others}});
        let attempt = format!("removing the finalizer {PROTECTION} of PersistentVolumeClaim {namespace}/{name}");
        let patched = claims
            .patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await;
        patched.or_gone().map_err(EngineError::kube(attempt))?;
        Ok(held(TOLD))
    }

    /// Deletes an object, and no other one that has its name meanwhile.
    async fn delete_one<K>(&self, api: &Api<K>, name: &str, uid: Option<String>, kind: &str) -> Result<(), EngineError>
    where
        K: Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let only = Preconditions {
            uid,
            resource_version: None,
        };
        let deleted = api.delete(name, &DeleteParams::default().preconditions(only)).await;
        let deleted = deleted.or_gone();
        let deleted = deleted.map_err(EngineError::kube(format!("deleting {kind} {name}")))?;
        if let Some(leaving) = deleted.and_then(|deleted| deleted.left()) {
            self.shared.own_writes.wrote(&leaving);
        }
        Ok(())
    }
}

/// What keeps an object that is being deleted.
struct Holder {
    /// Words for users. None if it is expected to go at once.
    words: Option<String>,
    /// When to look again.
    after: Duration,
}

impl Holder {
    fn unknown(after: Duration) -> Self {
        Self { words: None, after }
    }

    fn users(pods: &[String]) -> Self {
        let words = format!("the pods {} still use it; delete them first", pods.join(", "));
        Self {
            words: Some(words),
            after: UNWATCHED,
        }
    }

    /// The finalizers of others than Kubernetes.
    fn finalizers(all: &[String], protection: &str, after: Duration) -> Self {
        let others: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|one| *one != protection)
            .collect();
        let words = (!others.is_empty()).then(|| {
            let others = others.join(", ");
            format!("the finalizers {others} hold it, which whoever has set them has to remove")
        });
        Self { words, after }
    }
}

fn is_created_by_us(metadata: &ObjectMeta) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(labels::CREATED_BY))
        .map(String::as_str)
        == Some(labels::CREATED_BY_VALUE)
}

fn gone_later(kind: &str, name: &str, holder: Holder) -> EngineError {
    let mut message = format!("{kind} {name} is being deleted");
    if let Some(words) = holder.words {
        message.push_str(&format!(": {words}"));
    }
    EngineError::NotYet {
        after: holder.after,
        message,
    }
}
