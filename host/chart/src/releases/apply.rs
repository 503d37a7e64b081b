//! Objects into the cluster, by server-side apply.
//!
//! An object that was there at the look is written by force, and only if it is still the same one,
//! by its UID. One that was not is written without force; if somebody has made it since and set a
//! field of it, that shows as a conflict, and it is looked at again.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::error::{ReleaseError, is_outdated};
use super::kinds::Kinds;
use super::ownership::{MANAGED_BY, Ownership, RELEASE_NAME, RELEASE_NAMESPACE};
use super::reference::{Reference, phase};
use crate::FIELD_MANAGER;
use crate::policy::Policy;

/// Requests that are under way at once for one release.
pub const CONCURRENCY: usize = 8;
/// Attempts to write an object that others write at the same time.
pub const ATTEMPTS: u32 = 5;

/// An object as it is applied: owned by the runtime, labelled, and marked in the way by which Helm
/// knows its own.
#[derive(Debug, Clone)]
pub struct Prepared {
    reference: Reference,
    object: DynamicObject,
    /// The UID that it has. None if it is not there.
    uid: Option<String>,
    /// Whether the number of replicas is somebody else's business; see [`keeps_replicas`].
    keep_replicas: bool,
}

/// The object of a chart as it is applied.
pub fn dress(object: &DynamicObject, policy: &Policy, release: &str) -> DynamicObject {
    let mut object = object.clone();
    policy.own(&mut object);
    let metadata = &mut object.metadata;
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    let annotations: &mut BTreeMap<String, String> = metadata.annotations.get_or_insert_default();
    annotations.insert(RELEASE_NAME.to_owned(), release.to_owned());
    annotations.insert(RELEASE_NAMESPACE.to_owned(), policy.namespace.clone());
    // These the API server would refuse in an apply, or take for a condition.
    metadata.managed_fields = None;
    metadata.resource_version = None;
    metadata.uid = None;
    object
}

/// Prepares an admitted object that has this UID now. `before` is what the release had.
pub fn prepare(
    object: &DynamicObject,
    ownership: &Ownership<'_>,
    uid: Option<&str>,
    before: &[Reference],
) -> Option<Prepared> {
    let reference = Reference::of(object)?;
    let keep_replicas = keeps_replicas(&reference, before);
    Some(Prepared {
        reference,
        object: dress(object, ownership.policy, ownership.release),
        uid: uid.map(str::to_owned),
        keep_replicas,
    })
}

/// Whether the live number of replicas stays.
///
/// Charts render a number to begin with (workers: none), and then the host, `kubectl scale` or an
/// autoscaler decides. So the number in the chart counts when an object is made, and when it
/// differs from what the chart said before.
fn keeps_replicas(reference: &Reference, before: &[Reference]) -> bool {
    let previous = before.iter().find(|earlier| earlier.key() == reference.key());
    reference.replicas.is_some() && previous.is_none_or(|earlier| earlier.replicas == reference.replicas)
}

/// Applies all, phase by phase, the objects of a phase at once.
pub async fn all(kinds: &Kinds, ownership: &Ownership<'_>, objects: Vec<Prepared>) -> Result<(), ReleaseError> {
    let mut phases: BTreeMap<u8, Vec<Prepared>> = BTreeMap::new();
    for object in objects {
        phases
            .entry(phase(&object.reference.gvk.group, &object.reference.gvk.kind))
            .or_default()
            .push(object);
    }
    for (_, objects) in phases {
        let writes = objects.into_iter().map(|object| one(kinds, ownership, object).boxed());
        together(writes.collect()).await?;
    }
    Ok(())
}

/// Makes requests, some at a time. They are boxed: a future over an iterator of unnamed futures is
/// not `Send` for every lifetime.
pub async fn together(requests: Vec<BoxFuture<'_, Result<(), ReleaseError>>>) -> Result<(), ReleaseError> {
    futures::stream::iter(requests)
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

/// Applies one.
///
/// Where replicas stay, the first attempt is without force as well: the API server says by a
/// conflict that somebody has set another number; usually nobody has, and it is one request. The
/// live number is then applied rather than none, because a field that nobody applies any more falls
/// back to its default, which is one replica. The resource version makes sure that nobody has
/// scaled in between.
pub async fn one(kinds: &Kinds, ownership: &Ownership<'_>, mut prepared: Prepared) -> Result<(), ReleaseError> {
    let namespace = &ownership.policy.namespace;
    let api = kinds.api(&prepared.reference, namespace).await?;
    let force = prepared.uid.is_some() && !prepared.keep_replicas;
    let mut outcome = prepared.write(&api, force).await;
    for _ in 0..ATTEMPTS {
        match &outcome {
            Err(error) if is_outdated(error) => {}
            _ => break,
        }
        prepared.look_again(&api, ownership).await?;
        outcome = prepared.write(&api, prepared.uid.is_some()).await;
    }
    outcome.map_err(|error| ReleaseError::write(&prepared.reference, namespace, error))
}

impl Prepared {
    async fn write(&self, api: &Api<DynamicObject>, force: bool) -> Result<(), kube::Error> {
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = force;
        let mut object = self.object.clone();
        object.metadata.uid = self.uid.clone();
        api.patch_metadata(&self.reference.name, &params, &Patch::Apply(&object))
            .await
            .map(drop)
    }

    /// Looks whose the object is now, and how many replicas it has.
    async fn look_again(&mut self, api: &Api<DynamicObject>, ownership: &Ownership<'_>) -> Result<(), ReleaseError> {
        let display = self.reference.describe(&ownership.policy.namespace);
        let live = api.get_opt(&self.reference.name).await;
        let live = live.map_err(ReleaseError::kube(format!("reading {display}")))?;
        let mut replicas = self.reference.replicas.map(Value::from);
        (self.uid, self.object.metadata.resource_version) = (None, None);
        if let Some(live) = live {
            ownership.check_at(&self.reference, &live.metadata)?;
            self.uid = live.metadata.uid;
            if self.keep_replicas {
                self.object.metadata.resource_version = live.metadata.resource_version;
                replicas = live.data.pointer("/spec/replicas").cloned();
            }
        }
        if let (true, Some(replicas)) = (self.keep_replicas, replicas) {
            self.object.data["spec"]["replicas"] = replicas;
        }
        Ok(())
    }
}
