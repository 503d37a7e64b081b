//! Calls a component instance, for one reconcile of one runtime.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::{self, Resource};
use wasser_api::ObjectKey;

use crate::backend::Backend;
use crate::bindings::migration::Origin;
use crate::bindings::types::{CacheState, Description, Error, StorageStats, UfsChange};
use crate::bindings::{context, implement};
use crate::context::Context;
use crate::plugin::answer::{Answer, check};
use crate::plugin::conversation::Conversation;
use crate::plugin::pre::PluginPre;
use crate::sandbox::error::CallError;
use crate::sandbox::journal::Journal;
use crate::sandbox::meter::Metered;
use crate::sandbox::store::{self, StoreData};

/// Observes the calls of an instance: the method, how long the call took, waiting included, and how
/// it failed. What a method answers is not a failure.
pub type Observer = Arc<dyn Fn(&'static str, Duration, Option<&CallError>) + Send + Sync>;

/// The methods of a plugin, on a separate store. One that the plugin does not list is not called, and
/// answers `not-supported`.
///
/// No state survives it, so nothing leaks from one
/// runtime to another.
///
/// The component is instantiated at the first call, and again after a call that failed. Methods are
/// called one after the other, and dropping a call's future ends the guest.
pub struct Instance {
    pre: Arc<PluginPre>,
    scope: Arc<ObjectKey>,
    backend: Arc<dyn Backend>,
    /// What the method that is called has asked for.
    jobs: Arc<Mutex<Journal>>,
    observer: Option<Observer>,
    /// The facts of the last call, and their number.
    known: Option<(Arc<Context>, u64)>,
    instantiated: Option<Instantiated>,
}

struct Instantiated {
    store: Store<StoreData>,
    /// The component's instance. The functions of interfaces that few calls are for are looked up
    /// when they are called: to check their types takes a part of each instantiation.
    exports: component::Instance,
    implement: implement::Guest,
    _slot: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// The methods that the host calls in separate tasks.
const TASKS: [&str; 2] = ["sync-metadata", "storage-stats"];

/// Returns the handle of a context, which the guest gives back before its call ends.
fn lent() -> Resource<context::Context> {
    Resource::new_borrow(0)
}

/// The answer of a method, or how the call failed.
type CallResult<T> = Result<Result<T, Error>, CallError>;

macro_rules! methods {
    ($(
        $(#[doc = $doc:literal])*
        $name:literal $method:ident $call:ident ($($argument:ident: $type:ty),*) -> $answer:ty;
    )*) => {
        impl Instance {
            $(
                $(#[doc = $doc])*
                pub async fn $method(&mut self, ctx: &Context $(, $argument: $type)*) -> CallResult<$answer> {
                    if !self.pre.identity.methods.contains($name) {
                        return Ok(Err(Error::NotSupported));
                    }
                    let began = Instant::now();
                    let outcome: CallResult<$answer> = async {
                        let facts = self.facts(ctx);
                        converse!(self, $name, guest => {
                            guest.store.data_mut().context = Some(facts.clone());
                            guest.implement.$call(&mut guest.store, lent() $(, $argument)*)
                        })
                    }
                    .await;
                    if let Some(observer) = &self.observer {
                        observer($name, began.elapsed(), outcome.as_ref().err());
                    }
                    outcome
                }
            )*
        }
    };
}

methods! {
    /// Refuses a spec that cannot work.
    "validate" validate call_validate() -> ();
    /// Returns the chart values that runtime and Dataset ask for, a JSON object.
    "desired" desired call_desired() -> String;
    /// Returns whether a role serves.
    "check-ready" check_ready call_check_ready(role: &str) -> bool;
    /// Returns whether `prepare_ufs` is needed.
    "should-check-ufs" should_check_ufs call_should_check_ufs() -> bool;
    /// Mounts the data sources into the cache system.
    "prepare-ufs" prepare_ufs call_prepare_ufs() -> ();
    /// Prepares the cache system before the workers are scaled up.
    "setup-workers" setup_workers call_setup_workers() -> ();
    /// Makes the cache system read the metadata of its data sources. Can take up to the deadline.
    "sync-metadata" sync_metadata call_sync_metadata() -> ();
    /// Returns the size of the file system. Can take up to the deadline.
    "storage-stats" storage_stats call_storage_stats() -> StorageStats;
    /// Returns what `status.cacheStates` shows.
    "cache-states" cache_states call_cache_states() -> Vec<CacheState>;
    /// Fails if the system is not healthy.
    "check-runtime-healthy" check_runtime_healthy call_check_runtime_healthy() -> ();
    /// Returns how the wanted mounts differ from those that there are.
    "should-update-ufs" should_update_ufs call_should_update_ufs() -> UfsChange;
    /// Changes the mounts to those that the Dataset wants, and returns whether they are.
    "update-ufs" update_ufs call_update_ufs(change: &UfsChange) -> bool;
    /// Adapts the cache system after the number of workers changed.
    "sync-replicas" sync_replicas call_sync_replicas() -> ();
    /// Tries once to empty the cache.
    "shutdown" shutdown call_shutdown() -> ();
}

impl Instance {
    pub(crate) fn new(pre: Arc<PluginPre>, scope: ObjectKey, backend: Arc<dyn Backend>) -> Self {
        Self {
            jobs: Arc::new(Mutex::new(Journal::of(pre.memory.clone()))),
            pre,
            scope: Arc::new(scope),
            backend,
            observer: None,
            known: None,
            instantiated: None,
        }
    }

    /// Returns the facts of a call with their number. They are copied once, and the same number says
    /// to the guest that they are those that it knows.
    fn facts(&mut self, ctx: &Context) -> (Arc<Context>, u64) {
        let revision = match &self.known {
            Some((known, revision)) if **known == *ctx => return (known.clone(), *revision),
            Some((_, revision)) => revision.saturating_add(1),
            None => 1,
        };
        let facts = (Arc::new(ctx.clone()), revision);
        self.known = Some(facts.clone());
        facts
    }

    /// Reports each call to an observer, for metrics.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Returns the description of the plugin. Only called while it is loaded; afterwards the
    /// description is in [`crate::Plugin::description`].
    pub(crate) async fn describe(&mut self) -> Result<Description, CallError> {
        let conversation = Conversation::new(self.limit("describe"), &self.jobs);
        call!(self, conversation, "describe", guest => guest.implement.call_describe(&mut guest.store))
    }

    /// Returns the chart values of a data operation's job, a JSON object. `kind` is the kind of the
    /// operation, `operation` the object as JSON.
    pub async fn data_operation(&mut self, ctx: &Context, kind: &str, operation: &str) -> CallResult<String> {
        let Some(operations) = self.pre.operations.clone() else {
            return Err(CallError::NotExported {
                site: Box::new(self.pre.site("data-operation", &self.scope)),
                interface: "operations",
            });
        };
        let operation = operation.to_owned();
        let facts = self.facts(ctx);
        converse!(self, "data-operation", guest => async {
            guest.store.data_mut().context = Some(facts.clone());
            let operations = operations.load(&mut guest.store, &guest.exports)?;
            operations.call_data_operation(&mut guest.store, lent(), kind, &operation).await
        })
    }

    /// Returns the bytes of memory that the component's instance has needed so far; `None` if there is
    /// no instance, as after a call that failed.
    pub fn memory(&self) -> Option<u64> {
        self.instantiated.as_ref().map(|guest| guest.store.data().memory())
    }

    /// Returns the values that this version counts as installed where another one has installed these.
    /// A plugin that exports no such function reads them as they are.
    pub async fn migrate(&mut self, installed: &str, from: &Origin) -> CallResult<String> {
        let Some(migration) = self.pre.migration.clone() else {
            return Ok(Err(Error::NotSupported));
        };
        let (began, installed) = (Instant::now(), installed.to_owned());
        let outcome: CallResult<String> = async {
            let conversation = Conversation::new(self.limit("migrate"), &self.jobs);
            let answer = call!(self, conversation, "migrate", guest => async {
                let migration = migration.load(&mut guest.store, &guest.exports)?;
                migration.call_migrate(&mut guest.store, &installed, from).await
            })?;
            // It is a function of its arguments.
            let asks = || Error::Failed("it asks for commands or requests, and may not".to_owned());
            Ok(if conversation.is_pending() { Err(asks()) } else { answer })
        }
        .await;
        if let Some(observer) = &self.observer {
            observer("migrate", began.elapsed(), outcome.as_ref().err());
        }
        outcome
    }

    /// Returns how long a method may take.
    fn limit(&self, method: &str) -> Duration {
        let limits = self.pre.identity.limits;
        if TASKS.contains(&method) {
            limits.task_deadline
        } else {
            limits.deadline
        }
    }

    /// Does what a method has asked for in a call, without an instance. Returns false if it has asked
    /// for nothing, so that it has answered.
    async fn goes_on(&mut self, method: &'static str, conversation: &Conversation) -> Result<bool, CallError> {
        if !conversation.is_pending() {
            return Ok(false);
        }
        self.let_go();
        if conversation.go_on(&self.pre, &self.scope, &*self.backend).await {
            return Ok(true);
        }
        Err(CallError::Deadline {
            site: Box::new(self.pre.site(method, &self.scope)),
            limit: conversation.limit,
        })
    }

    /// Gives up the component's instance, which the next call makes again: whoever waits long for
    /// something else keeps no place of the pool meanwhile.
    pub fn let_go(&mut self) {
        self.instantiated = None;
    }

    /// Takes the instance, or makes a fresh one. The caller puts it back only after a call that
    /// succeeded.
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
        let permit = async |of: &Arc<Semaphore>, what: &str| {
            tokio::time::timeout(limits.deadline, of.clone().acquire_owned())
                .await
                .map_err(|_| host(format!("all instances of the {what} have been in use for too long")))?
                .map_err(|error| host(error.to_string()))
        };
        let place = permit(&pre.places, "plugin").await?;
        let slot = permit(&pre.engine.slots, "pool").await?;
        let (scope, backend) = (self.scope.clone(), self.backend.clone());
        let mut store = store::new(
            &pre.engine.wasmtime,
            pre.identity.clone(),
            pre.memory.clone(),
            pre.requests.clone(),
            scope,
            backend,
            self.jobs.clone(),
        );
        let meter = store.data().meter.clone();
        // A start function is guest code too, so the same limits apply.
        let starting = Metered::new(meter.clone(), pre.linked.instantiate_async(&mut store));
        let started = tokio::time::timeout(limits.deadline, starting).await;
        pre.cpu.add(meter.spent_in_polls());
        let site = || pre.site(method, &self.scope);
        let failed = |error: &wasmtime::Error, data: &StoreData| CallError::from_wasmtime(error, site(), data);
        let instance = match started {
            Ok(Ok(instance)) => instance,
            Ok(Err(error)) => {
                let error = failed(&error, store.data());
                pre.record_fault(&self.scope, &error);
                return Err(error);
            }
            Err(_) => {
                return Err(CallError::Deadline {
                    site: Box::new(site()),
                    limit: limits.deadline,
                });
            }
        };
        let implement = pre.implement.load(&mut store, &instance);
        let implement = implement.map_err(|error| failed(&error, store.data()))?;
        Ok(Instantiated {
            store,
            exports: instance,
            implement,
            _slot: slot,
            _place: place,
        })
    }
}
