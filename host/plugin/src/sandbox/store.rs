//! The state of one instance: its runtime, its identity, and what it has used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasser_api::ObjectKey;
use wasser_share::Allowance;

use crate::backend::Backend;
use crate::context::Context;
use crate::sandbox::budget::{Exhausted, Share};
use crate::sandbox::identity::PluginIdentity;
use crate::sandbox::journal::Journal;
use crate::sandbox::meter::Meter;
use crate::sandbox::stop::StopReason;

/// Component-model handles that may be alive in a store: one context, and those of guests that import
/// WASI.
const HANDLES: usize = 256;
/// The maximum number of tables of a component, and of elements in one table.
pub const TABLES: u32 = 8;
const TABLE_ELEMENTS: usize = 100_000;
/// The maximum number of core instances and of linear memories of a component, of which the pool has
/// as many for each of its places. A Rust guest has one
/// memory; a guest with an interpreter has a few instances.
pub const CORE_INSTANCES: u32 = 64;
pub const MEMORIES: u32 = 2;
/// What a call to the host that asks the API server counts as: a call may make 500 of them.
const FAR: u32 = 20;
/// The bytes of one element of a table.
const ELEMENT: usize = 8;

/// The state of one store.
pub struct StoreData {
    /// The plugin.
    pub identity: Arc<PluginIdentity>,
    /// The runtime that it is called for.
    pub scope: Arc<ObjectKey>,
    /// The cluster.
    pub backend: Arc<dyn Backend>,
    /// The guest's own time in the current call.
    pub meter: Arc<Meter>,
    /// The time that the current call may take, including waiting.
    pub deadline: Duration,
    /// When the current call began.
    pub began: Instant,
    /// The memory of all instances of the plugin.
    share: Arc<Share>,
    /// The requests of all instances of the plugin.
    requests: Arc<Allowance>,
    /// The size of all linear memories in bytes.
    memory: u64,
    /// The size of all tables in bytes.
    tables: u64,
    /// Why the guest did not get memory in the current call that it may have by itself.
    pub exhausted: Option<Exhausted>,
    /// Whether the guest asked for more memory than it may have.
    pub memory_denied: bool,
    /// The calls to the host in the current call.
    pub host_calls: u32,
    /// The lines logged in the current call, including dropped ones.
    pub log_lines: u32,
    /// The last line that was logged as an error in the current call.
    pub last_error_line: Option<String>,
    /// The jobs of the method that is called.
    pub jobs: Arc<Mutex<Journal>>,
    /// The runtime of the current call, and the number by which the guest knows these facts.
    pub context: Option<(Arc<Context>, u64)>,
}

impl StoreData {
    /// Returns the size of all linear memories in bytes. It never becomes smaller.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Resets the counters at the beginning of a call.
    pub fn begin_call(&mut self, deadline: Duration) {
        self.deadline = deadline;
        self.began = Instant::now();
        self.meter.reset();
        self.host_calls = 0;
        self.log_lines = 0;
        self.last_error_line = None;
        self.context = None;
        self.exhausted = None;
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).begin_call();
    }

    /// Returns whether the runtime of the current call names this object in a granted field.
    pub fn is_named(&self, kind: &str, name: &str) -> bool {
        let mut pointers = self
            .identity
            .effective
            .named_objects()
            .filter(|(granted, _)| *granted == kind);
        let runtime: Value = self
            .context
            .as_ref()
            .and_then(|(context, _)| serde_json::from_str(&context.runtime).ok())
            .unwrap_or_default();
        pointers.any(|(_, pointer)| runtime.pointer(pointer).and_then(Value::as_str) == Some(name))
    }

    /// Counts a call to the host that asks the API server, which weighs more, and waits until it is
    /// the plugin's turn.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_far(&mut self) -> wasmtime::Result<()> {
        self.host_calls = self.host_calls.saturating_add(FAR - 1);
        self.enter()?;
        let wait = self.requests.request(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Counts a call to the host. Every import begins with it, or with [`Self::enter_far`].
    ///
    /// # Errors
    /// The guest made too many calls.
    pub fn enter(&mut self) -> wasmtime::Result<()> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.identity.limits.host_calls {
            return Err(StopReason::HostCalls.into());
        }
        Ok(())
    }
}

/// Returns a store with every limit set.
pub fn new(
    engine: &Engine,
    identity: Arc<PluginIdentity>,
    share: Arc<Share>,
    requests: Arc<Allowance>,
    scope: Arc<ObjectKey>,
    backend: Arc<dyn Backend>,
    jobs: Arc<Mutex<Journal>>,
) -> Store<StoreData> {
    let output = identity.limits.output;
    let deadline = identity.limits.deadline;
    let meter = Arc::new(Meter::new());
    let data = StoreData {
        identity,
        scope,
        backend,
        meter,
        deadline,
        began: Instant::now(),
        share,
        requests,
        memory: 0,
        tables: 0,
        exhausted: None,
        memory_denied: false,
        host_calls: 0,
        log_lines: 0,
        last_error_line: None,
        jobs,
        context: None,
    };
    let mut store = Store::new(engine, data);
    store.limiter(|data| data);
    // Bounds the memory that the host allocates for one crossing of the boundary: for arguments of
    // imports and for results of exports.
    store.set_hostcall_fuel(output);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        let data = store.data();
        if data.meter.spent() > data.identity.limits.cpu {
            return Err(StopReason::Cpu.into());
        }
        // A worker thread serves all runtimes, so a guest yields it to the others at each tick.
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

impl ResourceLimiter for StoreData {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.memory.saturating_add(more);
        if total > self.identity.limits.memory {
            // The guest sees `memory.grow` fail, as on a machine without free memory, and usually
            // aborts.
            self.memory_denied = true;
            return Ok(false);
        }
        let granted = self.take(more);
        if granted {
            self.memory = total;
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_denied = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Ok(false);
        }
        let more = u64::try_from(desired.saturating_sub(current) * ELEMENT).unwrap_or(u64::MAX);
        let granted = self.take(more);
        if granted {
            self.tables = self.tables.saturating_add(more);
        }
        Ok(granted)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

impl StoreData {
    /// Takes memory of what all instances have together.
    fn take(&mut self, bytes: u64) -> bool {
        match self.share.take(bytes) {
            Ok(()) => true,
            Err(exhausted) => {
                self.exhausted = Some(exhausted);
                false
            }
        }
    }
}

impl Drop for StoreData {
    fn drop(&mut self) {
        self.share.give_back(self.memory.saturating_add(self.tables));
    }
}
