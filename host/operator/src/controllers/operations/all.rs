//! What the controllers of all kinds share: what is watched, and who is woken by what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_engine::operations::Operation;
use wasser_engine::operations::operation::resource;
use wasser_engine::{EngineError, Shared, Wake};
use wasser_plugin::Observer;

use super::claims::Claims;
use super::index::{Id, Index};
use super::progress::seen::Progress;
use crate::context::Context;
use crate::controllers::next::Next;
use crate::controllers::pauses::Failures;
use crate::controllers::runtime_index::RuntimeIndex;

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
    /// How far what runs is.
    pub progress: Progress,
    /// What has not ended, by what others ask about it.
    pub index: Index,
    pub(super) jobs: Store<Job>,
    pub(super) cron_jobs: Store<CronJob>,
    pub(super) kinds: RwLock<BTreeMap<OperationKind, KindOf>>,
    /// When something was installed for an operation whose Job no watch has shown yet, by UID.
    pub(super) installed: Mutex<HashMap<String, Instant>>,
    pub(super) failures: Failures,
    /// Datasets whose `operationRef` may have to change.
    pub(super) shown: UnboundedSender<ObjectKey>,
    /// What has been listed: kinds, Jobs and CronJobs.
    pub(super) listed: watch::Sender<BTreeSet<String>>,
}

/// The controller of one kind.
pub(super) struct KindOf {
    pub(super) store: Store<DynamicObject>,
    pub(super) wake: UnboundedSender<ObjectKey>,
    pub(super) stop: CancellationToken,
}

impl Operations {
    pub(super) fn note_listed(&self, what: &str) {
        self.listed.send_if_modified(|listed| listed.insert(what.to_owned()));
    }

    /// Waits until what executes is known. Without, what excludes each other might run together.
    pub(super) async fn wait_until_listed(&self) {
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

    /// Whether another operation runs after this one and has not noticed yet that it has ended.
    pub fn is_awaited(&self, operation: &Operation) -> bool {
        let phase = &operation.status.phase;
        let has_failed = *phase == OperationPhase::Failed;
        phase.is_finished() && self.index.is_awaited(&(operation.kind, operation.key()), has_failed)
    }

    /// Gives up what an operation claims, and wakes the operations that wait for it.
    pub fn let_go(&self, uid: &str) {
        for (kind, key) in self.claims.give_up(uid) {
            self.wake(kind, key);
        }
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

    pub(super) fn wake(&self, kind: OperationKind, key: ObjectKey) {
        if let Some(of) = self.kinds.read().get(&kind) {
            // One that no longer listens is being stopped.
            let _ = of.wake.send(key);
        }
    }

    pub(super) fn wake_all(&self) {
        for (kind, object) in self.all() {
            self.wake(kind, ObjectKey::of(&*object));
        }
    }

    /// Wakes the operation that a Job or CronJob belongs to.
    pub(super) fn wake_owner(&self, object: &impl ResourceExt) {
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
        let sharing = datasets.iter().map(|dataset| self.index.on(dataset));
        let mut others: BTreeSet<Id> = sharing.chain([self.index.after(&own)]).flatten().collect();
        others.remove(&own);
        for (kind, key) in others {
            self.wake(kind, key);
        }
        for dataset in datasets {
            let _ = self.shown.send(dataset);
        }
    }

    /// Notes an operation as its watch shows it.
    pub(super) fn note(&self, kind: OperationKind, object: &Arc<DynamicObject>) {
        match Operation::read(kind, object.clone()) {
            Ok(operation) => self.index.note(&operation),
            Err(_) => self.index.remove(&(kind, ObjectKey::of(&**object))),
        }
    }

    pub(super) fn changed(&self, kind: OperationKind, object: Arc<DynamicObject>) {
        if let Ok(operation) = Operation::read(kind, object) {
            self.wake_others(&operation);
        }
    }

    pub(super) fn gone(&self, kind: OperationKind, object: Arc<DynamicObject>) {
        let uid = object.uid().unwrap_or_default();
        // One of the same name may be there already, which was noted then.
        if self.object(kind, &ObjectKey::of(&*object)).is_none() {
            self.index.remove(&(kind, ObjectKey::of(&*object)));
        }
        self.failures.forget(&uid);
        self.installed.lock().remove(&uid);
        self.let_go(&uid);
        self.shared.forget(&uid);
        self.changed(kind, object);
    }

    /// When an operation is looked at again after a reconcile.
    pub(super) fn next(&self, uid: &str, outcome: Result<Next, EngineError>) -> Next {
        match outcome.map_err(|error| error.retry()) {
            Ok(next) => {
                self.failures.forget(uid);
                next
            }
            Err(retry) => self.failures.pause(uid, retry),
        }
    }
}
