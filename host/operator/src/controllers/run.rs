//! Starts the watches and the controllers, and starts a controller for each kind of runtime when its plugin comes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{FutureExt, Stream, StreamExt};
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use wasser_api::dataset::Dataset;
use wasser_engine::cluster::{Cluster, EngineSettings};
use wasser_engine::error::{EngineError, Retry};
use wasser_engine::labeler::Labeler;
use wasser_engine::ports::{PORTS_ANNOTATION, Ports};
use wasser_plugin::Registry;

use super::late::Late;
use super::named::Followed;
use super::rivals::Rivals;
use super::runtime::Kind;
use super::watches::{self, Audience, Key, Touches};
use super::{dataset, runtime};
use crate::context::Context;
use crate::metrics::Timed;

/// Events within this time lead to one reconcile.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Runs all controllers until told to stop, and then lets the reconciles that are under way finish.
pub async fn run(context: Arc<Context>, stop: CancellationToken) -> anyhow::Result<()> {
    let touches = Arc::new(Touches::default());
    let dataset_touches = touches.subscribe(Audience::All);
    let caches = watches::start(&context.client, &touches, &stop);
    let labeler = Labeler::new(
        context.client.clone(),
        caches.nodes.clone(),
        context.settings.excluded_nodes.clone(),
    );
    let settings = EngineSettings {
        mount_root: context.settings.mount_root.clone(),
        sync_period: context.settings.sync_period,
    };
    let cluster = Arc::new(Cluster::new(
        context.client.clone(),
        caches.clone(),
        labeler.clone(),
        context.renderer.clone(),
        settings,
    ));
    watches::synced(&caches).await?;
    context.health.caches_synced();
    if !context.wait_until_leading(&stop).await {
        return Ok(());
    }

    let mut tasks = JoinSet::new();
    let (labels, nodes, labels_stop) = (labeler.clone(), touches.clone(), stop.clone());
    tasks.spawn(async move {
        let follow = async {
            loop {
                nodes.node_changed().await;
                labels.nodes_changed();
            }
        };
        tokio::select! { () = follow => {}, () = labels.run(labels_stop) => {} }
    });
    let rivals = Arc::new(Rivals::default());
    let touched = touches.subscribe(Audience::All);
    tasks.spawn(pass_on(cluster.clone(), touches.clone(), touched, stop.clone()));
    tasks.spawn(run_datasets(
        context.clone(),
        cluster.clone(),
        rivals.clone(),
        dataset_touches,
        stop.clone(),
    ));
    let mut followed = Followed::new(context.client.clone(), caches.named.clone(), rivals.clone(), stop.clone());
    let mut kinds = context.kinds.clone();
    let mut started: BTreeMap<String, tokio::sync::mpsc::UnboundedSender<Key>> = BTreeMap::new();
    let mut digests: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let served = kinds.borrow_and_update().clone();
        for kind in served {
            let name = kind.resource.kind.clone();
            if !started.contains_key(&name) {
                let (wake, woken) = tokio::sync::mpsc::unbounded_channel();
                started.insert(name.clone(), wake.clone());
                tracing::info!(kind = name, "serving a kind of runtime");
                let touched = touches.subscribe(Audience::Runtimes);
                tasks.spawn(run_kind(
                    context.clone(),
                    cluster.clone(),
                    kind.resource.clone(),
                    rivals.clone(),
                    touched,
                    wake,
                    woken,
                    stop.clone(),
                ));
            } else if digests.get(&name) != Some(&kind.digest) {
                // Another plugin may want other values: everything of the kind is looked at again.
                rivals.each(&name, |key| drop(started.get(&name).map(|wake| wake.send(key))));
            }
            if let (Some(plugin), Some(wake)) = (context.registry.get(&name), started.get(&name)) {
                followed.follow(&plugin, wake);
            }
            digests.insert(name, kind.digest);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = kinds.changed() => if changed.is_err() { break },
        }
    }
    stop.cancelled().await;
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn run_datasets(
    context: Arc<Context>,
    cluster: Arc<Cluster>,
    runtimes: Arc<Rivals>,
    touched: tokio::sync::mpsc::UnboundedReceiver<Key>,
    stop: CancellationToken,
) {
    let started = Instant::now();
    let store = cluster.caches.datasets.clone();
    let present: Vec<Key> = store
        .state()
        .iter()
        .map(|dataset| (dataset.namespace().unwrap_or_default(), dataset.name_any()))
        .collect();
    let keys = futures::stream::iter(present).chain(UnboundedReceiverStream::new(touched));
    let queue = keys.map(|(namespace, name)| Ok::<_, watcher::Error>(ObjectRef::<Dataset>::new(&name).within(&namespace)));
    let queue = queue.take_until(stop.cancelled_owned());
    let (metrics, registry) = (context.metrics.clone(), context.registry.clone());
    let reconcile = move |dataset: Arc<Dataset>, cluster: Arc<Cluster>| {
        let metrics = metrics.clone();
        // Right after the start, runtimes may be there that no watch has shown yet.
        let alone = !runtimes.has(&dataset.namespace().unwrap_or_default(), &dataset.name_any());
        let alone = alone.then(|| started.elapsed());
        let registry = registry.clone();
        async move {
            let timer = metrics.start_reconcile("Dataset");
            let outcome = dataset::reconcile(dataset, &cluster, alone, || references(&registry)).await;
            timer.end(outcome.as_ref().err().map(EngineError::label));
            outcome
        }
        .boxed()
    };
    let config = Config::default().debounce(DEBOUNCE).concurrency(context.settings.workers);
    let results = applier(
        reconcile,
        |dataset, error, _| after(&format!("Dataset {}", dataset.name_any()), error),
        cluster,
        store,
        queue,
        config,
    );
    results.for_each(|_| std::future::ready(())).await;
}

/// The kind that stands for Datasets which refer to others.
fn references(registry: &Registry) -> Option<ApiResource> {
    let all = registry.all();
    let plugin = all.iter().find(|plugin| runtime::serves_references(plugin))?;
    let description = &plugin.description;
    let kind = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, &description.kind);
    Some(ApiResource::from_gvk_with_plural(&kind, &description.plural))
}

/// Passes changes of a Dataset on to those that refer to it.
async fn pass_on(cluster: Arc<Cluster>, touches: Arc<Touches>, mut touched: UnboundedReceiver<Key>, stop: CancellationToken) {
    while let Some(Some(key)) = stop.run_until_cancelled(touched.recv()).await {
        for from in cluster.references.to(&key) {
            touches.touch(from, Audience::Runtimes);
        }
    }
}

/// What follows a failed reconcile of a Dataset.
fn after(what: &str, error: &EngineError) -> Action {
    tracing::warn!(what, %error, "the reconcile failed");
    match error.retry() {
        Retry::AwaitChange => Action::await_change(),
        Retry::After(pause) => Action::requeue(pause),
        Retry::Backoff => Action::requeue(Duration::from_secs(5)),
    }
}

#[allow(clippy::too_many_arguments)]
async fn run_kind(
    context: Arc<Context>,
    cluster: Arc<Cluster>,
    resource: ApiResource,
    rivals: Arc<Rivals>,
    touched: tokio::sync::mpsc::UnboundedReceiver<Key>,
    wake: tokio::sync::mpsc::UnboundedSender<Key>,
    woken: tokio::sync::mpsc::UnboundedReceiver<Key>,
    stop: CancellationToken,
) {
    let writer = reflector::store::Writer::<DynamicObject>::new(resource.clone());
    let store = writer.as_reader();
    rivals.add(&resource, store.clone());
    let api = Api::<DynamicObject>::all_with(context.client.clone(), &resource);
    let objects = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(watches::slim)
        .reflect(writer);
    let (touch_resource, kind_name) = (resource.clone(), resource.kind.clone());
    let keys = futures::stream::select(UnboundedReceiverStream::new(touched), UnboundedReceiverStream::new(woken));
    let keys = keys.map(move |(namespace, name)| ObjectRef::<DynamicObject>::new_with(&name, touch_resource.clone()).within(&namespace));
    let queue = futures::stream::select(changes(objects, resource.clone(), cluster.ports.clone()), keys)
        .map(Ok::<_, watcher::Error>)
        .take_until(stop.clone().cancelled_owned());

    let registry = context.registry.clone();
    let plugin_kind = resource.kind.clone();
    let (timed, timed_kind) = (context.metrics.clone(), resource.kind.clone());
    let kind = Arc::new(Kind {
        cluster,
        resource,
        plugin: Box::new(move || registry.get(&plugin_kind)),
        wake: Arc::new(move |namespace, name| drop(wake.send((namespace.to_owned(), name.to_owned())))),
        rivals,
        metrics: context.metrics.clone(),
        dress: Arc::new(move |methods| Box::new(Timed::new(methods, &timed_kind, timed.clone()))),
        failures: Mutex::new(HashMap::new()),
    });
    let metrics = context.metrics.clone();
    let late = Arc::new(Late::new(stop));
    let reconcile = move |object: Arc<DynamicObject>, kind: Arc<Kind>| {
        let (metrics, name, late) = (metrics.clone(), kind_name.clone(), late.clone());
        async move {
            let (uid, deleted) = (object.uid().unwrap_or_default(), object.metadata.deletion_timestamp.is_some());
            let (wake, key) = (kind.wake.clone(), (object.namespace().unwrap_or_default(), object.name_any()));
            let work = || async move {
                let timer = metrics.start_reconcile(&name);
                let outcome = runtime::reconcile(object, kind).await;
                timer.end(outcome.as_ref().err().map(EngineError::label));
                outcome
            };
            late.run(&uid, deleted, move || wake(&key.0, &key.1), work).await
        }
        .boxed()
    };
    let config = Config::default().debounce(DEBOUNCE).concurrency(context.settings.workers);
    let results = applier(
        reconcile,
        |_, _, _| Action::requeue(Duration::from_secs(5)),
        kind,
        store,
        queue,
        config,
    );
    results.for_each(|_| std::future::ready(())).await;
}

/// The runtimes that a watch tells about. Their ports are taken from then on: after a start, before the first of them is reconciled.
fn changes<S>(stream: S, resource: ApiResource, ports: Arc<Ports>) -> impl Stream<Item = ObjectRef<DynamicObject>>
where
    S: Stream<Item = Result<Event<DynamicObject>, watcher::Error>>,
{
    stream.filter_map(move |event| {
        let key = match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => {
                let recorded = object.annotations().get(PORTS_ANNOTATION).map(String::as_str);
                ports.record(&object.uid().unwrap_or_default(), recorded);
                Some(ObjectRef::from_obj_with(&object, resource.clone()))
            }
            Ok(Event::Delete(object)) => {
                ports.release(&object.uid().unwrap_or_default());
                Some(ObjectRef::from_obj_with(&object, resource.clone()))
            }
            Ok(Event::Init | Event::InitDone) => None,
            Err(error) => {
                tracing::warn!(kind = resource.kind, %error, "the watch was interrupted; it starts again");
                None
            }
        };
        std::future::ready(key)
    })
}
