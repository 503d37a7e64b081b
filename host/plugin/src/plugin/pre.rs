//! Links the component of a plugin once, and keeps what its instances share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre};
use wasser_api::ObjectKey;
use wasser_share::Allowance;

use crate::bindings::{implement, migration, operations};
use crate::engine::{INSTANCES_OF_ONE, PluginEngine};
use crate::package::grants::Grants;
use crate::package::world::{CheckError, World};
use crate::plugin::quarantine::{Quarantines, Standing};
use crate::sandbox::budget::Share;
use crate::sandbox::error::{CallError, CallSite};
use crate::sandbox::identity::PluginIdentity;
use crate::sandbox::imports;
use crate::sandbox::processor::Processor;
use crate::sandbox::store::StoreData;

/// Everything that the instances of a plugin share.
pub struct PluginPre {
    pub engine: Arc<PluginEngine>,
    pub identity: Arc<PluginIdentity>,
    pub linked: InstancePre<StoreData>,
    pub implement: implement::GuestIndices,
    pub operations: Option<operations::GuestIndices>,
    pub migration: Option<migration::GuestIndices>,
    /// One permit for each instance that the plugin may have at the same time.
    pub places: Arc<Semaphore>,
    /// The memory of its instances.
    pub memory: Arc<Share>,
    /// The processor time of its calls.
    pub cpu: Processor,
    /// The requests to the API server that its calls make.
    pub requests: Arc<Allowance>,
    quarantines: Mutex<Quarantines>,
}

impl PluginPre {
    /// Links a component.
    ///
    /// # Errors
    /// A type of the component does not fit the world.
    pub fn link(
        engine: &Arc<PluginEngine>,
        component: &Component,
        identity: PluginIdentity,
        world: &World,
    ) -> Result<Self, CheckError> {
        let mismatch = |error: wasmtime::Error| CheckError::TypeMismatch(format!("{error:#}"));
        let mut linker = engine.linker.clone();
        imports::wasi::deny(&mut linker, component).map_err(mismatch)?;
        let linked = linker.instantiate_pre(component).map_err(mismatch)?;
        Ok(Self {
            implement: implement::GuestIndices::new(&linked).map_err(mismatch)?,
            operations: world
                .has_operations()
                .then(|| operations::GuestIndices::new(&linked))
                .transpose()
                .map_err(mismatch)?,
            migration: world
                .has_migration()
                .then(|| migration::GuestIndices::new(&linked))
                .transpose()
                .map_err(mismatch)?,
            engine: engine.clone(),
            identity: Arc::new(identity),
            places: Arc::new(Semaphore::new(INSTANCES_OF_ONE)),
            memory: engine.memory.share(),
            cpu: Processor::new(engine.threads.others()),
            requests: Arc::new(Allowance::requests()),
            quarantines: Mutex::default(),
            linked,
        })
    }

    /// Returns the same with other grants: what instances share is one for both.
    pub fn narrowed(&self, given: Grants, effective: Grants) -> Self {
        let identity = PluginIdentity {
            given,
            effective,
            ..(*self.identity).clone()
        };
        Self {
            engine: self.engine.clone(),
            identity: Arc::new(identity),
            linked: self.linked.clone(),
            implement: self.implement.clone(),
            operations: self.operations.clone(),
            migration: self.migration.clone(),
            places: self.places.clone(),
            memory: self.memory.clone(),
            cpu: Processor::new(self.engine.threads.others()),
            requests: self.requests.clone(),
            quarantines: Mutex::default(),
        }
    }

    /// Returns the place that a failed call is reported with.
    pub fn site(&self, method: &'static str, scope: &ObjectKey) -> CallSite {
        let identity = &self.identity;
        CallSite {
            kind: identity.kind.clone(),
            registration: identity.registration.clone(),
            digest: identity.digest,
            method,
            scope: (!scope.name.is_empty()).then(|| scope.clone()),
        }
    }

    /// Refuses a call while the plugin is in quarantine for the namespace of the scope.
    pub fn admit(&self, scope: &ObjectKey, site: impl FnOnce() -> CallSite) -> Result<(), CallError> {
        match self.quarantines().admit(&scope.namespace, Instant::now()) {
            Standing::Good { .. } => Ok(()),
            Standing::Quarantined { faults, wait } => Err(CallError::Quarantined {
                site: Box::new(site()),
                faults,
                wait,
            }),
        }
    }

    /// Counts the outcome of a call.
    pub fn record<T>(&self, scope: &ObjectKey, outcome: &Result<T, CallError>) {
        match outcome {
            Ok(_) => self.quarantines().succeeded(&scope.namespace),
            Err(error) => self.record_fault(scope, error),
        }
    }

    /// Counts a failed call, if the plugin is at fault.
    pub fn record_fault(&self, scope: &ObjectKey, error: &CallError) {
        if error.is_fault() {
            self.quarantines().failed(&scope.namespace, Instant::now());
        }
    }

    /// Returns whether the plugin is called now, for the namespace with the most failures.
    pub fn standing(&self) -> Standing {
        self.quarantines().standing(Instant::now())
    }

    fn quarantines(&self) -> MutexGuard<'_, Quarantines> {
        self.quarantines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
