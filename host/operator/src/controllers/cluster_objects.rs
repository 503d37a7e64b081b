//! Follows the objects of the whole cluster that runtimes name, and wakes the runtimes that name
//! one which changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_engine::{ClusterObjects, cluster_objects};
use wasser_plugin::Plugin;

use super::runtime_index::RuntimeIndex;
use super::watches;
use crate::supervisor::Supervisor;

/// The watches that run, and what a further one needs.
pub struct ClusterObjectWatches {
    client: Client,
    cluster_objects: Arc<ClusterObjects>,
    runtimes: Arc<RuntimeIndex>,
    supervisor: Arc<Supervisor>,
    stop: CancellationToken,
    running: BTreeMap<(String, String, String), CancellationToken>,
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
        let runtimes = &plugin.description.kind;
        for (kind, pointer) in plugin.grants.named_objects() {
            let key = (runtimes.clone(), kind.to_owned(), pointer.to_owned());
            if !self.running.contains_key(&key) {
                let stop = self.stop.child_token();
                self.running.insert(key, stop.clone());
                self.watch(
                    runtimes.clone(),
                    kind.to_owned(),
                    pointer.to_owned(),
                    wake.clone(),
                    stop,
                );
            }
        }
    }

    /// Ends the watches of what runtimes of this kind may name.
    pub fn forget(&mut self, served: &str) {
        self.running.retain(|(of, ..), stop| {
            let kept = of != served;
            if !kept {
                stop.cancel();
            }
            kept
        });
    }

    fn watch(
        &self,
        served: String,
        kind: String,
        pointer: String,
        wake: UnboundedSender<ObjectKey>,
        stop: CancellationToken,
    ) {
        let resource = cluster_objects::resource(&kind);
        let writer = reflector::store::Writer::<DynamicObject>::new(resource.clone());
        self.cluster_objects.add(&kind, writer.as_reader());
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let stream = watcher(api, watcher::Config::default())
            .default_backoff()
            .modify(watches::slim)
            .reflect(writer);
        let (runtimes, stopped, what) = (self.runtimes.clone(), stop.clone(), format!("the watch of {kind}s"));
        let follow = async move {
            let mut stream = std::pin::pin!(stream.take_until(stop.cancelled_owned()));
            while let Some(event) = stream.next().await {
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                        // A receiver that is gone has nobody to wake.
                        runtimes.naming(&served, &pointer, &object.name_any(), |key| drop(wake.send(key)));
                    }
                    Ok(Event::Init | Event::InitDone) => {}
                    Err(error) => tracing::warn!(kind, %error, "the watch was interrupted; it starts again"),
                }
            }
        };
        self.supervisor.spawn(&what, &stopped, follow);
    }
}
