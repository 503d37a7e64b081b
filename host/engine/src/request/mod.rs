//! One reconcile of one runtime: everything it reads, gathered once, and the statuses it will
//! write.
//!
//! A request is made without asking the API server, holds one plugin and one instance of it for its
//! whole life, and is dropped at the end of the reconcile. Statuses are computed in memory; only
//! `write` and `report` write them, and only where something changed.

pub mod change;
pub mod report;
mod role_statuses;
pub mod roles;
pub mod status_patch;
mod statuses;
pub mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::ApiResource;
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};
use parking_lot::Mutex;
use serde_json::Value;
use wasser_api::dataset::{Dataset, DatasetStatus};
use wasser_api::runtime_status::RuntimeStatus;
use wasser_plugin::Context;
use wasser_plugin::{Instance, Observer, Plugin};

use crate::error::EngineError;
use crate::objects::identity::Identity;
use crate::objects::owner::Owner;
use crate::plugin::answer::{Outcome, answer};
use crate::plugin::backend::KubeBackend;
use crate::plugin::context::context;
use crate::release::Installed;
use crate::release::adoption::Difference;
use crate::release::origin::is_to_migrate;
use crate::release::workloads::workload;
use crate::request::change::Change;
use crate::request::roles::{RoleName, RoleState, RoleTrouble};
use crate::shared::Shared;
use crate::shared::own_time::OwnTime;
use crate::shared::ports::PORTS_ANNOTATION;
use crate::shared::tasks::Origin;
use crate::shared::upgrades::Cause;
pub use crate::shared::wake::Wake;
use crate::watched::runtime_object::RuntimeObject;

/// What a reconcile works on.
pub struct Request {
    /// What all reconciles share.
    pub shared: Arc<Shared>,
    /// The plugin; the same one for the whole reconcile, whatever is registered meanwhile.
    pub plugin: Arc<Plugin>,
    /// The methods of the plugin.
    pub implement: Instance,
    /// The names.
    pub identity: Identity,
    /// How the API server serves the kind.
    pub resource: ApiResource,
    /// The runtime as it was read.
    pub runtime: Arc<RuntimeObject>,
    /// The runtime as JSON.
    pub object: Value,
    /// UID of the runtime.
    pub uid: String,
    /// The Dataset, while there is one.
    pub dataset: Option<Arc<Dataset>>,
    /// Whether this reconcile could not create the volume, or not keep its claim true.
    pub volume_failed: bool,
    /// Whether the status gets the mounts of the Dataset with its next write.
    pub gives_mounts: bool,
    /// The workloads of the roles that the runtime has.
    pub roles: Vec<RoleState>,
    /// What the plugin gets to know.
    pub context: Context,
    /// The status of the runtime as it shall be.
    pub runtime_status: RuntimeStatus,
    /// The status of the Dataset as it shall be.
    pub dataset_status: DatasetStatus,
    /// The roles with pods that do not run.
    pub troubles: Vec<RoleTrouble>,
    /// Whether the runtime is attended: its Dataset is its own, and its pods are looked at.
    pub attended: bool,
    /// Whether the release was upgraded in this reconcile.
    pub(crate) upgraded: bool,
    /// Whether the spec is refused, so that only what is installed is attended.
    pub refused: bool,
    /// How what is asked for differs from what a release of Fluid's was taken over with. None if
    /// the release is Wasser's own.
    pub kept: Option<Difference>,
    /// The number of the revision that an installation makes: records of failed ones stay.
    pub(crate) first_revision: u32,
    /// What has been changed, for users.
    pub changes: Vec<Change>,
    /// When the runtime is to be looked at again at the latest, if something other than a watch
    /// makes that necessary.
    pub look_again: Option<Duration>,
    /// Asks for another reconcile.
    pub wake: Wake,
    /// How long the reconcile has taken by itself.
    pub own_time: Arc<OwnTime>,
    observer: Observer,
    backend: Arc<KubeBackend>,
}

impl Request {
    /// Gathers what a reconcile needs. Makes no request to the API server.
    pub fn new(
        shared: Arc<Shared>,
        plugin: Arc<Plugin>,
        resource: ApiResource,
        runtime: Arc<RuntimeObject>,
        wake: Wake,
        observer: Observer,
    ) -> Self {
        let (namespace, name) = (runtime.namespace().unwrap_or_default(), runtime.name_any());
        let uid = runtime.uid().unwrap_or_default();
        let dataset = shared.caches.dataset(&namespace, &name);
        let dataset_uid = dataset
            .as_ref()
            .and_then(|dataset| dataset.uid())
            .or_else(|| owner_uid(&runtime))
            .unwrap_or_default();
        let identity = Identity::new(&namespace, &name, &dataset_uid, &plugin.description);
        let object = runtime.object();
        let installed = shared.known_release(&uid).flatten();
        let roles = roles::read(
            &plugin.description.roles,
            &identity,
            &object,
            &shared.caches,
            installed.as_deref(),
        );
        let runtime_status: RuntimeStatus = object
            .get("status")
            .cloned()
            .and_then(|status| serde_json::from_value(status).ok())
            .unwrap_or_default();
        let dataset_status = dataset
            .as_ref()
            .and_then(|dataset| dataset.status.clone())
            .unwrap_or_default();
        let mut reference = runtime.object_ref(&resource);
        reference.kind = Some(resource.kind.clone());
        reference.api_version = Some(resource.api_version.clone());
        let backend = Arc::new(KubeBackend {
            client: shared.client.clone(),
            caches: shared.caches.clone(),
            ports: shared.ports.clone(),
            state_copies: shared.state_copies.clone(),
            identity: identity.clone(),
            uid: uid.clone(),
            port_range: plugin.settings.get("port-range").cloned(),
            exclusive: dataset.as_ref().is_some_and(|dataset| !dataset.spec.is_shared()),
            events: shared.events.clone(),
            reference,
            read: Mutex::default(),
            questions: AtomicU32::default(),
            unwatched: AtomicBool::default(),
        });
        let text = dataset
            .as_ref()
            .and_then(|dataset| serde_json::to_string(&**dataset).ok());
        let context = Context {
            // What another version has installed is shown once it is translated.
            installed: installed
                .filter(|release| !is_to_migrate(&plugin, release.installer()))
                .map(|release| release.text().to_owned()),
            roles: roles.iter().map(RoleState::status).collect(),
            ..context(&plugin, &identity, &shared.settings.mount_root, &object, text)
        };
        let implement = instance(&plugin, &identity, &backend, &observer);
        Self {
            shared,
            plugin,
            implement,
            identity,
            resource,
            runtime,
            object,
            uid,
            dataset,
            volume_failed: false,
            gives_mounts: false,
            roles,
            context,
            runtime_status,
            dataset_status,
            troubles: Vec::new(),
            attended: false,
            upgraded: false,
            refused: false,
            kept: None,
            first_revision: 1,
            changes: Vec::new(),
            look_again: None,
            wake,
            own_time: Arc::default(),
            observer,
            backend,
        }
    }

    /// Asks for another reconcile after this time.
    pub fn look_again_in(&mut self, pause: Duration) {
        self.look_again = Some(self.look_again.map_or(pause, |earlier| earlier.min(pause)));
    }

    /// A second instance of the plugin, for a task that outlives this reconcile.
    pub fn instance(&self) -> Instance {
        let backend = Arc::new(self.backend.for_task());
        instance(&self.plugin, &self.identity, &backend, &self.observer)
    }

    /// Whether all that this reconcile has found is known from watches, so that another one finds the
    /// same until one of them says something.
    pub fn is_watched(&self) -> bool {
        !self.backend.unwatched.load(Ordering::Relaxed)
    }

    /// How often the plugin has asked the host for something in this reconcile.
    pub(crate) fn questions(&self) -> u32 {
        self.backend.questions.load(Ordering::Relaxed)
    }

    /// The versions that the release is made of.
    pub(crate) fn cause(&self) -> Cause {
        Cause {
            runtime: self.runtime.metadata.generation,
            dataset: self.dataset.as_ref().and_then(|dataset| dataset.metadata.generation),
            named: self.backend.read.lock().clone(),
            component: self.plugin.digest.to_string(),
            chart: self.plugin.chart_digest.to_string(),
        }
    }

    /// Whose the runtime's tasks are.
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            kind: &self.identity.kind,
            namespace: &self.identity.namespace,
            is_behind: self.plugin.takes_much(),
        }
    }

    /// An instance of the plugin whose ports are nobody's: what it asks for is not carried out.
    pub(crate) fn imagined_instance(&self) -> Instance {
        let backend = Arc::new(self.backend.imagined());
        instance(&self.plugin, &self.identity, &backend, &self.observer)
    }

    /// The runtime as events refer to it.
    pub fn reference(&self) -> &ObjectReference {
        &self.backend.reference
    }

    /// Takes the ports that the runtime's release records.
    pub(crate) fn restore_ports(&self, values: &Value) -> Result<(), EngineError> {
        let annotation = self.runtime.annotations().get(PORTS_ANNOTATION).map(String::as_str);
        let roles = self.plugin.description.roles.iter();
        let workloads: Vec<String> = roles.map(|role| workload(role, &self.identity.name)).collect();
        let restored = self
            .backend
            .restore_ports(values, annotation, workloads.iter().map(String::as_str));
        restored.map_err(|error| EngineError::Failed {
            method: "allocate-ports",
            message: error.to_string(),
        })
    }

    /// Which field of the Dataset cannot be read, and why. Its spec is then not known.
    pub fn unreadable(&self) -> Option<String> {
        let dataset = self.dataset.as_ref()?;
        self.shared.caches.unreadable.problem(dataset)
    }

    /// The runtime, as the owner of what its release has.
    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner {
            namespace: &self.identity.namespace,
            name: &self.identity.name,
            uid: &self.uid,
        }
    }

    /// Looks at the roles again, once it is known what is installed.
    pub(crate) fn read_roles(&mut self, installed: &Installed) {
        let (declared, caches) = (&self.plugin.description.roles, &self.shared.caches);
        let mut before = std::mem::take(&mut self.roles);
        self.roles = roles::read(declared, &self.identity, &self.object, caches, Some(installed));
        for state in &mut self.roles {
            // What this reconcile has already done to a role is not in the caches yet.
            match before.iter().position(|known| known.role.name == state.role.name) {
                Some(at) => *state = before.swap_remove(at),
                None => state.mark_installed(),
            }
        }
        self.context.roles = self.roles.iter().map(RoleState::status).collect();
    }

    /// A role that the runtime has, by its name.
    pub fn role(&self, name: RoleName) -> Option<&RoleState> {
        self.roles.iter().find(|state| state.is(name))
    }

    /// The answer of a method, or none where the plugin leaves it to the host.
    pub fn answer<T>(&self, method: &'static str, outcome: Outcome<T>) -> Result<Option<T>, EngineError> {
        answer(&self.identity.kind, method, outcome)
    }

    /// Publishes a warning about the runtime.
    pub async fn warn(&self, reason: &str, message: &str) {
        self.shared
            .events
            .publish(self.reference(), EventType::Warning, reason, message)
            .await;
    }
}

fn instance(plugin: &Plugin, identity: &Identity, backend: &Arc<KubeBackend>, observer: &Observer) -> Instance {
    plugin
        .instance(identity.key(), backend.clone())
        .observed(observer.clone())
}

/// The UID of the Dataset that owns a runtime, which is how its names stay known once the Dataset
/// is gone.
fn owner_uid(runtime: &RuntimeObject) -> Option<String> {
    runtime
        .owner_references()
        .iter()
        .find(|owner| owner.kind == "Dataset")
        .map(|owner| owner.uid.clone())
}
