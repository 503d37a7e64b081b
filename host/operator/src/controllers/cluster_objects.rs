//! Follows the objects of the whole cluster that runtimes name, and wakes the runtimes that name
//! one which changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector;
use kube::runtime::watcher::{Event, watcher};
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_engine::{ClusterObjects, cluster_objects};
use wasser_plugin::Plugin;

use super::runtime_index::RuntimeIndex;
use super::vanished::vanished;
use super::watches;
use crate::client::watch_config;
use crate::supervisor::Supervisor;

/// The watches that run, one for each kind of object, and what a further one needs.
pub struct ClusterObjectWatches {
    client: Client,
    cluster_objects: Arc<ClusterObjects>,
    runtimes: Arc<RuntimeIndex>,
    supervisor: Arc<Supervisor>,
    stop: CancellationToken,
    running: BTreeMap<String, Running>,
}

/// The watch of one kind of object.
struct Running {
    stop: CancellationToken,
    followers: Arc<Mutex<Vec<Follower>>>,
}

/// Runtimes of a kind that name an object in a field.
struct Follower {
    served: String,
    pointer: String,
    wake: UnboundedSender<ObjectKey>,
}

impl ClusterObjectWatches {
    /// None yet.
    pub fn new(
        client: Client,
        cluster_objects: Arc<ClusterObjects>,
        runtimes: Arc<RuntimeIndex>,
        supervisor: Arc<Supervisor>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            client,
            cluster_objects,
            runtimes,
            supervisor,
            stop,
            running: BTreeMap::new(),
        }
    }

    /// Watches what the runtimes of this plugin's kind may name, unless that is watched already.
    pub fn follow(&mut self, plugin: &Plugin, wake: &UnboundedSender<ObjectKey>) {
        let served = &plugin.description.kind;
        for (kind, pointer) in plugin.grants.named_objects() {
            if !self.running.contains_key(kind) {
                self.running.insert(kind.to_owned(), self.watch(kind));
            }
            let Some(running) = self.running.get(kind) else {
                continue;
            };
            let mut followers = running.followers.lock();
            let is_known = |follower: &Follower| follower.served == *served && follower.pointer == pointer;
            if !followers.iter().any(is_known) {
                followers.push(Follower {
                    served: served.clone(),
                    pointer: pointer.to_owned(),
                    wake: wake.clone(),
                });
            }
        }
    }

    /// Nothing is watched for runtimes of this kind any more.
    pub fn forget(&mut self, served: &str) {
        self.running.retain(|kind, running| {
            let mut followers = running.followers.lock();
            followers.retain(|follower| follower.served != served);
            if followers.is_empty() {
                running.stop.cancel();
                self.cluster_objects.remove(kind);
            }
            !followers.is_empty()
        });
    }

    fn watch(&self, kind: &str) -> Running {
        let (stop, followers) = (self.stop.child_token(), Arc::<Mutex<Vec<Follower>>>::default());
        let resource = cluster_objects::resource(kind);
        let writer = reflector::store::Writer::<DynamicObject>::new(resource.clone());
        let store = writer.as_reader();
        self.cluster_objects.add(kind, store.clone());
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let stream = watcher(api, watch_config())
            .default_backoff()
            .modify(watches::slim)
            .reflect(writer);
        let (runtimes, told, stopped, named) =
            (self.runtimes.clone(), followers.clone(), stop.clone(), kind.to_owned());
        let follow = async move {
            let mut stream = std::pin::pin!(stream.take_until(stopped.cancelled_owned()));
            let tell = |name: &str| {
                for Follower { served, pointer, wake } in told.lock().iter() {
                    // A receiver that is gone has nobody to wake.
                    runtimes.naming(served, pointer, name, |key| drop(wake.send(key)));
                }
            };
            let mut before = Vec::new();
            while let Some(event) = stream.next().await {
                match event {
                    Ok(Event::Apply(object) | Event::Delete(object)) => tell(&object.name_any()),
                    Ok(Event::Init) => before = store.state(),
                    Ok(Event::InitApply(_)) => {}
                    // Only now does the store have what the list has named, and lack what has vanished.
                    Ok(Event::InitDone) => {
                        let now = store.state();
                        let gone = vanished(std::mem::take(&mut before), &now);
                        gone.iter().chain(&now).for_each(|object| tell(&object.name_any()));
                    }
                    Err(error) => tracing::warn!(kind = named, %error, "the watch was interrupted; it starts again"),
                }
            }
        };
        self.supervisor.spawn(&format!("the watch of {kind}s"), &stop, follow);
        Running { stop, followers }
    }
}
