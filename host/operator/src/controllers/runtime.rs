//! The runtime controller: one for every kind that a plugin is registered for, all running this.
//!
//! `ReconcileInternal` of Fluid's guide, top to bottom. The steps are the engine's; what is decided
//! here is their order, what the user learns of a failure, and when to look again.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::ResourceExt;
use kube::core::ApiResource;
use wasser_api::ObjectKey;
use wasser_api::dataset::Reference;
use wasser_api::reasons::events as reasons;
use wasser_api::{finalizers, labels, names};
use wasser_engine::{EngineError, FirstError, Request, RuntimeObject, Shared, Wake};
use wasser_plugin::{Observer, Plugin};

use super::bound::can_be_bound;
use super::next::Next;
use super::pauses::{self, Failures};
use super::runtime_index::RuntimeIndex;
use super::runtime_writes::{add_finalizer, is_adopted, label_dataset, remove_finalizer};
use crate::metrics::Metrics;

/// The setting of a plugin's registration by which its kind stands for Datasets that refer to
/// others.
const REFERENCES: &str = "dataset-references";
/// When to look again at what the watch shows as it was before a write of our own; its event
/// usually comes earlier.
const STALE: Duration = Duration::from_secs(1);
/// How soon a runtime that is not ready is looked at even if no watch says anything.
const UNREADY: Duration = Duration::from_secs(120);

/// When to look again at a runtime that no plugin serves. A controller whose kind is no longer
/// served ends, but one that is served again at once goes on.
const UNSERVED: Duration = Duration::from_secs(1);

/// Asks for a reconcile of a runtime.
pub type WakeByKey = Arc<dyn Fn(ObjectKey) + Send + Sync>;

/// What the controller of one kind works with.
pub struct RuntimeController {
    /// What all kinds share.
    pub shared: Arc<Shared>,
    /// How the API server serves the kind.
    pub resource: ApiResource,
    /// The plugin that serves the kind now, if one does.
    pub plugin: Box<dyn Fn() -> Option<Arc<Plugin>> + Send + Sync>,
    /// Asks for a reconcile of a runtime of this kind.
    pub wake: WakeByKey,
    /// The runtimes of all kinds, to settle two claims on one Dataset.
    pub runtimes: Arc<RuntimeIndex>,
    /// How long a reconcile may take by itself.
    pub deadline: Duration,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Measures the calls of the plugin.
    pub observer: Observer,
    /// Failures in a row.
    pub(super) failures: Arc<Failures>,
}

/// Brings one runtime to where its spec and its deletion timestamp want it. Failures are reported
/// to the user and answered with a pause.
pub async fn reconcile(runtime: Arc<RuntimeObject>, controller: Arc<RuntimeController>) -> Next {
    let uid = runtime.uid().unwrap_or_default();
    let Some(plugin) = (controller.plugin)() else {
        return Next::After(UNSERVED);
    };
    let dataset = controller
        .shared
        .caches
        .dataset(&runtime.namespace().unwrap_or_default(), &runtime.name_any());
    let own_writes = &controller.shared.own_writes;
    if own_writes.is_stale(&*runtime) || dataset.is_some_and(|dataset| own_writes.is_stale(&*dataset)) {
        return Next::After(STALE);
    }
    let (wake, key) = (controller.wake.clone(), ObjectKey::of(&*runtime));
    let wake: Wake = Arc::new(move || wake(key.clone()));
    let mut request = Request::new(
        controller.shared.clone(),
        plugin,
        controller.resource.clone(),
        runtime,
        wake,
        controller.observer.clone(),
    );
    let was_set_up = request.is_set_up();
    let own_time = request.own_time.clone();
    let outcome = own_time
        .limit(
            controller.deadline,
            reconcile_internal(&mut request, &controller).boxed(),
        )
        .await
        .unwrap_or_else(|| {
            Err(EngineError::Failed {
                method: "reconcile",
                message: format!(
                    "it took longer than {} s; something that it waits for does not answer",
                    controller.deadline.as_secs()
                ),
            })
        });
    request.observe_upgrade(outcome.as_ref().err()).await;
    let reported = request.report(outcome.as_ref().err()).await;
    let outcome = outcome.and_then(|next| reported.map(|()| next));
    controller
        .metrics
        .reconciled(&request, was_set_up, outcome.as_ref().err());
    match outcome {
        Ok(next) => {
            controller.failures.forget(&uid);
            next.or_after(request.look_again)
        }
        Err(error) => {
            tracing::debug!(kind = request.identity.kind, runtime = request.identity.display(), %error,
                "the reconcile did not reach its end");
            if matches!(error, EngineError::AwaitsTurn { .. }) {
                controller.failures.forget(&uid);
            }
            controller
                .failures
                .pause(&uid, error.retry())
                .or_after(request.look_again)
        }
    }
}

async fn reconcile_internal(request: &mut Request, controller: &RuntimeController) -> Result<Next, EngineError> {
    // Deletions come first: what is wrong with an object must not keep it from being deleted.
    if request.runtime.metadata.deletion_timestamp.is_some() {
        return reconcile_runtime_deletion(request).await;
    }
    names::check_dns1035(&request.identity.name).map_err(|invalid| EngineError::InvalidSpec {
        field: format!("{}.metadata.name", request.identity.kind),
        message: invalid.to_string(),
    })?;
    let Some(dataset) = request.dataset.clone() else {
        request
            .warn(
                reasons::ERROR_PROCESS_RUNTIME,
                "No dataset can be bound to the runtime, waiting.",
            )
            .await;
        return Ok(Next::Change);
    };
    if let Some(problem) = request.unreadable() {
        let refusal = EngineError::InvalidSpec {
            field: problem,
            message: "correct the field".to_owned(),
        };
        return match request.linked_to() {
            Some(linked) => reconcile_reference(request, &linked, Some(refusal), controller).await,
            None if request.is_set_up() => reconcile_runtime(request, Some(refusal)).await,
            None => Err(refusal),
        };
    }
    // A Dataset that is deleted but still in use is attended to like any other; nothing new is set
    // up for it.
    if dataset.metadata.deletion_timestamp.is_some() && !request.is_set_up() {
        return Ok(Next::Change);
    }
    if let Some(next) = can_be_bound(request, &dataset, &controller.runtimes).await? {
        return Ok(next);
    }
    // The Dataset's own controller comes first: two that write one object at a time only make each
    // other's writes fail.
    if !dataset
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == finalizers::DATASET)
    {
        return Ok(Next::Change);
    }
    if !is_adopted(request, &dataset) {
        add_finalizer(request, &dataset).await?;
    }
    label_dataset(request, &dataset).await?;
    match (request.linked_to(), request.refers_to()) {
        (Some(linked), Ok(Some(wanted))) if linked == wanted => {
            reconcile_reference(request, &linked, None, controller).await
        }
        (Some(linked), wanted) => {
            let refusal = wanted.err().unwrap_or_else(|| request.changed_reference(&linked));
            reconcile_reference(request, &linked, Some(refusal), controller).await
        }
        (None, Ok(Some(wanted))) if !request.is_set_up() || request.installed().await?.is_none() => {
            reconcile_reference(request, &wanted, None, controller).await
        }
        (None, Ok(Some(_))) => {
            let refusal = EngineError::InvalidSpec {
                field: "Dataset.spec.mounts".to_owned(),
                message: "the Dataset has a cache of its own and cannot refer to another one; put its mounts back, or \
                    create another Dataset for the reference"
                    .to_owned(),
            };
            reconcile_runtime(request, Some(refusal)).await
        }
        (None, Ok(None)) => reconcile_runtime(request, None).await,
        (None, Err(error)) if request.is_set_up() => reconcile_runtime(request, Some(error)).await,
        (None, Err(error)) => Err(error),
    }
}

/// A Dataset that refers to another one has no cache of its own: the plugin is not asked. With a
/// `refusal`, it goes on to show the Dataset that its volume leads to, and what it refers to now is
/// not looked at. It is boxed, as the others are that have many callers: each of these would have room
/// for it on the stack.
fn reconcile_reference<'a>(
    request: &'a mut Request,
    reference: &'a Reference,
    refusal: Option<EngineError>,
    controller: &'a RuntimeController,
) -> BoxFuture<'a, Result<Next, EngineError>> {
    async move {
        if !serves_references(&request.plugin) {
            return Err(EngineError::InvalidSpec {
                field: format!("{}.metadata.name", request.identity.kind),
                message: format!(
                    "the Dataset {} refers to another one, for which no runtime of this kind is needed; delete the \
                        runtime, and the one that is \
                     needed is created",
                    request.identity.display()
                ),
            });
        }
        let other = request.shared.caches.dataset(&reference.namespace, &reference.name);
        let bound = other.and_then(|other| other.status.as_ref()?.runtimes.first().cloned());
        let runtime = bound.and_then(|bound| {
            controller
                .runtimes
                .of_type(&bound.runtime_type, &bound.namespace, &bound.name)
        });
        let status = runtime.and_then(|runtime| serde_json::from_value(runtime.rest().get_mut("status")?.take()).ok());
        request.refused = refusal.is_some();
        let followed = request.follow(reference, status).await;
        // What is in the way of a volume is often somebody else's, of which no watch says anything.
        let period = request.shared.settings.sync_period;
        if let Some(pause) = pauses::pause(&request.uid, period, &followed, true) {
            request.look_again_in(pause);
        }
        followed?;
        if let Some(refusal) = refusal {
            request.attended = true;
            return Err(refusal);
        }
        request.write_statuses().await?;
        Ok(Next::Change)
    }
    .boxed()
}

/// Whether a plugin's registration lends its kind to Datasets that refer to others.
pub fn serves_references(plugin: &Plugin) -> bool {
    plugin
        .settings
        .get(REFERENCES)
        .is_some_and(|value| value == labels::TRUE)
}

/// Setup, CreateVolume, Sync; `refusal` is what is already known to be wrong with the spec.
///
/// A runtime that is set up is attended whatever is wrong with its spec, and looked at again after
/// the period. Where nothing can have changed unseen, that is after several.
fn reconcile_runtime(request: &mut Request, refusal: Option<EngineError>) -> BoxFuture<'_, Result<Next, EngineError>> {
    async move {
        request.attended = true;
        // What is installed says which roles there are.
        request.installed().await?;
        request.observe_pods().await;
        let validated = match refusal {
            Some(error) => Err(error),
            None => request.validate().await,
        };
        let outcome = if request.is_set_up() {
            request.refused = validated.is_err();
            let attended = attend(request).await;
            validated.and(attended)
        } else {
            validated?;
            if !request.setup().await? {
                request.look_again_in(UNREADY);
                return Ok(Next::Change);
            }
            attend(request).await
        };
        let period = request.shared.settings.sync_period;
        if let Some(pause) = pauses::pause(&request.uid, period, &outcome, request.is_watched()) {
            request.look_again_in(pause);
        }
        outcome.map(|()| Next::Change)
    }
    .boxed()
}

/// What is done for a runtime that is set up, again and again. One step that fails does not keep
/// the others from being done.
fn attend(request: &mut Request) -> BoxFuture<'_, Result<(), EngineError>> {
    async move {
        let volume = request.create_volume().await;
        request.volume_failed = volume.is_err();
        let mut failed = FirstError::default();
        failed.keep(request.sync().await);
        failed.keep(volume);
        failed.into_result()
    }
    .boxed()
}

/// DeleteVolume, Shutdown, and then the Dataset and the finalizer are let go.
async fn reconcile_runtime_deletion(request: &mut Request) -> Result<Next, EngineError> {
    if !request
        .runtime
        .finalizers()
        .iter()
        .any(|finalizer| *finalizer == finalizers::runtime(&request.identity.runtime_type))
    {
        request.shared.forget(&request.uid);
        return Ok(Next::Change);
    }
    // Others go on meanwhile.
    request.shared.rollouts.forget(&request.uid);
    request.delete_volume().await?;
    let references = request.references();
    for reference in &references {
        request.unfollow(reference).await?;
    }
    if references.is_empty() || request.may_have_cache() {
        request.shutdown().await?;
    }
    request.reset_dataset().await?;
    remove_finalizer(request).await?;
    let message = format!(
        "The {} {} and what it had installed are gone.",
        request.identity.kind, request.identity.name
    );
    request.changed(reasons::RUNTIME_DELETED, message);
    // Only now: a conflict above must not lead to a second clean-up.
    request.shared.forget(&request.uid);
    Ok(Next::Change)
}
