//! An operation as it was read.

use std::sync::Arc;

use k8s_openapi::api::core::v1::NodeAffinity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasser_api::ObjectKey;
use wasser_api::operations::{
    AffinityStrategy, DataBackupSpec, DataLoadSpec, DataMigrateSpec, DataProcessSpec, DatasetPath, OperationKind,
    OperationStatus, Policy, RunAfter,
};
use wasser_api::reasons::events as reasons;

use super::refused::Refused;
use crate::objects::owner::Owner;

/// Annotation on an operation: `wait` lets it wait for a successor of the operation that has failed,
/// instead of failing with it.
const AFTER_FAILURE: &str = "wasser.fluid.io/after-failure";

/// An operation as it was read.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its kind.
    pub kind: OperationKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The object.
    pub object: Arc<DynamicObject>,
    /// What the user wants.
    pub spec: Spec,
    /// What was last observed.
    pub status: OperationStatus,
}

/// What the user wants, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// Of a DataLoad.
    Load(DataLoadSpec),
    /// Of a DataMigrate.
    Migrate(DataMigrateSpec),
    /// Of a DataBackup.
    Backup(DataBackupSpec),
    /// Of a DataProcess.
    Process(DataProcessSpec),
}

impl Operation {
    /// Reads an operation. A status that cannot be read counts as empty.
    ///
    /// # Errors
    /// The spec cannot be read; the message names the field.
    pub fn read(kind: OperationKind, object: Arc<DynamicObject>) -> Result<Self, Refused> {
        let spec = object
            .data
            .get("spec")
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let spec = match kind {
            OperationKind::DataLoad => Spec::Load(parse(kind, spec)?),
            OperationKind::DataMigrate => Spec::Migrate(parse(kind, spec)?),
            OperationKind::DataBackup => Spec::Backup(parse(kind, spec)?),
            OperationKind::DataProcess => Spec::Process(parse(kind, spec)?),
        };
        Ok(Self {
            kind,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            status: status(&object),
            object,
            spec,
        })
    }

    /// Returns namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }

    /// Returns the name of the Helm release.
    pub fn release(&self) -> String {
        self.kind.release(&self.name)
    }

    /// Returns the name of the Job or CronJob.
    pub fn job(&self) -> String {
        self.kind.job(&self.name)
    }

    /// Returns whether the operation has made an object.
    pub fn owns(&self, object: &ObjectMeta) -> bool {
        let release = self.release();
        let owner = Owner {
            namespace: &self.namespace,
            name: &release,
            uid: &self.uid,
        };
        owner.owns(object)
    }

    /// Returns whether a schedule starts the operation.
    pub fn is_cron(&self) -> bool {
        *self.spec.policy() == Policy::Cron
    }

    /// Returns the Datasets that the operation may be about, the likeliest first.
    pub fn datasets(&self) -> Vec<ObjectKey> {
        let own = |name: &str| vec![ObjectKey::new(&self.namespace, name)];
        match &self.spec {
            Spec::Load(spec) => own(&spec.dataset.name),
            Spec::Backup(spec) => own(&spec.dataset),
            Spec::Process(spec) => own(&spec.dataset.name),
            Spec::Migrate(spec) => [&spec.to, &spec.from]
                .into_iter()
                .filter_map(|end| end.dataset.as_ref())
                .map(|dataset| self.dataset_at(dataset))
                .collect(),
        }
    }

    /// Returns the Dataset at an end of a migration. One without a namespace is in the operation's own.
    pub fn dataset_at(&self, end: &DatasetPath) -> ObjectKey {
        let namespace = match end.namespace.as_str() {
            "" => &self.namespace,
            given => given,
        };
        ObjectKey::new(namespace, &end.name)
    }

    /// Returns the type of the runtime that must do the work, if the user says so.
    pub fn runtime_type(&self) -> Option<&str> {
        match &self.spec {
            Spec::Migrate(spec) => spec.runtime_type.as_deref().filter(|wanted| !wanted.is_empty()),
            _ => None,
        }
    }

    /// Returns whether the operation still waits for another one.
    pub fn awaits_other(&self) -> bool {
        self.spec.run_after().is_some() && self.status.waiting_for.operation_complete != Some(false)
    }

    /// Notes that the operation waits for no other one, and the place that it follows, whatever becomes of
    /// the others before it starts. Both are written with the next status.
    pub fn note_turn(&mut self, place: Option<NodeAffinity>) {
        if self.spec.run_after().is_some() {
            self.status.waiting_for.operation_complete = Some(false);
        }
        if place.is_some() {
            self.status.node_affinity = place;
        }
    }

    /// Returns whether the operation waits for another one of the name if the one before has failed.
    pub fn waits_after_failure(&self) -> bool {
        let annotation = self.object.annotations().get(AFTER_FAILURE);
        annotation.is_some_and(|value| value == "wait")
    }

    /// Returns the operation whose place this one follows, and how.
    pub fn followed(&self) -> Option<(&AffinityStrategy, (OperationKind, ObjectKey))> {
        let strategy = self.spec.run_after()?.affinity_strategy.as_ref()?;
        if strategy.policy.is_empty() {
            return None;
        }
        let Some(other) = &strategy.depend_on else {
            return Some((strategy, self.predecessor()?));
        };
        let namespace = other.namespace.as_deref().filter(|given| !given.is_empty());
        let key = ObjectKey::new(namespace.unwrap_or(&self.namespace), &other.name);
        Some((strategy, (other.kind, key)))
    }

    /// Returns the operation that this one waits for, by kind, namespace and name.
    pub fn predecessor(&self) -> Option<(OperationKind, ObjectKey)> {
        let after = self.spec.run_after()?;
        let namespace = after.namespace.as_deref().filter(|given| !given.is_empty());
        let key = ObjectKey::new(namespace.unwrap_or(&self.namespace), &after.name);
        Some((after.kind, key))
    }
}

impl Spec {
    /// Returns when the operation runs. A backup runs once.
    pub fn policy(&self) -> &Policy {
        match self {
            Self::Load(spec) => &spec.policy,
            Self::Migrate(spec) => &spec.policy,
            Self::Process(spec) => &spec.policy,
            Self::Backup(_) => &Policy::Once,
        }
    }

    /// Returns the schedule.
    pub fn schedule(&self) -> Option<&str> {
        match self {
            Self::Load(spec) => spec.schedule.as_deref(),
            Self::Migrate(spec) => spec.schedule.as_deref(),
            Self::Process(spec) => spec.schedule.as_deref(),
            Self::Backup(_) => None,
        }
    }

    /// Returns the operation to wait for.
    pub fn run_after(&self) -> Option<&RunAfter> {
        match self {
            Self::Load(spec) => spec.run_after.as_ref(),
            Self::Migrate(spec) => spec.run_after.as_ref(),
            Self::Process(spec) => spec.run_after.as_ref(),
            Self::Backup(spec) => spec.run_after.as_ref(),
        }
    }

    /// Returns how many seconds the operation is kept after it has finished.
    pub fn ttl(&self) -> Option<i32> {
        match self {
            Self::Load(spec) => spec.ttl_seconds_after_finished,
            Self::Migrate(spec) => spec.ttl_seconds_after_finished,
            Self::Process(spec) => spec.ttl_seconds_after_finished,
            Self::Backup(spec) => spec.ttl_seconds_after_finished,
        }
    }
}

/// Returns how the API server serves a kind.
pub fn resource(kind: OperationKind) -> ApiResource {
    let gvk = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, kind.as_str());
    ApiResource::from_gvk_with_plural(&gvk, kind.plural())
}

/// Returns the status of an operation; empty if it cannot be read.
pub fn status(object: &DynamicObject) -> OperationStatus {
    let status = object.data.get("status").cloned();
    status
        .and_then(|status| serde_json::from_value(status).ok())
        .unwrap_or_default()
}

fn parse<T: DeserializeOwned>(kind: OperationKind, spec: Value) -> Result<T, Refused> {
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let message = format!("{kind}.spec.{}: {}; correct the field", error.path(), error.inner());
        Refused::new(reasons::DATA_OPERATION_NOT_VALID, message)
    })
}
