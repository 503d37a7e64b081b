//! Objects into the cluster, by server-side apply.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::error::{ReleaseError, is_conflict};
use super::objects::{Kinds, Reference, phase};
use crate::FIELD_MANAGER;
use crate::policy::Policy;

/// Requests that are under way at once for one release.
const CONCURRENCY: usize = 8;
/// Attempts to write an object that others write at the same time.
pub const ATTEMPTS: u32 = 5;

/// An object as it is applied: owned by the runtime, and marked in the way by which Helm knows its own.
#[derive(Debug, Clone)]
pub struct Prepared {
    reference: Reference,
    object: DynamicObject,
    /// Whether the number of replicas is somebody else's business; see [`keeps_replicas`].
    keep_replicas: bool,
}

/// The object of a chart as it is applied.
pub fn dress(object: &DynamicObject, policy: &Policy, release: &str) -> DynamicObject {
    let mut object = object.clone();
    policy.own(&mut object);
    let metadata = &mut object.metadata;
    let labels = metadata.labels.get_or_insert_default();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    let annotations: &mut BTreeMap<String, String> = metadata.annotations.get_or_insert_default();
    annotations.insert("meta.helm.sh/release-name".to_owned(), release.to_owned());
    annotations.insert("meta.helm.sh/release-namespace".to_owned(), policy.namespace.clone());
    // Both of these the API server would refuse in an apply.
    metadata.managed_fields = None;
    metadata.resource_version = None;
    object
}

/// Prepares an admitted object. `before` is what the release had.
pub fn prepare(object: &DynamicObject, policy: &Policy, release: &str, before: &[Reference]) -> Option<Prepared> {
    let reference = Reference::of(object)?;
    let keep_replicas = keeps_replicas(&reference, before);
    Some(Prepared {
        reference,
        object: dress(object, policy, release),
        keep_replicas,
    })
}

/// Whether the live number of replicas stays.
///
/// Charts render a number to begin with (workers: none), and then the host, `kubectl scale` or an autoscaler decides. So the number in the chart
/// counts when an object is made, and when it differs from what the chart said before.
fn keeps_replicas(reference: &Reference, before: &[Reference]) -> bool {
    let previous = before.iter().find(|earlier| earlier.key() == reference.key());
    reference.replicas.is_some() && previous.is_none_or(|earlier| earlier.replicas == reference.replicas)
}

/// Applies all, phase by phase, the objects of a phase at once.
pub async fn all(kinds: &Kinds, namespace: &str, objects: Vec<Prepared>) -> Result<(), ReleaseError> {
    let mut phases: BTreeMap<u8, Vec<Prepared>> = BTreeMap::new();
    for object in objects {
        phases
            .entry(phase(&object.reference.gvk.group, &object.reference.gvk.kind))
            .or_default()
            .push(object);
    }
    for (_, objects) in phases {
        let writes = objects.into_iter().map(|object| one(kinds, namespace, object).boxed());
        together(writes.collect()).await?;
    }
    Ok(())
}

/// Makes requests, some at a time. They are boxed: a future over an iterator of unnamed futures is not `Send` for every lifetime.
pub async fn together(requests: Vec<BoxFuture<'_, Result<(), ReleaseError>>>) -> Result<(), ReleaseError> {
    futures::stream::iter(requests).buffer_unordered(CONCURRENCY).try_collect().await
}

/// Applies one.
pub async fn one(kinds: &Kinds, namespace: &str, prepared: Prepared) -> Result<(), ReleaseError> {
    let api = kinds.api(&prepared.reference, namespace).await?;
    let display = prepared.reference.describe(namespace);
    if prepared.keep_replicas {
        scalable(&api, &display, prepared).await
    } else {
        force(&api, &prepared).await.map_err(|error| ReleaseError::write(&display, error))
    }
}

async fn force(api: &Api<DynamicObject>, prepared: &Prepared) -> Result<(), kube::Error> {
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_metadata(&prepared.reference.name, &params, &Patch::Apply(&prepared.object))
        .await
        .map(drop)
}

/// Applies an object whose replicas stay as they are.
///
/// Without force the API server says by a conflict that somebody has set another number; usually nobody has, and it is one request. The live number
/// is then applied rather than none, because a field that nobody applies any more falls back to its default, which is one replica. The resource version
/// makes sure that nobody has scaled in between.
async fn scalable(api: &Api<DynamicObject>, display: &str, mut prepared: Prepared) -> Result<(), ReleaseError> {
    let name = prepared.reference.name.clone();
    let mut outcome = api
        .patch_metadata(&name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(&prepared.object))
        .await
        .map(drop);
    for _ in 0..ATTEMPTS {
        match &outcome {
            Err(error) if is_conflict(error) => {}
            _ => break,
        }
        let live = api.get_opt(&name).await.map_err(ReleaseError::kube(format!("reading {display}")))?;
        if let Some(live) = live {
            prepared.object.metadata.resource_version = live.metadata.resource_version;
            if let Some(replicas) = live.data.pointer("/spec/replicas") {
                prepared.object.data["spec"]["replicas"] = replicas.clone();
            }
        } else {
            prepared.object.metadata.resource_version = None;
            if let Some(replicas) = prepared.reference.replicas {
                prepared.object.data["spec"]["replicas"] = Value::from(replicas);
            }
        }
        outcome = force(api, &prepared).await;
    }
    outcome.map_err(|error| ReleaseError::write(display, error))
}
