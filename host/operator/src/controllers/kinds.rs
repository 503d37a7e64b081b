//! One controller for each kind of runtime: it starts when the kind can be served, and ends when it
//! no longer can.
//!
//! A kind that comes back gets a new controller, whose first list leads to a reconcile of every
//! runtime. So nothing that happened in between is missed, and nothing of a former registration is
//! left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt};
use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource, ResourceExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_engine::{RuntimeObject, Shared, mapped};

use super::change_bus::{Audience, ChangeBus};
use super::cluster_objects::ClusterObjectWatches;
use super::drive::drive;
use super::next::{DEBOUNCE, PANICKED};
use super::overtime::{Overtime, Reconciled};
use super::pauses::Failures;
use super::runtime::{self, RuntimeController};
use super::runtime_changes::{Known, changes};
use super::runtime_index::RuntimeIndex;
use super::watches;
use crate::context::{Context, ServedKind};
use crate::unlisted;

/// The controllers that run, by kind.
pub struct Kinds {
    context: Arc<Context>,
    shared: Arc<Shared>,
    runtimes: Arc<RuntimeIndex>,
    change_bus: Arc<ChangeBus>,
    object_watches: ClusterObjectWatches,
    running: BTreeMap<String, Running>,
    /// Controllers that were asked to end, by kind: the next one of a kind waits for the former.
    ending: BTreeMap<String, JoinHandle<()>>,
    /// By kind, also by those that are no longer served.
    known: BTreeMap<String, Known>,
    stop: CancellationToken,
}

struct Running {
    served: ServedKind,
    wake: UnboundedSender<ObjectKey>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Kinds {
    /// None yet. All end with `stop`.
    pub fn new(
        context: Arc<Context>,
        shared: Arc<Shared>,
        runtimes: Arc<RuntimeIndex>,
        change_bus: Arc<ChangeBus>,
        stop: CancellationToken,
    ) -> Self {
        let object_watches = ClusterObjectWatches::new(
            context.client.clone(),
            shared.caches.cluster_objects.clone(),
            runtimes.clone(),
            context.health.supervisor.clone(),
            stop.clone(),
        );
        Self {
            context,
            shared,
            runtimes,
            change_bus,
            object_watches,
            running: BTreeMap::new(),
            ending: BTreeMap::new(),
            known: BTreeMap::new(),
            stop,
        }
    }

    /// Serves exactly these kinds from now on.
    pub fn serve(&mut self, served: Vec<ServedKind>) {
        let wanted: BTreeSet<&str> = served.iter().map(|kind| kind.resource.kind.as_str()).collect();
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|kind| !wanted.contains(kind.as_str()))
            .cloned()
            .collect();
        gone.iter().for_each(|kind| self.end(kind));
        for kind in served {
            let name = kind.resource.kind.clone();
            if self
                .running
                .get(&name)
                .is_some_and(|running| running.served.resource != kind.resource)
            {
                self.end(&name);
            }
            if let Some(plugin) = self.context.registry.get(&name) {
                let rollouts = &self.shared.rollouts;
                rollouts.serve(&name, &plugin.registration, &plugin.build);
            }
            match self.running.get_mut(&name) {
                None => self.start(kind),
                Some(running) if running.served.digest != kind.digest => {
                    // Another plugin may want other values: every runtime of the kind is
                    // reconciled.
                    self.runtimes.each(&name, |key| drop(running.wake.send(key)));
                    running.served = kind;
                }
                Some(_) => {}
            }
            if let (Some(plugin), Some(running)) = (self.context.registry.get(&name), self.running.get(&name)) {
                self.object_watches.follow(&plugin, &running.wake);
            }
        }
    }

    /// Waits until all have ended, after they were asked to.
    pub async fn ended(self) {
        let running = self.running.into_values().map(|running| running.task);
        for task in running.chain(self.ending.into_values()) {
            if let Err(error) = task.await {
                tracing::error!(%error, "the controller of a kind of runtime failed");
            }
        }
    }

    fn start(&mut self, served: ServedKind) {
        let name = served.resource.kind.clone();
        tracing::info!(kind = name, "serving a kind of runtime");
        self.context.left.forget(&name);
        let (wake, woken) = unbounded_channel();
        let stop = self.stop.child_token();
        let controller = Controller {
            context: self.context.clone(),
            shared: self.shared.clone(),
            resource: served.resource.clone(),
            runtimes: self.runtimes.clone(),
            change_bus: self.change_bus.clone(),
            known: self.known.entry(name.clone()).or_default().clone(),
            wake: wake.clone(),
            stop: stop.clone(),
        };
        let (before, touched) = (self.ending.remove(&name), self.change_bus.subscribe(Audience::Runtimes));
        let serve = async move {
            if let Some(before) = before {
                // If it failed, the process ends anyway.
                let _ = before.await;
            }
            controller.run(touched, woken).await;
        };
        let supervisor = &self.context.health.supervisor;
        let task = supervisor.spawn(&format!("the controller of {name}s"), &stop, serve);
        self.running.insert(
            name,
            Running {
                served,
                wake,
                stop,
                task,
            },
        );
    }

    fn end(&mut self, kind: &str) {
        let Some(running) = self.running.remove(kind) else {
            return;
        };
        tracing::info!(kind, "no longer serving a kind of runtime");
        running.stop.cancel();
        let left = self.runtimes.all(kind);
        self.runtimes.remove(kind);
        let resource = &running.served.resource;
        let references = left.iter().map(|runtime| runtime.object_ref(resource)).collect();
        self.context.left.behind(kind, references);
        self.context.unlisted.forget(kind);
        self.shared.rollouts.end(kind);
        // A younger runtime of the same name may wait for one of these, and a Dataset says that nobody
        // serves it.
        for runtime in left {
            self.change_bus.touch(ObjectKey::of(&*runtime), Audience::All);
        }
        self.object_watches.forget(kind);
        self.ending.insert(kind.to_owned(), running.task);
    }
}

/// The controller of one kind.
struct Controller {
    context: Arc<Context>,
    shared: Arc<Shared>,
    resource: ApiResource,
    runtimes: Arc<RuntimeIndex>,
    change_bus: Arc<ChangeBus>,
    known: Known,
    wake: UnboundedSender<ObjectKey>,
    stop: CancellationToken,
}

impl Controller {
    async fn run(self, touched: UnboundedReceiver<ObjectKey>, woken: UnboundedReceiver<ObjectKey>) {
        let Self {
            context,
            shared,
            resource,
            runtimes,
            change_bus,
            known,
            wake,
            stop,
        } = self;
        let writer = reflector::store::Writer::<RuntimeObject>::new(resource.clone());
        let store = writer.as_reader();
        runtimes.add(&resource, store.clone());
        let api = Api::<DynamicObject>::all_with(context.client.clone(), &resource);
        let objects = unlisted::watch(api)
            .default_backoff()
            .modify(watches::slim)
            .map_ok(|event| mapped(event, RuntimeObject::from))
            .reflect(writer);
        let (first, problems, of_kind) = (runtimes.clone(), context.unlisted.clone(), resource.clone());
        let objects = objects.inspect(move |event| match event {
            Ok(Event::InitDone) => {
                first.listed(&of_kind.kind);
                problems.listed(&of_kind.kind);
            }
            Ok(_) => {}
            Err(error) => problems.failed(&of_kind, error),
        });
        let (touch_resource, kind_name) = (resource.clone(), resource.kind.clone());
        let keys = futures::stream::select(
            UnboundedReceiverStream::new(touched),
            UnboundedReceiverStream::new(woken),
        );
        let keys = keys.map(move |ObjectKey { namespace, name }| {
            ObjectRef::<RuntimeObject>::new_with(&name, touch_resource.clone()).within(&namespace)
        });
        let failures = Arc::<Failures>::default();
        let (threads, paced, paced_kind) = (context.threads.clone(), context.registry.clone(), resource.kind.clone());
        let overtime = Overtime::new(context.settings.workers, stop.clone()).on(move || {
            let takes_much = paced.get(&paced_kind).is_some_and(|plugin| plugin.takes_much());
            threads.behind(takes_much)
        });
        let overtime = Arc::new(overtime);
        let (failing, unfinished) = (failures.clone(), overtime.clone());
        let (counted, gone_kind) = (context.metrics.clone(), resource.kind.clone());
        let gone = move |key: &ObjectKey, uid: &str| {
            failing.forget(uid);
            unfinished.forget(uid);
            counted.gone(&gone_kind, key);
        };
        let objects = changes(objects, resource.clone(), shared.clone(), change_bus, known, gone);
        let queue = futures::stream::select(objects, keys)
            .map(Ok::<_, watcher::Error>)
            .take_until(stop.clone().cancelled_owned());

        let registry = context.registry.clone();
        let plugin_kind = resource.kind.clone();
        let (calls, called_kind) = (context.metrics.clone(), resource.kind.clone());
        let controller = Arc::new(RuntimeController {
            shared,
            resource,
            plugin: Box::new(move || registry.get(&plugin_kind)),
            wake: Arc::new(move |key| drop(wake.send(key))),
            runtimes,
            deadline: context.settings.deadline,
            metrics: context.metrics.clone(),
            observer: Arc::new(move |method, took, error| calls.called(&called_kind, method, took, error)),
            failures,
        });
        let (metrics, supervisor) = (context.metrics.clone(), context.health.supervisor.clone());
        let reconcile = move |object: Arc<RuntimeObject>, controller: Arc<RuntimeController>| {
            let (metrics, name, overtime) = (metrics.clone(), kind_name.clone(), overtime.clone());
            let supervisor = supervisor.clone();
            async move {
                let (uid, namespace) = (object.uid().unwrap_or_default(), object.namespace().unwrap_or_default());
                let deleted = object.metadata.deletion_timestamp.is_some();
                let (wake, key) = (controller.wake.clone(), ObjectKey::of(&*object));
                let what = format!("the reconcile of {name} {key}");
                let work = || async move {
                    let timer = metrics.start_reconcile(&name);
                    let reconcile = runtime::reconcile(object.clone(), controller.clone()).boxed();
                    let next = supervisor.catch(&what, reconcile).await;
                    timer.end(next.is_none().then_some(PANICKED));
                    next.unwrap_or_else(|| controller.failures.backoff(&object.uid().unwrap_or_default()))
                };
                let object = Reconciled {
                    uid: &uid,
                    namespace: &namespace,
                    urgent: deleted,
                };
                let next = overtime.run(object, Arc::new(move || wake(key.clone())), work).await;
                Ok::<_, std::convert::Infallible>(Action::from(next))
            }
            .boxed()
        };
        let config = Config::default()
            .debounce(DEBOUNCE)
            .concurrency(context.settings.workers);
        let results = applier(
            reconcile,
            |_, _, _| Action::requeue(Duration::from_secs(5)),
            controller,
            store.clone(),
            queue,
            config,
        );
        drive(results, store, stop).await;
    }
}
