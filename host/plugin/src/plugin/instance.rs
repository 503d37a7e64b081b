//! One component instance, for one reconcile of one runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use crate::backend::{Backend, Scope};
use crate::bindings::types::{Context, Description, Error, StorageStats, UfsChange, UfsUpdate};
use crate::bindings::{implement, operations};
use crate::plugin::answer::{Answer, check};
use crate::plugin::pre::PluginPre;
use crate::sandbox::error::CallError;
use crate::sandbox::meter::Metered;
use crate::sandbox::store::{self, StoreData};

/// The methods of a plugin, on a store of its own. No state survives it, so nothing leaks from one runtime to the next.
///
/// It is made at the first call, and anew after a call that failed. One method after the other; dropping a call's future ends the guest.
pub struct Instance {
    pre: Arc<PluginPre>,
    scope: Arc<Scope>,
    backend: Arc<dyn Backend>,
    clock_offset: Duration,
    instantiated: Option<Instantiated>,
}

struct Instantiated {
    store: Store<StoreData>,
    implement: implement::Guest,
    operations: Option<operations::Guest>,
    _slot: OwnedSemaphorePermit,
}

/// Methods that the host calls in tasks of their own.
const TASKS: [&str; 2] = ["sync-metadata", "storage-stats"];

/// What a method answers, or how the call failed.
type CallResult<T> = Result<Result<T, Error>, CallError>;

/// Calls a method of a guest with all limits. A macro, since the generated methods borrow their store for the life of their future.
macro_rules! call {
    ($self:ident, $method:literal, $guest:ident => $call:expr) => {{
        let (pre, scope) = ($self.pre.clone(), $self.scope.clone());
        let site = || pre.site($method, &scope);
        pre.admit(site)?;
        let limits = pre.identity.limits;
        let deadline = if TASKS.contains(&$method) {
            limits.task_deadline
        } else {
            limits.deadline
        };
        let _running = pre.engine.ticker.run();
        let mut $guest = $self.take($method).await?;
        $guest.store.data_mut().begin_call(deadline);
        let meter = $guest.store.data().meter.clone();
        let outcome = match tokio::time::timeout(deadline, Metered::new(meter, $call)).await {
            Ok(Ok(answer)) => check(&answer, site).map(|()| answer.bounded()),
            Ok(Err(error)) => Err(CallError::from_wasmtime(&error, site(), $guest.store.data())),
            Err(_) => Err(CallError::Deadline {
                site: Box::new(site()),
                limit: deadline,
            }),
        };
        pre.record(&outcome);
        if outcome.is_ok() {
            $self.instantiated = Some($guest);
        }
        outcome
    }};
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $name:literal $method:ident $call:ident ($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Instance {
            $(
                $(#[doc = $doc])*
                pub async fn $method(&mut self, ctx: &Context $(, $argument: $type)*) -> CallResult<$answer> {
                    call!(self, $name, guest => {
                        guest.store.data_mut().keep_named_objects(ctx);
                        guest.implement.$call(&mut guest.store, ctx $(, $argument)*)
                    })
                }
            )*
        }
    };
}

methods! {
    /// Refuses a spec that cannot work.
    "validate" validate call_validate() -> ();
    /// The chart values to install, a JSON object.
    "setup-master" setup_master call_setup_master() -> String;
    /// Whether the master serves.
    "check-master-ready" check_master_ready call_check_master_ready() -> bool;
    /// Whether `prepare_ufs` is wanted.
    "should-check-ufs" should_check_ufs call_should_check_ufs() -> bool;
    /// Mounts the data sources into the cache system.
    "prepare-ufs" prepare_ufs call_prepare_ufs() -> ();
    /// Called before the workers are scaled up.
    "setup-workers" setup_workers call_setup_workers() -> ();
    /// Whether the workers serve.
    "check-workers-ready" check_workers_ready call_check_workers_ready() -> bool;
    /// Makes the cache system read the metadata of its data sources; may take up to the deadline.
    "sync-metadata" sync_metadata call_sync_metadata() -> ();
    /// The size of the file system; may take up to the deadline.
    "storage-stats" storage_stats call_storage_stats() -> StorageStats;
    /// What `status.cacheStates` shows.
    "cache-states" cache_states call_cache_states() -> Vec<(String, String)>;
    /// Fails where the system is not healthy.
    "check-runtime-healthy" check_runtime_healthy call_check_runtime_healthy() -> ();
    /// The mounts to add and remove.
    "should-update-ufs" should_update_ufs call_should_update_ufs() -> UfsChange;
    /// Brings the mounts to where the Dataset wants them.
    "update-ufs" update_ufs call_update_ufs(change: &UfsChange) -> UfsUpdate;
    /// Called after the number of workers changed.
    "sync-replicas" sync_replicas call_sync_replicas() -> ();
    /// The chart values that the spec asks for now, a JSON object.
    "sync-runtime" sync_runtime call_sync_runtime() -> Option<String>;
    /// One attempt to empty the cache.
    "shutdown" shutdown call_shutdown() -> ();
}

impl Instance {
    pub(crate) fn new(pre: Arc<PluginPre>, scope: Scope, backend: Arc<dyn Backend>) -> Self {
        Self {
            pre,
            scope: Arc::new(scope),
            backend,
            clock_offset: Duration::ZERO,
            instantiated: None,
        }
    }

    /// Sets the clock of the guest ahead, to see whether what it answers depends on the time.
    #[must_use]
    pub fn ahead(mut self, by: Duration) -> Self {
        self.clock_offset = by;
        self
    }

    /// What the runtime consists of. Part of loading a plugin; afterwards, it is in [`crate::Plugin::description`].
    pub(crate) async fn describe(&mut self) -> Result<Description, CallError> {
        call!(self, "describe", guest => guest.implement.call_describe(&mut guest.store))
    }

    /// The chart values of a data operation's job, a JSON object. `kind` is the operation's, `operation` the object as JSON.
    pub async fn data_operation(&mut self, ctx: &Context, kind: &str, operation: &str) -> CallResult<String> {
        if self.pre.operations.is_none() {
            return Err(CallError::NotExported {
                site: Box::new(self.pre.site("data-operation", &self.scope)),
                interface: "operations",
            });
        }
        let operation = operation.to_owned();
        call!(self, "data-operation", guest => async {
            guest.store.data_mut().keep_named_objects(ctx);
            let Some(operations) = &guest.operations else { return Err(wasmtime::Error::msg("the interface `operations` was not found")) };
            operations.call_data_operation(&mut guest.store, ctx, kind, &operation).await
        })
    }

    /// The instance, or a fresh one. It is given back only after a call that succeeded.
    async fn take(&mut self, method: &'static str) -> Result<Instantiated, CallError> {
        if let Some(instantiated) = self.instantiated.take() {
            return Ok(instantiated);
        }
        let pre = &self.pre;
        let limits = pre.identity.limits;
        let host = |reason: String| CallError::Host {
            site: Box::new(pre.site(method, &self.scope)),
            reason,
        };
        let slot = tokio::time::timeout(limits.deadline, pre.engine.slots.clone().acquire_owned())
            .await
            .map_err(|_| host("all instances of the pool have been in use for too long".to_owned()))?
            .map_err(|error| host(error.to_string()))?;
        let mut store = store::new(&pre.engine.wasmtime, pre.identity.clone(), self.scope.clone(), self.backend.clone());
        store.data_mut().clock_offset = self.clock_offset;
        let meter = store.data().meter.clone();
        // A start function is the guest's code too, so the same limits hold.
        let started = tokio::time::timeout(limits.deadline, Metered::new(meter, pre.linked.instantiate_async(&mut store))).await;
        let failed = |error: &wasmtime::Error, data: &StoreData| CallError::from_wasmtime(error, pre.site(method, &self.scope), data);
        let instance = match started {
            Ok(Ok(instance)) => instance,
            Ok(Err(error)) => {
                let error = failed(&error, store.data());
                pre.record_fault(&error);
                return Err(error);
            }
            Err(_) => {
                return Err(CallError::Deadline {
                    site: Box::new(pre.site(method, &self.scope)),
                    limit: limits.deadline,
                });
            }
        };
        let implement = pre.implement.load(&mut store, &instance);
        let implement = implement.map_err(|error| failed(&error, store.data()))?;
        let operations = pre.operations.as_ref().map(|found| found.load(&mut store, &instance)).transpose();
        let operations = operations.map_err(|error| failed(&error, store.data()))?;
        Ok(Instantiated {
            store,
            implement,
            operations,
            _slot: slot,
        })
    }
}
