//! Objects into the cluster: new ones are created, those that are there are applied.
//!
//! A creation costs the API server less than half of an apply, and fails where an object has the
//! name already, so that nothing is taken by accident. The object is then looked at: one that is
//! the runtime's is applied, by its UID; somebody else's is refused. What a creation has set is
//! taken over before the first apply (`adopt.rs`), or fields that the chart drops would stay.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::adopt;
use super::error::{ReleaseError, is_outdated, would_refuse};
use super::immutable::Live;
use super::kinds::Kinds;
use super::ownership::{MANAGED_BY, Ownership, RELEASE_NAME, RELEASE_NAMESPACE};
use super::reference::{Reference, phase};
use super::workers::Workers;
use crate::FIELD_MANAGER;
use crate::params::post_params;
use crate::policy::Policy;

/// Requests that are under way at once for one release.
pub const CONCURRENCY: usize = 8;
/// Where a workload says on which nodes its pods may run.
pub const AFFINITY: &str = "/spec/template/spec/affinity";
/// Attempts to write an object that others write at the same time.
pub const ATTEMPTS: u32 = 5;

/// An object as it is applied: owned by the runtime, labelled, and marked in the way by which Helm
/// knows its own.
#[derive(Debug, Clone)]
pub struct Prepared {
    reference: Reference,
    object: DynamicObject,
    /// The metadata that it has. None if it is not there.
    live: Option<ObjectMeta>,
    /// Whether the number of replicas is somebody else's business; see [`keeps_replicas`].
    keep_replicas: bool,
    /// How it begins, if it is the workers'.
    workers: Option<Workers>,
}

/// An object that an attempt has made: where it is, and its UID.
pub type Created = (Reference, String);

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

/// Prepares an admitted object that is there as `live`. `before` is what the release had.
pub fn prepare(
    object: &DynamicObject,
    ownership: &Ownership<'_>,
    live: Option<&Live>,
    before: &[Reference],
    workers: Option<&Workers>,
) -> Option<Prepared> {
    let reference = Reference::of(object)?;
    let keep_replicas = keeps_replicas(&reference, before);
    let mut object = dress(object, ownership.policy, ownership.release);
    object.metadata.uid = live.and_then(|live| live.metadata.uid.clone());
    if let Some(immutables) = live.and_then(|live| live.immutables.as_ref()) {
        immutables.keep(&mut object.data);
    }
    let workers = workers.filter(|workers| workers.are_of(&object)).cloned();
    Some(Prepared {
        reference,
        object,
        live: live.map(|live| live.metadata.clone()),
        keep_replicas,
        workers,
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

/// Writes all, phase by phase, the objects of a phase at once. Adds to `created` what it makes, also
/// if it fails: a phase that has begun is finished.
pub async fn all(
    kinds: &Kinds,
    ownership: &Ownership<'_>,
    objects: Vec<Prepared>,
    created: &mut Vec<Created>,
) -> Result<(), ReleaseError> {
    let mut phases: BTreeMap<u8, Vec<Prepared>> = BTreeMap::new();
    for object in objects {
        phases
            .entry(phase(&object.reference.gvk.group, &object.reference.gvk.kind))
            .or_default()
            .push(object);
    }
    for (_, objects) in phases {
        let writes: Vec<BoxFuture<'_, _>> = objects
            .into_iter()
            .map(|object| one(kinds, ownership, object).boxed())
            .collect();
        let outcomes: Vec<_> = futures::stream::iter(writes)
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut failure = None;
        for outcome in outcomes {
            match outcome {
                Ok(new) => created.extend(new),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Asks the API server how it would write all of these, which changes no content.
///
/// # Errors
/// It would refuse one. Whatever else goes wrong is left to the write itself.
pub async fn try_out(kinds: &Kinds, ownership: &Ownership<'_>, objects: &mut [Prepared]) -> Result<(), ReleaseError> {
    let questions = objects.iter_mut().map(|object| ask(kinds, ownership, object).boxed());
    together(questions.collect()).await
}

async fn ask(kinds: &Kinds, ownership: &Ownership<'_>, prepared: &mut Prepared) -> Result<(), ReleaseError> {
    let namespace = &ownership.policy.namespace;
    let api = kinds.api(&prepared.reference, namespace).await?;
    match prepared.ask(&api).await {
        Err(error) if would_refuse(&prepared.reference, &error) => {
            Err(ReleaseError::write(&prepared.reference, namespace, error))
        }
        _ => Ok(()),
    }
}

/// Makes requests, some at a time. They are boxed: a future over an iterator of unnamed futures is
/// not `Send` for every lifetime.
pub async fn together(requests: Vec<BoxFuture<'_, Result<(), ReleaseError>>>) -> Result<(), ReleaseError> {
    futures::stream::iter(requests)
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

/// Writes one, and returns it if it was made.
///
/// Where replicas stay, the first attempt is without force: the API server says by a conflict that
/// somebody has set another number; usually nobody has, and it is one request. The live number is
/// then applied rather than none, because a field that nobody applies any more falls back to its
/// default, which is one replica. The resource version makes sure that nobody has scaled in
/// between.
pub async fn one(
    kinds: &Kinds,
    ownership: &Ownership<'_>,
    mut prepared: Prepared,
) -> Result<Option<Created>, ReleaseError> {
    let namespace = &ownership.policy.namespace;
    let api = kinds.api(&prepared.reference, namespace).await?;
    let mut outcome = prepared.write(&api, !prepared.keep_replicas).await;
    for _ in 0..ATTEMPTS {
        match &outcome {
            Err(error) if is_outdated(error) => {}
            _ => break,
        }
        prepared.look_again(&api, ownership).await?;
        outcome = prepared.write(&api, true).await;
    }
    outcome.map_err(|error| ReleaseError::write(&prepared.reference, namespace, error))
}

impl Prepared {
    /// The object as it is applied to what is there. The number of replicas is left out where it
    /// stays.
    pub fn applied(&self) -> DynamicObject {
        let mut object = self.object.clone();
        // What has no spec must not get an empty one, which the API server does not know.
        let spec = object.data.get_mut("spec").and_then(Value::as_object_mut);
        if let Some(spec) = spec.filter(|_| self.keep_replicas) {
            spec.remove("replicas");
        }
        object
    }

    /// The content of the same, with its labels and annotations.
    pub fn content(&self) -> Value {
        let DynamicObject {
            metadata,
            data: mut content,
            ..
        } = self.applied();
        content["metadata"] = json!({"labels": metadata.labels, "annotations": metadata.annotations});
        content
    }

    async fn write(&mut self, api: &Api<DynamicObject>, force: bool) -> kube::Result<Option<Created>> {
        if self.live.is_none() {
            return self.create(api).await;
        }
        self.take_over(api).await?;
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = force;
        api.patch_metadata(&self.reference.name, &params, &Patch::Apply(&self.object))
            .await?;
        Ok(None)
    }

    /// Asks how it would be written. The fields of its creation become those of the apply before, or
    /// the answer would be about what the chart no longer has.
    async fn ask(&mut self, api: &Api<DynamicObject>) -> kube::Result<()> {
        if self.live.is_none() {
            let params = PostParams {
                dry_run: true,
                ..post_params()
            };
            return api.create(&params, &self.object).await.map(drop);
        }
        self.take_over(api).await?;
        let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
        let patch = Patch::Apply(&self.object);
        let asked = api.patch_metadata(&self.reference.name, &params, &patch);
        asked.await.map(drop)
    }

    async fn create(&self, api: &Api<DynamicObject>) -> kube::Result<Option<Created>> {
        let mut object = self.object.clone();
        if let Some(workers) = &self.workers {
            workers.begin(&mut object.data);
        }
        let created = api.create(&post_params(), &object).await?;
        Ok(created.metadata.uid.map(|uid| (self.reference.clone(), uid)))
    }

    /// Makes the fields that were set by a creation, or by Helm, those of the apply.
    async fn take_over(&mut self, api: &Api<DynamicObject>) -> kube::Result<()> {
        let Some(live) = &mut self.live else { return Ok(()) };
        let of_chart = self.object.data.pointer(AFFINITY).is_some();
        if adopt::object(api, &self.reference, live, of_chart).await? {
            let version = &mut self.object.metadata.resource_version;
            *version = version.take().and(live.resource_version.clone());
        }
        Ok(())
    }

    /// Looks whose the object is now, and how many replicas it has.
    async fn look_again(&mut self, api: &Api<DynamicObject>, ownership: &Ownership<'_>) -> Result<(), ReleaseError> {
        let attempt = format!("reading {}", self.reference.describe(&ownership.policy.namespace));
        let found = api.get_opt(&self.reference.name).await;
        let found = found.map_err(ReleaseError::kube(attempt))?;
        let metadata = &mut self.object.metadata;
        (self.live, metadata.uid, metadata.resource_version) = (None, None, None);
        let mut replicas = self.reference.replicas.map(Value::from);
        if let Some(found) = found {
            ownership.check_at(&self.reference, &found.metadata)?;
            metadata.uid.clone_from(&found.metadata.uid);
            if self.keep_replicas {
                metadata.resource_version.clone_from(&found.metadata.resource_version);
                replicas = found.data.pointer("/spec/replicas").cloned();
            }
            self.live = Some(found.metadata);
        }
        if let (true, Some(replicas)) = (self.keep_replicas, replicas) {
            self.object.data["spec"]["replicas"] = replicas;
        }
        Ok(())
    }
}
