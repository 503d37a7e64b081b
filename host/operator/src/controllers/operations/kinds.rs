//! The watches of operations and of what they run, and the controller of each kind whose definition
//! is there.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use wasser_api::dataset::Dataset;
use wasser_api::operations::OperationKind;
use wasser_api::{ObjectKey, labels};
use wasser_engine::operations::operation::{resource, status};
use wasser_engine::{EngineError, Shared};

use super::all::{KindOf, Operations};
use super::changes::changes;
use super::claims::Claims;
use super::held::hold_what_runs;
use super::index::Index;
use super::progress::seen::Progress;
use super::turns::Turns;
use super::{ending, progress, reconcile, registry, target};
use crate::client::watch_config;
use crate::context::Context;
use crate::controllers::drive::drive;
use crate::controllers::next::{AFTER_PANIC, DEADLINE, DEBOUNCE, PANICKED};
use crate::controllers::pauses::Failures;
use crate::controllers::runtime_index::RuntimeIndex;
use crate::controllers::watches::slim;

/// Runs the controllers of all kinds until stopped. `touched` has Datasets that have changed.
pub async fn run(
    context: Arc<Context>,
    shared: Arc<Shared>,
    runtimes: Arc<RuntimeIndex>,
    touched: UnboundedReceiver<ObjectKey>,
    stop: CancellationToken,
) {
    let supervisor = context.health.supervisor.clone();
    let (jobs, jobs_writer) = reflector::store();
    let (cron_jobs, cron_jobs_writer) = reflector::store();
    let (shown, named) = unbounded_channel();
    let operations = Arc::new(Operations {
        context,
        shared,
        runtimes,
        claims: Claims::default(),
        progress: Progress::default(),
        index: Index::default(),
        jobs,
        cron_jobs,
        kinds: RwLock::default(),
        installed: Mutex::default(),
        failures: Failures::default(),
        shown,
        listed: watch::Sender::default(),
    });
    let listed = Arc::downgrade(&operations);
    operations.context.metrics.operations.list(move || {
        let all = listed.upgrade().map(|operations| operations.all()).unwrap_or_default();
        all.into_iter()
            .map(|(kind, object)| (kind, status(&object).phase))
            .collect()
    });
    let ended = stop.child_token();
    supervisor.spawn(
        "the watch of Jobs",
        &ended,
        follow(operations.clone(), jobs_writer, ended.clone()),
    );
    supervisor.spawn(
        "the watch of CronJobs",
        &ended,
        follow(operations.clone(), cron_jobs_writer, ended.clone()),
    );
    supervisor.spawn("the watch of Datasets' operations", &ended, {
        let (operations, ended) = (operations.clone(), ended.clone());
        async move { wake_by_dataset(&operations, touched, ended).await }
    });
    let showing = registry::run(operations.clone(), named, ended.clone());
    supervisor.spawn("the list of Datasets' operations", &ended, showing);
    let asking = progress::run(operations.clone(), ended.clone());
    supervisor.spawn("the progress of operations", &ended, asking);

    let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(operations.shared.client.clone());
    let crds = watcher(api, watch_config()).default_backoff();
    let mut crds = std::pin::pin!(crds.take_until(stop.clone().cancelled_owned()));
    while let Some(event) = crds.next().await {
        match event {
            Ok(Event::Apply(crd) | Event::InitApply(crd)) => {
                if let Some(kind) = kind_of(&crd.name_any()) {
                    start(&operations, kind, &stop);
                }
            }
            Ok(Event::Delete(crd)) => {
                let Some(kind) = kind_of(&crd.name_any()) else { continue };
                let removed = operations.kinds.write().remove(&kind);
                if let Some(removed) = removed {
                    removed.stop.cancel();
                    // Their own watch tells no more.
                    let left = removed.store.state();
                    left.into_iter().for_each(|object| operations.gone(kind, object));
                }
            }
            Ok(Event::InitDone) => operations.note_listed("kinds"),
            Ok(Event::Init) => {}
            Err(error) => tracing::debug!(%error, "the watch of CRDs was interrupted; it starts again"),
        }
    }
}

/// The kind of operation that a CRD defines.
fn kind_of(crd: &str) -> Option<OperationKind> {
    let is_it = |kind: &OperationKind| crd == format!("{}.{}", kind.plural(), wasser_api::GROUP);
    OperationKind::ALL.into_iter().find(is_it)
}

/// Follows the Jobs or CronJobs of operations.
async fn follow<K>(operations: Arc<Operations>, writer: reflector::store::Writer<K>, stop: CancellationToken)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let config = watch_config().labels(labels::DATASET_ID);
    let api = Api::<K>::all(operations.shared.client.clone());
    let events = watcher(api, config).default_backoff().modify(slim).reflect(writer);
    let mut events = std::pin::pin!(events.take_until(stop.cancelled_owned()));
    let kind = K::kind(&());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object)) => operations.wake_owner(&object),
            Ok(Event::Delete(object)) => {
                ending::forget(&operations.shared, &object.uid().unwrap_or_default());
                for owner in object.owner_references() {
                    operations.installed.lock().remove(&owner.uid);
                }
                operations.wake_owner(&object);
            }
            Ok(Event::InitDone) => {
                operations.note_listed(&kind);
                operations.wake_all();
            }
            Ok(Event::Init | Event::InitApply(_)) => {}
            Err(error) => tracing::warn!(%kind, %error, "the watch was interrupted; it starts again"),
        }
    }
}

async fn wake_by_dataset(operations: &Operations, mut touched: UnboundedReceiver<ObjectKey>, stop: CancellationToken) {
    if stop.run_until_cancelled(operations.wait_until_listed()).await.is_none() {
        return;
    }
    // What was noted of operations that ended while nobody looked.
    for dataset in operations.shared.caches.datasets.state() {
        if shows_operations(&dataset) {
            let _ = operations.shown.send(ObjectKey::of(&*dataset));
        }
    }
    while let Some(Some(key)) = stop.run_until_cancelled(touched.recv()).await {
        let about = operations.index.on(&key);
        let any = !about.is_empty();
        for (kind, operation) in about {
            operations.wake(kind, operation);
        }
        let dataset = operations.shared.caches.dataset(&key.namespace, &key.name);
        if any || dataset.is_some_and(|dataset| shows_operations(&dataset)) {
            let _ = operations.shown.send(key);
        }
    }
}

/// Whether operations are noted in the status of a Dataset.
fn shows_operations(dataset: &Dataset) -> bool {
    let status = dataset.status.as_ref();
    status.is_some_and(|status| !status.operation_ref.is_empty())
}

/// Starts the controller of a kind, unless it runs.
fn start(operations: &Arc<Operations>, kind: OperationKind, stop: &CancellationToken) {
    let mut kinds = operations.kinds.write();
    if kinds.contains_key(&kind) {
        return;
    }
    let writer = reflector::store::Writer::<DynamicObject>::new(resource(kind));
    let (wake, woken) = unbounded_channel();
    let stop = stop.child_token();
    kinds.insert(
        kind,
        KindOf {
            store: writer.as_reader(),
            wake,
            stop: stop.clone(),
        },
    );
    let control = control(operations.clone(), kind, writer, woken, stop.clone());
    let supervisor = &operations.context.health.supervisor;
    supervisor.spawn(&format!("the controller of {kind}s"), &stop, control);
}

/// The controller of one kind.
async fn control(
    operations: Arc<Operations>,
    kind: OperationKind,
    writer: reflector::store::Writer<DynamicObject>,
    woken: UnboundedReceiver<ObjectKey>,
    stop: CancellationToken,
) {
    let store = writer.as_reader();
    let api = Api::<DynamicObject>::all_with(operations.shared.client.clone(), &resource(kind));
    let objects = watcher(api, watch_config())
        .default_backoff()
        .modify(slim)
        .reflect(writer);
    let objects = changes(objects, kind, operations.clone(), store.clone());
    let keys = futures::stream::select(
        objects.flat_map(futures::stream::iter),
        UnboundedReceiverStream::new(woken),
    );
    let queue = keys
        .map(move |ObjectKey { namespace, name }| {
            Ok::<_, watcher::Error>(ObjectRef::<DynamicObject>::new_with(&name, resource(kind)).within(&namespace))
        })
        .take_until(stop.clone().cancelled_owned());
    let ready = {
        let (operations, stop) = (operations.clone(), stop.clone());
        let listed = async move {
            operations.wait_until_listed().await;
            hold_what_runs(&operations);
        };
        async move { stop.run_until_cancelled(listed).await }.boxed().shared()
    };
    // The turns limit what needs a limit.
    let config = Config::default().debounce(DEBOUNCE).concurrency(0);
    let turns = Turns::new(operations.context.settings.workers, stop.clone());
    let reconcile = move |object: Arc<DynamicObject>, operations: Arc<Operations>| {
        let (ready, turns) = (ready.clone(), turns.clone());
        async move {
            if ready.await.is_none() {
                return Ok(Action::await_change());
            }
            let Some((object, _turn)) = turns.take(&operations, kind, object).await else {
                return Ok(Action::await_change());
            };
            let (metrics, supervisor) = (
                operations.context.metrics.clone(),
                operations.context.health.supervisor.clone(),
            );
            let uid = object.uid().unwrap_or_default();
            let what = format!("the reconcile of {kind} {}", ObjectKey::of(&*object));
            let timer = metrics.start_reconcile(kind.as_str());
            // It may ask a plugin.
            let is_behind = target::takes_much(&operations, kind, &object);
            let (threads, theirs) = (operations.context.threads.behind(is_behind), operations.clone());
            let running = threads.carry(async move { reconcile::reconcile(&theirs, kind, object).await });
            let work = tokio::time::timeout(DEADLINE, running).boxed();
            let Some(outcome) = supervisor.catch(&what, work).await else {
                timer.end(Some(PANICKED));
                return Ok::<_, std::convert::Infallible>(Action::requeue(AFTER_PANIC));
            };
            let outcome = outcome.unwrap_or_else(|_| {
                Err(EngineError::Failed {
                    method: "reconcile",
                    message: format!("it took longer than {} s", DEADLINE.as_secs()),
                })
            });
            timer.end(outcome.as_ref().err().map(EngineError::label));
            if let Err(error) = &outcome {
                tracing::debug!(%what, %error, "the reconcile did not reach its end");
            }
            Ok(Action::from(operations.next(&uid, outcome)))
        }
        .boxed()
    };
    let results = applier(
        reconcile,
        |_, _, _| Action::requeue(AFTER_PANIC),
        operations,
        store.clone(),
        queue,
        config,
    );
    drive(results, store, stop).await;
}
