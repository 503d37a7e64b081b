//! What the plugins' capabilities reach: the pods, objects, ports and state of one runtime, through
//! the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{PersistentVolume, Pod, Secret};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::events::EventType;
use kube::{Client, ResourceExt};
use parking_lot::Mutex;
use serde_json::Value;
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::Role;
use wasser_plugin::{
    Backend, BackendError, ExecCommand, HttpRequest, Output, PERSISTENT_VOLUME, PodRecord, ReadableKind, Response,
    StateEntry, readable,
};

use crate::objects::identity::Identity;
use crate::objects::owner::Owner;
use crate::plugin::state::State;
use crate::plugin::talk::{self, answer, failed};
use crate::shared::ports::{self, Holder, PortError, Ports, parse_range};
use crate::shared::state_copies::StateCopies;
use crate::shared::upgrades::Generations;
use crate::watched::Caches;
use crate::watched::pods::PodInfo;
use crate::watched::workload::Workload;

/// Host ports where the plugin's registration does not set `port-range`.
const DEFAULT_PORT_RANGE: &str = "14000-17999";

/// The capabilities of one runtime.
pub struct KubeBackend {
    /// The client of the operator.
    pub client: Client,
    /// What the operator watches.
    pub caches: Arc<Caches>,
    /// The ports of all runtimes.
    pub ports: Arc<Ports>,
    /// What plugins keep.
    pub state_copies: Arc<StateCopies>,
    /// The runtime.
    pub identity: Identity,
    /// Its UID.
    pub uid: String,
    /// The setting `port-range` of the plugin.
    pub port_range: Option<String>,
    /// Whether no worker of another Dataset runs where the runtime's workers do.
    pub exclusive: bool,
    /// For events on the runtime.
    pub events: crate::shared::events::Events,
    /// The runtime, as events refer to it.
    pub reference: k8s_openapi::api::core::v1::ObjectReference,
    /// The generations of the objects of the cluster that the plugin has read.
    pub read: Mutex<Generations>,
    /// How often the plugin has asked for something.
    pub questions: AtomicU32,
    /// Whether the plugin has been told something of which no watch says when it changes.
    pub unwatched: AtomicBool,
}

impl KubeBackend {
    /// The same with ports of its own, which nobody else hears of.
    pub fn imagined(&self) -> Self {
        Self {
            ports: Arc::default(),
            ..self.for_task()
        }
    }

    /// The same for a task, whose questions are not those of the reconcile.
    pub fn for_task(&self) -> Self {
        Self {
            client: self.client.clone(),
            caches: self.caches.clone(),
            ports: self.ports.clone(),
            state_copies: self.state_copies.clone(),
            identity: self.identity.clone(),
            uid: self.uid.clone(),
            port_range: self.port_range.clone(),
            exclusive: self.exclusive,
            events: self.events.clone(),
            reference: self.reference.clone(),
            read: Mutex::default(),
            questions: AtomicU32::default(),
            unwatched: AtomicBool::default(),
        }
    }

    fn note_question(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }

    fn goes_unwatched(&self) {
        self.unwatched.store(true, Ordering::Relaxed);
    }
}

impl KubeBackend {
    fn state_name(&self) -> String {
        format!("{}-{}-state", self.identity.name, self.identity.runtime_type)
    }

    /// A volume that belongs to a claim of the runtime's namespace; those of others are none of its
    /// business.
    async fn volume(&self, name: &str) -> Result<Option<serde_json::Value>, BackendError> {
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let found = api.get_opt(name).await.map_err(answer)?;
        let is_ours = |volume: &PersistentVolume| {
            let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
            claim.is_some_and(|claim| claim.namespace.as_ref() == Some(&self.identity.namespace))
        };
        let ours = found.filter(is_ours);
        ours.map(|volume| serde_json::to_value(volume).map_err(failed))
            .transpose()
    }

    fn holder(&self) -> Result<Holder<'_>, PortError> {
        Ok(Holder {
            uid: &self.uid,
            exclusive: self.exclusive,
            range: parse_range(self.port_range.as_deref().unwrap_or(DEFAULT_PORT_RANGE))?,
        })
    }

    /// Takes the ports that the values of the release record. Earlier releases do not, and ports are
    /// then taken from the annotation of the runtime, but only those that the workloads use: users
    /// can write it.
    pub fn restore_ports<'a>(
        &self,
        values: &Value,
        annotation: Option<&str>,
        workloads: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PortError> {
        let mut record = ports::recorded(values);
        let noted = annotation.filter(|_| record.is_empty());
        if record.is_empty() && noted.is_none() {
            return Ok(());
        }
        let own = self
            .caches
            .host_ports_of(&self.identity.namespace, workloads, &self.uid);
        if let Some(noted) = noted.and_then(|text| serde_json::from_str::<BTreeMap<String, u16>>(text).ok()) {
            record.extend(noted.into_iter().filter(|(_, port)| own.contains(port)));
        }
        self.ports.restore(&self.holder()?, &record, &own, |is_known| {
            self.caches.host_ports(is_known)
        });
        Ok(())
    }

    /// Where the plugin's state is.
    fn state(&self) -> State {
        let identity = &self.identity;
        let shown = self.caches.config_map(&identity.namespace, &self.state_name());
        State {
            copies: self.state_copies.clone(),
            shown: shown.and_then(|map| map.metadata.resource_version.clone()),
            api: Api::namespaced(self.client.clone(), &identity.namespace),
            place: format!("ConfigMap {}/{}", identity.namespace, self.state_name()),
            name: self.state_name(),
            owner: crate::objects::owner::owner_reference(&identity.kind, &identity.name, &self.uid),
            labels: BTreeMap::from([(wasser_api::labels::DATASET_ID.to_owned(), identity.dataset_id())]),
        }
    }

    fn owner(&self) -> Owner<'_> {
        Owner {
            namespace: &self.identity.namespace,
            name: &self.identity.name,
            uid: &self.uid,
        }
    }

    fn workload(&self, role: &Role) -> String {
        format!("{}{}", self.identity.name, role.suffix)
    }

    /// The pods of a role that the watches show.
    fn watched_pods(&self, role: &Role) -> Vec<PodInfo> {
        let (owner, workload) = (self.owner(), self.workload(role));
        let uid = if role.workload == "StatefulSet" {
            let set = self.caches.own_stateful_set(owner, &workload);
            set.and_then(|set| set.metadata.uid.clone())
        } else {
            let set = self.caches.own_daemon_set(owner, &workload);
            set.and_then(|set| set.metadata.uid.clone())
        };
        let pods = uid.map(|uid| self.caches.pods_of(owner.namespace, &workload, &uid));
        pods.unwrap_or_default()
    }

    /// The DaemonSet of a role whose pods no watch shows, since its chart does not label them. Pods
    /// that no label selects either are not looked for: it would be among all of the namespace.
    fn unwatched(&self, role: &Role) -> Option<Arc<Workload<DaemonSet>>> {
        if role.workload == "StatefulSet" {
            return None;
        }
        let set = self.caches.own_daemon_set(self.owner(), &self.workload(role))?;
        let is_unlabelled = !set.facts.has_dataset && !set.facts.selector.is_empty();
        (is_unlabelled && self.watched_pods(role).is_empty()).then_some(set)
    }

    async fn pods_of(&self, role: &Role) -> Result<Vec<PodInfo>, BackendError> {
        let Some(set) = self.unwatched(role) else {
            return Ok(self.watched_pods(role));
        };
        self.goes_unwatched();
        let api = Api::<Pod>::namespaced(self.client.clone(), &self.identity.namespace);
        let pods = api
            .list(&ListParams::default().labels(&set.facts.selector))
            .await
            .map_err(answer)?;
        let mut pods: Vec<PodInfo> = pods
            .items
            .iter()
            .filter(|pod| controlled_by(pod, set.metadata.uid.as_deref()))
            .map(PodInfo::from)
            .collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pods)
    }
}

fn controlled_by(pod: &Pod, uid: Option<&str>) -> bool {
    pod.owner_references()
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
}

#[async_trait]
impl Backend for KubeBackend {
    async fn list_pods(&self, _scope: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        self.note_question();
        let pods = self.pods_of(role).await?;
        Ok(pods
            .into_iter()
            .map(|pod| PodRecord {
                name: pod.name,
                role: role.name.clone(),
                node: pod.node.unwrap_or_default(),
                ip: pod.ip.unwrap_or_default(),
                ready: pod.ready,
                started_at: pod.started_at,
            })
            .collect())
    }

    fn asks_for_pods(&self, role: &Role) -> bool {
        self.unwatched(role).is_some()
    }

    async fn exec(&self, _scope: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        self.note_question();
        self.goes_unwatched();
        let api = Api::<Pod>::namespaced(self.client.clone(), &self.identity.namespace);
        talk::run(&api, command).await
    }

    async fn http_get(&self, _scope: &ObjectKey, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
        self.note_question();
        self.goes_unwatched();
        talk::get(&self.client, &self.identity.namespace, request).await
    }

    async fn secret(&self, _scope: &ObjectKey, name: &str, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.note_question();
        self.goes_unwatched();
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.identity.namespace);
        let found = api.get_opt(name).await.map_err(answer)?;
        Ok(found
            .and_then(|secret| secret.data)
            .and_then(|mut data| data.remove(key))
            .map(|value| value.0))
    }

    async fn object(
        &self,
        _scope: &ObjectKey,
        kind: &str,
        name: &str,
    ) -> Result<Option<serde_json::Value>, BackendError> {
        self.note_question();
        let Some(ReadableKind { group, version, .. }) = readable(kind) else {
            let found = self.caches.cluster_objects.get(kind, name).await.map_err(failed)?;
            let generation = found.as_ref().and_then(|object| object.metadata.generation);
            self.read.lock().insert(format!("{kind} {name}"), generation);
            return found
                .map(|object| serde_json::to_value(&*object).map_err(failed))
                .transpose();
        };
        self.goes_unwatched();
        if kind == PERSISTENT_VOLUME {
            return self.volume(name).await;
        }
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.identity.namespace, &resource);
        let found = api.get_opt(name).await.map_err(answer)?;
        found
            .map(|object| serde_json::to_value(object).map_err(failed))
            .transpose()
    }

    async fn allocate_ports(&self, _scope: &ObjectKey, names: &[String]) -> Result<Vec<u16>, BackendError> {
        self.note_question();
        let holder = self.holder().map_err(failed)?;
        let held = self
            .ports
            .allocate(&holder, names, |is_known| self.caches.host_ports(is_known));
        let held = held.map_err(failed)?;
        names
            .iter()
            .map(|name| {
                held.get(name)
                    .copied()
                    .ok_or_else(|| failed(format!("no port was given for {name}")))
            })
            .collect()
    }

    async fn get_state(&self, _scope: &ObjectKey, key: &str) -> Result<Option<StateEntry>, BackendError> {
        self.note_question();
        self.goes_unwatched();
        Ok(self.state().get(key).await?)
    }

    async fn state_keys(&self, _scope: &ObjectKey) -> Result<Vec<String>, BackendError> {
        self.note_question();
        self.goes_unwatched();
        Ok(self.state().keys().await?)
    }

    async fn set_state(
        &self,
        _scope: &ObjectKey,
        key: &str,
        value: Option<Vec<u8>>,
        if_version: Option<&str>,
    ) -> Result<String, BackendError> {
        self.note_question();
        Ok(self.state().set(key, value, if_version).await?)
    }

    async fn publish_event(
        &self,
        _scope: &ObjectKey,
        kind: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), BackendError> {
        self.note_question();
        let type_ = if kind == "Warning" {
            EventType::Warning
        } else {
            EventType::Normal
        };
        self.events.publish(&self.reference, type_, reason, message).await;
        Ok(())
    }
}
