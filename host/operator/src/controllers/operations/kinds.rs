//! The watches of operations and of what they run, and the controller of each kind whose definition
//! is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::{ObjectKey, labels};
use wasser_engine::operations::Operation;
use wasser_engine::operations::operation::resource;
use wasser_engine::{Backoff, EngineError, Retry, Shared, Wake};
use wasser_plugin::Observer;

use super::claims::Claims;
use super::{conclusion, reconcile, registry};
use crate::context::Context;
use crate::controllers::next::{DEBOUNCE, Next, PANICKED};
use crate::controllers::runtime_index::RuntimeIndex;
use crate::controllers::watches::slim;

/// The pauses between tries of a step that fails.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
};
/// How long a reconcile may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// The pause after a reconcile that panicked.
const AFTER_PANIC: Duration = Duration::from_secs(60);
/// How long the watches may take to show what was installed.
const SHOWN: Duration = Duration::from_secs(30);
/// How long reconciles wait for the first lists after a start.
const FIRST_LISTS: Duration = Duration::from_secs(30);

/// What the controllers of all kinds share.
pub struct Operations {
    /// What all controllers share.
    pub context: Arc<Context>,
    /// The engine's.
    pub shared: Arc<Shared>,
    /// The runtimes of all kinds.
    pub runtimes: Arc<RuntimeIndex>,
    /// Who works on which Dataset.
    pub claims: Claims,
    jobs: Store<Job>,
    cron_jobs: Store<CronJob>,
    kinds: RwLock<BTreeMap<OperationKind, KindOf>>,
    /// When something was installed for an operation whose Job no watch has shown yet, by UID.
    installed: Mutex<HashMap<String, Instant>>,
    failures: Mutex<HashMap<String, u32>>,
    /// Datasets whose `operationRef` may have to change.
    shown: UnboundedSender<ObjectKey>,
    /// What has been listed: kinds, Jobs and CronJobs.
    listed: watch::Sender<BTreeSet<String>>,
}

struct KindOf {
    store: Store<DynamicObject>,
    wake: UnboundedSender<ObjectKey>,
    stop: CancellationToken,
}

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
        jobs,
        cron_jobs,
        kinds: RwLock::default(),
        installed: Mutex::default(),
        failures: Mutex::default(),
        shown,
        listed: watch::Sender::default(),
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

    let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(operations.shared.client.clone());
    let crds = watcher(api, watcher::Config::default()).default_backoff();
    let mut crds = std::pin::pin!(crds.take_until(stop.clone().cancelled_owned()));
    while let Some(event) = crds.next().await {
        match event {
            Ok(Event::Apply(crd) | Event::InitApply(crd)) => {
                if let Some(kind) = kind_of(&crd.name_any()) {
                    operations.start(kind, &stop);
                }
            }
            Ok(Event::Delete(crd)) => {
                let removed = kind_of(&crd.name_any()).and_then(|kind| operations.kinds.write().remove(&kind));
                if let Some(removed) = removed {
                    removed.stop.cancel();
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
    let config = watcher::Config::default().labels(labels::DATASET_ID);
    let api = Api::<K>::all(operations.shared.client.clone());
    let events = watcher(api, config).default_backoff().modify(slim).reflect(writer);
    let mut events = std::pin::pin!(events.take_until(stop.cancelled_owned()));
    let kind = K::kind(&());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object)) => operations.wake_owner(&object),
            Ok(Event::Delete(object)) => {
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
    operations.wait_until_listed().await;
    // What was noted of operations that ended while nobody looked.
    for dataset in operations.shared.caches.datasets.state() {
        if dataset
            .status
            .as_ref()
            .is_some_and(|status| !status.operation_ref.is_empty())
        {
            let _ = operations.shown.send(ObjectKey::of(&*dataset));
        }
    }
    while let Some(Some(key)) = stop.run_until_cancelled(touched.recv()).await {
        let mut any = false;
        for (kind, object) in operations.all() {
            if conclusion::phase(&object).is_finished() {
                continue;
            }
            let about = Operation::read(kind, object.clone()).is_ok_and(|read| read.datasets().contains(&key));
            if about {
                any = true;
                operations.wake(kind, ObjectKey::of(&*object));
            }
        }
        let shows = operations.shared.caches.dataset(&key.namespace, &key.name);
        let shows = shows.is_some_and(|dataset| {
            dataset
                .status
                .as_ref()
                .is_some_and(|status| !status.operation_ref.is_empty())
        });
        if any || shows {
            let _ = operations.shown.send(key);
        }
    }
}

impl Operations {
    fn start(self: &Arc<Self>, kind: OperationKind, stop: &CancellationToken) {
        let mut kinds = self.kinds.write();
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
        let control = control(self.clone(), kind, writer, woken, stop.clone());
        let supervisor = &self.context.health.supervisor;
        supervisor.spawn(&format!("the controller of {kind}s"), &stop, control);
    }

    fn note_listed(&self, what: &str) {
        self.listed.send_if_modified(|listed| listed.insert(what.to_owned()));
    }

    /// Waits until what executes is known. Without, what excludes each other might run together.
    async fn wait_until_listed(&self) {
        let mut listed = self.listed.subscribe();
        let is_complete = |listed: &BTreeSet<String>| {
            let kinds = self.kinds.read();
            let mut needed = vec!["kinds", "Job", "CronJob"];
            needed.extend(kinds.keys().map(|kind| kind.as_str()));
            needed.into_iter().all(|what| listed.contains(what))
        };
        let complete = listed.wait_for(is_complete);
        if tokio::time::timeout(FIRST_LISTS, complete).await.is_err() {
            tracing::warn!("the operations are not all listed yet; they are looked at nevertheless");
        }
    }

    /// An operation as its watch shows it.
    pub fn object(&self, kind: OperationKind, key: &ObjectKey) -> Option<Arc<DynamicObject>> {
        let kinds = self.kinds.read();
        let store = &kinds.get(&kind)?.store;
        store.get(&ObjectRef::new_with(&key.name, resource(kind)).within(&key.namespace))
    }

    /// All operations.
    pub fn all(&self) -> Vec<(OperationKind, Arc<DynamicObject>)> {
        let kinds = self.kinds.read();
        let of = |(kind, of): (&OperationKind, &KindOf)| {
            let kind = *kind;
            of.store.state().into_iter().map(move |object| (kind, object))
        };
        kinds.iter().flat_map(of).collect()
    }

    /// The Job of this name.
    pub fn job(&self, namespace: &str, name: &str) -> Option<Arc<Job>> {
        self.jobs.get(&ObjectRef::new(name).within(namespace))
    }

    /// The CronJob of this name.
    pub fn cron_job(&self, namespace: &str, name: &str) -> Option<Arc<CronJob>> {
        self.cron_jobs.get(&ObjectRef::new(name).within(namespace))
    }

    /// The newest Job that a CronJob has made.
    pub fn newest_job(&self, schedule: &CronJob) -> Option<Arc<Job>> {
        let uid = schedule.uid()?;
        let own = |job: &Arc<Job>| job.owner_references().iter().any(|owner| owner.uid == uid);
        let jobs = self.jobs.state().into_iter().filter(own);
        jobs.max_by_key(|job| (job.creation_timestamp().map(|at| at.0), job.name_any()))
    }

    /// Notes that something is about to be installed for an operation.
    pub fn note_install(&self, object: &DynamicObject) {
        let mut installed = self.installed.lock();
        installed.retain(|_, since| since.elapsed() < SHOWN);
        installed.insert(object.uid().unwrap_or_default(), Instant::now());
    }

    /// Whether something was installed that no watch need have shown yet.
    pub fn has_installed(&self, object: &DynamicObject) -> bool {
        let installed = self.installed.lock();
        let since = installed.get(&object.uid().unwrap_or_default());
        since.is_some_and(|since| since.elapsed() < SHOWN)
    }

    /// Forgets that.
    pub fn forget_install(&self, object: &DynamicObject) {
        self.installed.lock().remove(&object.uid().unwrap_or_default());
    }

    /// Whether another operation runs after this one and has not noticed yet that it is complete.
    pub fn is_awaited(&self, operation: &Operation) -> bool {
        if operation.status.phase != OperationPhase::Complete {
            return false;
        }
        let own = (operation.kind, operation.key());
        self.all().into_iter().any(|(kind, object)| {
            object.metadata.deletion_timestamp.is_none()
                && Operation::read(kind, object).is_ok_and(|read| {
                    read.awaits_other() && !read.status.phase.is_finished() && read.predecessor().as_ref() == Some(&own)
                })
        })
    }

    /// Measures the calls of the plugin of a kind of runtime.
    pub fn observer(&self, kind: &str) -> Observer {
        let (metrics, kind) = (self.context.metrics.clone(), kind.to_owned());
        Arc::new(move |method, took, error| metrics.called(&kind, method, took, error))
    }

    /// Asks for a reconcile of an operation, later.
    pub fn waker(self: &Arc<Self>, kind: OperationKind, key: ObjectKey) -> Wake {
        let operations = Arc::downgrade(self);
        Arc::new(move || {
            if let Some(operations) = operations.upgrade() {
                operations.wake(kind, key.clone());
            }
        })
    }

    fn wake(&self, kind: OperationKind, key: ObjectKey) {
        if let Some(of) = self.kinds.read().get(&kind) {
            // One that no longer listens is being stopped.
            let _ = of.wake.send(key);
        }
    }

    fn wake_all(&self) {
        for (kind, object) in self.all() {
            self.wake(kind, ObjectKey::of(&*object));
        }
    }

    /// Wakes the operation that a Job or CronJob belongs to.
    fn wake_owner(&self, object: &impl ResourceExt) {
        let namespace = object.namespace().unwrap_or_default();
        for owner in object.owner_references() {
            if let Some(kind) = OperationKind::ALL.into_iter().find(|kind| kind.as_str() == owner.kind) {
                self.wake(kind, ObjectKey::new(&namespace, &owner.name));
            } else if owner.kind == "CronJob"
                && let Some(schedule) = self.cron_job(&namespace, &owner.name)
            {
                self.wake_owner(&*schedule);
            }
        }
    }

    /// Wakes the operations that may go on because of another one: those on its Datasets, and those
    /// that run after it.
    pub fn wake_others(&self, operation: &Operation) {
        let (datasets, own) = (operation.datasets(), (operation.kind, operation.key()));
        for (kind, object) in self.all() {
            let key = ObjectKey::of(&*object);
            if (kind, &key) == (own.0, &own.1) || conclusion::phase(&object).is_finished() {
                continue;
            }
            let Ok(other) = Operation::read(kind, object) else {
                continue;
            };
            let shares = other.datasets().iter().any(|dataset| datasets.contains(dataset));
            if shares || other.predecessor().as_ref() == Some(&own) {
                self.wake(kind, key);
            }
        }
        for dataset in datasets {
            let _ = self.shown.send(dataset);
        }
    }

    fn changed(&self, kind: OperationKind, object: Arc<DynamicObject>) {
        if let Ok(operation) = Operation::read(kind, object) {
            self.wake_others(&operation);
        }
    }

    fn gone(&self, kind: OperationKind, object: DynamicObject) {
        let uid = object.uid().unwrap_or_default();
        self.failures.lock().remove(&uid);
        self.installed.lock().remove(&uid);
        self.claims.give_up(&uid);
        self.shared.forget(&uid);
        self.changed(kind, Arc::new(object));
    }

    fn backoff(&self, uid: &str) -> Next {
        let mut failures = self.failures.lock();
        let count = failures.entry(uid.to_owned()).or_default();
        *count += 1;
        Next::After(PAUSES.after(*count - 1))
    }

    /// When an operation is looked at again after a reconcile.
    fn next(&self, uid: &str, outcome: Result<Next, EngineError>) -> Next {
        match outcome.map_err(|error| error.retry()) {
            Ok(next) => {
                self.failures.lock().remove(uid);
                next
            }
            Err(Retry::AwaitChange) => Next::Change,
            Err(Retry::After(pause)) => Next::After(pause),
            Err(Retry::Backoff) => self.backoff(uid),
        }
    }
}

/// The phases that were last seen, by which it is known what has changed.
type Seen = HashMap<ObjectKey, (String, OperationPhase)>;

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
    let objects = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(slim)
        .reflect(writer);
    let (following, listed) = (operations.clone(), store.clone());
    let mut seen = Seen::new();
    let objects = objects.filter_map(move |event| {
        let keys: Vec<ObjectKey> = match event {
            Ok(Event::Apply(object)) => {
                let key = ObjectKey::of(&object);
                let object = Arc::new(object);
                let now = (object.uid().unwrap_or_default(), conclusion::phase(&object));
                if seen.insert(key.clone(), now.clone()) != Some(now) {
                    following.changed(kind, object);
                }
                vec![key]
            }
            Ok(Event::Delete(object)) => {
                seen.remove(&ObjectKey::of(&object));
                following.gone(kind, object);
                Vec::new()
            }
            Ok(Event::InitDone) => {
                following.note_listed(kind.as_str());
                listed.state().iter().map(|object| ObjectKey::of(&**object)).collect()
            }
            Ok(Event::Init | Event::InitApply(_)) => Vec::new(),
            Err(error) => {
                tracing::warn!(%kind, %error, "the watch was interrupted; it starts again");
                Vec::new()
            }
        };
        std::future::ready((!keys.is_empty()).then_some(keys))
    });
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
        let operations = operations.clone();
        async move { operations.wait_until_listed().await }.boxed().shared()
    };
    let config = Config::default()
        .debounce(DEBOUNCE)
        .concurrency(operations.context.settings.workers);
    let reconcile = move |object: Arc<DynamicObject>, operations: Arc<Operations>| {
        let ready = ready.clone();
        async move {
            ready.await;
            let (metrics, supervisor) = (
                operations.context.metrics.clone(),
                operations.context.health.supervisor.clone(),
            );
            let uid = object.uid().unwrap_or_default();
            let what = format!("the reconcile of {kind} {}", ObjectKey::of(&*object));
            let timer = metrics.start_reconcile(kind.as_str());
            let work = tokio::time::timeout(DEADLINE, reconcile::reconcile(&operations, kind, object)).boxed();
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
        store,
        queue,
        config,
    );
    results.for_each(|_| std::future::ready(())).await;
}
