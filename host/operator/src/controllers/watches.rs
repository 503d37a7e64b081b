//! The watches behind the caches, and who is reconciled when something that is watched changes.

use std::sync::Arc;

use anyhow::Context as _;
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::dataset::{Dataset, Reference};
use wasser_api::{labels, names};
use wasser_chart::Driver;
use wasser_engine::{
    Caches, Changed, NodeChange, PodIndex, Readable, Records, Runtimes, Unreadable, Workload, WorkloadKind,
    helm_records, mapped, slim_metadata, slim_volume,
};

use super::change_bus::{Audience, ChangeBus};
use super::touches::Touches;
use crate::client::watch_config;
use crate::supervisor::Supervisor;

/// What watches need of the process: supervision, and to be stopped.
#[derive(Clone)]
struct Process {
    supervisor: Arc<Supervisor>,
    stop: CancellationToken,
}

impl Process {
    /// Passes on the events of a watch until the process stops.
    fn follow<K, S>(&self, kind: &str, stream: S, mut take: impl FnMut(Event<K>) + Send + 'static)
    where
        K: Send + 'static,
        S: Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    {
        let (stop, named) = (self.stop.clone(), kind.to_owned());
        let follow = async move {
            let mut stream = std::pin::pin!(stream.take_until(stop.cancelled_owned()));
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => take(event),
                    Err(error) => {
                        tracing::warn!(kind = named, %error, "the watch was interrupted; it starts again")
                    }
                }
            }
        };
        self.supervisor
            .spawn(&format!("the watch of {kind}s"), &self.stop, follow);
    }
}

/// Starts all watches. The caches are filled when [`synced`] returns.
pub fn start(
    client: &Client,
    driver: Driver,
    supervisor: &Arc<Supervisor>,
    change_bus: &Arc<ChangeBus>,
    runtimes: Arc<dyn Runtimes>,
    stop: &CancellationToken,
) -> Arc<Caches> {
    let process = Process {
        supervisor: supervisor.clone(),
        stop: stop.clone(),
    };
    let ours = watch_config().labels(labels::DATASET_ID);
    let unreadable = Arc::<Unreadable>::default();
    let datasets = datasets(client, unreadable.clone(), change_bus, &process);
    let claim_key = |claim: &PartialObjectMeta<PersistentVolumeClaim>, _| {
        Some(ObjectKey::new(claim.namespace()?, claim.name_any()))
    };
    let to_runtimes = || (change_bus.clone(), Audience::Runtimes, process.clone());
    let referring = datasets.clone();
    let owners_of_map = move |map: &PartialObjectMeta<ConfigMap>, deleted| {
        let mut concerned = owners(map, deleted);
        if deleted && map.annotations().contains_key(labels::COPY_OF) {
            concerned.extend(references_in(&referring, &map.namespace().unwrap_or_default()));
        }
        concerned
    };
    Arc::new(Caches {
        stateful_sets: workloads::<StatefulSet>(client, &ours, change_bus, &process),
        daemon_sets: workloads::<DaemonSet>(client, &ours, change_bus, &process),
        claims: store(
            watcher(
                Api::<PartialObjectMeta<PersistentVolumeClaim>>::all(client.clone()),
                ours.clone(),
            )
            .modify(|claim| slim_metadata(&mut claim.metadata)),
            (change_bus.clone(), Audience::All, process.clone()),
            claim_key,
        ),
        volumes: store(
            watcher(Api::<PersistentVolume>::all(client.clone()), ours.clone()).modify(slim_volume),
            to_runtimes(),
            |volume: &PersistentVolume, _| volume_datasets(&volume.name_any()),
        ),
        config_maps: store(
            watcher(Api::<PartialObjectMeta<ConfigMap>>::all(client.clone()), ours)
                .modify(|map| slim_metadata(&mut map.metadata)),
            to_runtimes(),
            owners_of_map,
        ),
        nodes: nodes(client, change_bus, &process),
        datasets,
        worker_pods: pods(client, labels::DATASET, |_| true, change_bus, &process),
        other_pods: pods(
            client,
            &format!("{},!{}", labels::DATASET_ID, labels::DATASET),
            |changed| changed.shown,
            change_bus,
            &process,
        ),
        release_secrets: match driver {
            Driver::Secret => releases::<Secret>(client, change_bus, &process),
            Driver::ConfigMap => Arc::new(Records::none()),
        },
        release_config_maps: releases::<ConfigMap>(client, change_bus, &process),
        cluster_objects: Arc::default(),
        unreadable,
        runtimes,
    })
}

/// Waits until every cache holds what the API server has.
pub async fn synced(caches: &Caches) -> anyhow::Result<()> {
    let failed =
        |what: &'static str| move |error| anyhow::anyhow!("the watch of {what} ended before its first list: {error}");
    caches.datasets.wait_until_ready().await.map_err(failed("Datasets"))?;
    caches
        .stateful_sets
        .wait_until_ready()
        .await
        .map_err(failed("StatefulSets"))?;
    caches
        .daemon_sets
        .wait_until_ready()
        .await
        .map_err(failed("DaemonSets"))?;
    caches
        .claims
        .wait_until_ready()
        .await
        .map_err(failed("PersistentVolumeClaims"))?;
    caches
        .volumes
        .wait_until_ready()
        .await
        .map_err(failed("PersistentVolumes"))?;
    caches
        .config_maps
        .wait_until_ready()
        .await
        .map_err(failed("ConfigMaps"))?;
    caches.nodes.wait_until_ready().await.map_err(failed("Nodes"))?;
    let records = "the watch of Helm's records ended before its first list";
    caches.release_secrets.wait_until_ready().await.context(records)?;
    caches.release_config_maps.wait_until_ready().await.context(records)?;
    Ok(())
}

/// Drops what nobody reads and everybody would have to keep.
pub fn slim(object: &mut impl ResourceExt) {
    object.managed_fields_mut().clear();
    object
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// A store behind a watch. Each change touches the dataset that the object belongs to or did, or
/// those that it may belong to; `keys` is given the object, and whether it is gone.
fn store<K, I, S>(
    stream: S,
    to: (Arc<ChangeBus>, Audience, Process),
    keys: impl Fn(&K, bool) -> I + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
    I: IntoIterator<Item = ObjectKey>,
    S: Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
{
    let (reader, writer) = reflector::store();
    fill((reader, writer), stream, to, keys)
}

/// The same for a store that is there.
fn fill<K, I, S>(
    (reader, writer): (Store<K>, Writer<K>),
    stream: S,
    (change_bus, audience, process): (Arc<ChangeBus>, Audience, Process),
    keys: impl Fn(&K, bool) -> I + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
    I: IntoIterator<Item = ObjectKey>,
    S: Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
{
    let touches = Arc::new(Mutex::new(Touches::new(reader.clone(), keys)));
    let before = touches.clone();
    let stream = stream
        .default_backoff()
        .modify(slim)
        .inspect_ok(move |event| before.lock().before(event))
        .reflect(writer);
    process.follow(&K::kind(&()), stream, move |event| {
        let concerned = touches.lock().after(&event);
        concerned.into_iter().for_each(|key| change_bus.touch(key, audience));
    });
    reader
}

/// Workloads of runtimes, of which only what is read is kept.
fn workloads<K>(
    client: &Client,
    ours: &watcher::Config,
    change_bus: &Arc<ChangeBus>,
    process: &Process,
) -> Store<Workload<K>>
where
    K: WorkloadKind + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let (reader, writer) = reflector::store::<Workload<K>>();
    let known = reader.clone();
    let keep = move |workload: K| {
        let before = known.get(&ObjectRef::new(&workload.name_any()).within(&workload.namespace().unwrap_or_default()));
        Workload::of(workload, before.as_deref())
    };
    let stream = watcher(Api::<K>::all(client.clone()), ours.clone()).map_ok(move |event| mapped(event, &keep));
    let to_runtimes = (change_bus.clone(), Audience::Runtimes, process.clone());
    fill((reader, writer), stream, to_runtimes, owners)
}

/// Datasets, also those that do not parse.
fn datasets(
    client: &Client,
    unreadable: Arc<Unreadable>,
    change_bus: &Arc<ChangeBus>,
    process: &Process,
) -> Store<Dataset> {
    let stream = watcher(Api::<Readable>::all(client.clone()), watch_config());
    let stream = stream.map_ok(move |event| parsed(event, &unreadable));
    let to_all = (change_bus.clone(), Audience::All, process.clone());
    store(stream, to_all, |dataset: &Dataset, deleted| {
        let ObjectKey { namespace, name } = ObjectKey::of(dataset);
        // One that is gone leaves its names to whoever waits for them.
        if deleted {
            volume_datasets(&names::persistent_volume(&namespace, &name))
        } else {
            vec![ObjectKey::new(namespace, name)]
        }
    })
}

fn parsed(event: Event<Readable>, unreadable: &Unreadable) -> Event<Dataset> {
    match event {
        Event::Apply(object) => Event::Apply(unreadable.note(object)),
        Event::InitApply(object) => Event::InitApply(unreadable.note(object)),
        Event::Delete(object) => {
            unreadable.forget(&object.uid().unwrap_or_default());
            Event::Delete(object.dataset)
        }
        Event::Init => {
            unreadable.begin_list();
            Event::Init
        }
        Event::InitDone => {
            unreadable.end_list();
            Event::InitDone
        }
    }
}

fn nodes(client: &Client, change_bus: &Arc<ChangeBus>, process: &Process) -> Store<PartialObjectMeta<Node>> {
    let (reader, writer) = reflector::store();
    let change_bus = change_bus.clone();
    let stream = watcher(Api::<PartialObjectMeta<Node>>::all(client.clone()), watch_config())
        .default_backoff()
        .modify(slim)
        .reflect(writer);
    process.follow("Node", stream, move |event| match event {
        Event::Apply(node) | Event::Delete(node) => change_bus.node_changed(NodeChange::One(node.name_any())),
        Event::InitDone => change_bus.node_changed(NodeChange::All),
        Event::Init | Event::InitApply(_) => {}
    });
    reader
}

/// The pods that match a selector. The changes that count touch their dataset: of those that hold
/// cache, all of them.
fn pods(
    client: &Client,
    selector: &str,
    counts: impl Fn(&Changed) -> bool + Send + 'static,
    change_bus: &Arc<ChangeBus>,
    process: &Process,
) -> Arc<PodIndex> {
    let index = Arc::new(PodIndex::default());
    let config = watch_config().labels(selector);
    let stream = watcher(Api::<Pod>::all(client.clone()), config).default_backoff();
    let (filled, change_bus) = (index.clone(), change_bus.clone());
    process.follow("Pod", stream, move |event| {
        for changed in filled.apply(&event).into_iter().filter(&counts) {
            let ObjectKey { namespace, name } = changed.workload;
            // A pod belongs to `<dataset>-<suffix>`; the workload tells which dataset.
            for dataset in workload_datasets(&name) {
                change_bus.touch(ObjectKey::new(&namespace, dataset), Audience::Runtimes);
            }
        }
    });
    index
}

/// Helm's records in Secrets or ConfigMaps. One that comes or goes touches the dataset of its
/// release: somebody may have used `helm`.
fn releases<K>(client: &Client, change_bus: &Arc<ChangeBus>, process: &Process) -> Arc<Records>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let found = Arc::new(Records::default());
    let config = watch_config().labels(helm_records::SELECTOR);
    let stream = watcher(Api::<PartialObjectMeta<K>>::all(client.clone()), config).default_backoff();
    let (filled, change_bus) = (found.clone(), change_bus.clone());
    process.follow(&K::kind(&()), stream, move |event| {
        for release in filled.apply(&event) {
            change_bus.touch(release, Audience::Runtimes);
        }
    });
    found
}

/// The names that a dataset may have whose workload is called so: every part before a dash. Wrong
/// ones name nothing.
fn workload_datasets(workload: &str) -> Vec<String> {
    workload
        .match_indices('-')
        .filter_map(|(at, _)| workload.get(..at))
        .map(str::to_owned)
        .collect()
}

/// The runtimes that own an object; each has the name of its Dataset. Mostly it is one, which
/// controls it.
fn owners(object: &impl ResourceExt, _deleted: bool) -> Vec<ObjectKey> {
    let namespace = object.namespace().unwrap_or_default();
    let owners = object.owner_references().iter();
    let runtimes = owners.filter(|owner| owner.api_version == wasser_api::API_VERSION);
    runtimes.map(|owner| ObjectKey::new(&namespace, &owner.name)).collect()
}

/// The Datasets of a namespace that refer to others. A copy that one of them has needed leaves its name
/// to those of the others.
fn references_in(datasets: &Store<Dataset>, namespace: &str) -> Vec<ObjectKey> {
    let refers = |dataset: &&Arc<Dataset>| {
        dataset.namespace().as_deref() == Some(namespace) && !matches!(Reference::of(&dataset.spec.mounts), Ok(None))
    };
    let all = datasets.state();
    all.iter()
        .filter(refers)
        .map(|dataset| ObjectKey::of(&**dataset))
        .collect()
}

/// The datasets that a volume `<namespace>-<name>` may belong to: both parts may contain dashes.
/// Wrong ones name nothing. Which is right cannot be known from the Datasets, since a volume
/// outlives its own.
fn volume_datasets(volume: &str) -> Vec<ObjectKey> {
    names::splits(volume)
        .map(|(namespace, name)| ObjectKey::new(namespace, name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_may_belong_to_any_prefix_of_its_name() {
        assert_eq!(workload_datasets("my-data-worker"), ["my", "my-data"]);
        assert!(workload_datasets("plain").is_empty());
    }

    #[test]
    fn a_volume_may_belong_to_any_split_of_its_name() {
        let key = |namespace: &str, name: &str| ObjectKey::new(namespace, name);
        assert_eq!(
            volume_datasets("team-a-data"),
            [key("team", "a-data"), key("team-a", "data")]
        );
        assert!(volume_datasets("plain").is_empty());
    }
}
