//! What the operator watches, so that a reconcile reads without asking the API server.
//!
//! Every cache may lag behind the cluster, so nothing is deleted because of what a cache shows.
//! Objects are kept as small as their readers need: most are metadata only. The watches themselves
//! run in the operator.

pub mod cluster_objects;
pub mod helm_records;
pub mod host_ports;
pub mod metadata;
pub mod namesake;
pub mod pods;
pub mod readable;
pub mod runtime_object;
pub mod runtimes;
pub mod trouble;
pub mod volumes;
pub mod workload;
pub mod workload_facts;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolume, PersistentVolumeClaim};
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use wasser_api::dataset::Dataset;
use wasser_api::names;
use wasser_chart::{Driver, RecordPlace};

use crate::objects::owner::Owner;
use crate::watched::cluster_objects::ClusterObjects;
use crate::watched::helm_records::Records;
use crate::watched::pods::{PodIndex, PodInfo};
use crate::watched::readable::Unreadable;
use crate::watched::runtimes::Runtimes;
use crate::watched::workload::Workload;
use crate::watched::workload_facts::WorkloadFacts;

/// The stores behind the watches. All but the nodes hold only objects with the label
/// `fluid.io/dataset-id`, or Datasets.
pub struct Caches {
    /// All Datasets.
    pub datasets: Store<Dataset>,
    /// StatefulSets of runtimes.
    pub stateful_sets: Store<Workload<StatefulSet>>,
    /// DaemonSets of runtimes.
    pub daemon_sets: Store<Workload<DaemonSet>>,
    /// Names and labels of nodes.
    pub nodes: Store<PartialObjectMeta<Node>>,
    /// Claims of datasets, of their metadata only what is read.
    pub claims: Store<PartialObjectMeta<PersistentVolumeClaim>>,
    /// Volumes of datasets, of their specs only what says whose they are, where they lead and for which
    /// nodes they are.
    pub volumes: Store<PersistentVolume>,
    /// ConfigMaps of runtimes, of their metadata only what is read.
    pub config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// Pods with the label `fluid.io/dataset`: those that hold cache.
    pub worker_pods: Arc<PodIndex>,
    /// Other pods with the label `fluid.io/dataset-id`: masters and clients.
    pub other_pods: Arc<PodIndex>,
    /// Helm's records in Secrets.
    pub release_secrets: Arc<Records>,
    /// Helm's records in ConfigMaps, where Fluid has them.
    pub release_config_maps: Arc<Records>,
    /// Objects of the whole cluster that runtimes name.
    pub cluster_objects: Arc<ClusterObjects>,
    /// Why some Datasets cannot be read.
    pub unreadable: Arc<Unreadable>,
    /// The runtimes of all kinds that are served.
    pub runtimes: Arc<dyn Runtimes>,
}

/// An event about what is kept of an object.
pub fn mapped<A, B>(event: Event<A>, keep: impl FnOnce(A) -> B) -> Event<B> {
    match event {
        Event::Apply(object) => Event::Apply(keep(object)),
        Event::InitApply(object) => Event::InitApply(keep(object)),
        Event::Delete(object) => Event::Delete(keep(object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

impl Caches {
    /// The Dataset of this name.
    pub fn dataset(&self, namespace: &str, name: &str) -> Option<Arc<Dataset>> {
        self.datasets.get(&ObjectRef::new(name).within(namespace))
    }

    /// The other Datasets whose volume would have the same name: `a/b-c` and `a-b/c` are both
    /// `a-b-c`.
    pub fn namesakes(&self, namespace: &str, name: &str) -> Vec<Arc<Dataset>> {
        names::splits(&names::persistent_volume(namespace, name))
            .filter(|split| *split != (namespace, name))
            .filter_map(|(namespace, name)| self.dataset(namespace, name))
            .collect()
    }

    /// The StatefulSet of this name.
    pub fn stateful_set(&self, namespace: &str, name: &str) -> Option<Arc<Workload<StatefulSet>>> {
        self.stateful_sets.get(&ObjectRef::new(name).within(namespace))
    }

    /// The DaemonSet of this name.
    pub fn daemon_set(&self, namespace: &str, name: &str) -> Option<Arc<Workload<DaemonSet>>> {
        self.daemon_sets.get(&ObjectRef::new(name).within(namespace))
    }

    /// The claim of this name.
    pub fn claim(&self, namespace: &str, name: &str) -> Option<Arc<PartialObjectMeta<PersistentVolumeClaim>>> {
        self.claims.get(&ObjectRef::new(name).within(namespace))
    }

    /// The volume of this name.
    pub fn volume(&self, name: &str) -> Option<Arc<PersistentVolume>> {
        self.volumes.get(&ObjectRef::new(name))
    }

    /// Whether a release has a record, in a Secret or a ConfigMap.
    pub fn has_record(&self, namespace: &str, name: &str) -> bool {
        self.release_secrets.has(namespace, name) || self.release_config_maps.has(namespace, name)
    }

    /// The newest revision of a release that has a record. Those in Secrets come first, as the
    /// release itself does.
    pub fn newest_record(&self, namespace: &str, name: &str) -> Option<u32> {
        let newest = self.release_secrets.newest(namespace, name);
        newest.or_else(|| self.release_config_maps.newest(namespace, name))
    }

    /// The record of a release that has but one.
    pub fn only_record(&self, namespace: &str, name: &str) -> Option<RecordPlace> {
        let in_secrets = self.release_secrets.revisions(namespace, name);
        let in_config_maps = self.release_config_maps.revisions(namespace, name);
        match (in_secrets.as_slice(), in_config_maps.as_slice()) {
            ([revision], []) => Some(RecordPlace::of(Driver::Secret, name, *revision)),
            ([], [revision]) => Some(RecordPlace::of(Driver::ConfigMap, name, *revision)),
            _ => None,
        }
    }

    /// The StatefulSet of this name, if it is the runtime's.
    pub fn own_stateful_set(&self, owner: Owner<'_>, name: &str) -> Option<Arc<Workload<StatefulSet>>> {
        let found = self.stateful_set(owner.namespace, name);
        found.filter(|set| owner.owns(&set.metadata))
    }

    /// The DaemonSet of this name, if it is the runtime's.
    pub fn own_daemon_set(&self, owner: Owner<'_>, name: &str) -> Option<Arc<Workload<DaemonSet>>> {
        let found = self.daemon_set(owner.namespace, name);
        found.filter(|set| owner.owns(&set.metadata))
    }

    /// What the spec of a workload says, if it is the runtime's.
    pub fn own_facts(&self, kind: &str, owner: Owner<'_>, name: &str) -> Option<Arc<WorkloadFacts>> {
        match kind {
            "StatefulSet" => Some(self.own_stateful_set(owner, name)?.facts.clone()),
            "DaemonSet" => Some(self.own_daemon_set(owner, name)?.facts.clone()),
            _ => None,
        }
    }

    /// The pods of the workload with this UID, by name.
    pub fn pods_of(&self, namespace: &str, workload: &str, uid: &str) -> Vec<PodInfo> {
        let mut pods = self.worker_pods.of(namespace, workload);
        pods.extend(self.other_pods.of(namespace, workload));
        pods.retain(|pod| pod.workload_uid == uid);
        pods
    }

    /// Whether an object of the runtime's release is there, for the kinds that are watched; true for
    /// the others.
    pub fn has_own(&self, kind: &str, owner: Owner<'_>, name: &str) -> bool {
        match kind {
            "StatefulSet" => self.own_stateful_set(owner, name).is_some(),
            "DaemonSet" => self.own_daemon_set(owner, name).is_some(),
            "ConfigMap" => self
                .config_map(owner.namespace, name)
                .is_some_and(|map| owner.owns(&map.metadata)),
            _ => true,
        }
    }

    /// The ConfigMap of this name.
    pub fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<PartialObjectMeta<ConfigMap>>> {
        self.config_maps.get(&ObjectRef::new(name).within(namespace))
    }
}
