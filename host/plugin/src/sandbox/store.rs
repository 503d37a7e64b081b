//! What belongs to one instance: whom it works for, what it may do, and what it has used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};

use crate::backend::{Backend, Scope};
use crate::bindings::types::Context;
use crate::sandbox::identity::PluginIdentity;
use crate::sandbox::meter::Meter;
use crate::sandbox::stop::StopReason;

/// Component-model handles that may be alive in a store. The world has no resources of its own; this is for guests that import WASI.
const HANDLES: usize = 256;
/// Tables, and elements of one table.
const TABLES: usize = 32;
const TABLE_ELEMENTS: usize = 100_000;
/// Core instances and linear memories of a component. A Rust guest has 1 memory; those that carry an interpreter have a few instances.
const INSTANCES: usize = 64;
const MEMORIES: usize = 4;

/// The state of one store.
pub struct StoreData {
    /// The plugin.
    pub identity: Arc<PluginIdentity>,
    /// The runtime that it is called for.
    pub scope: Arc<Scope>,
    /// The cluster.
    pub backend: Arc<dyn Backend>,
    /// The guest's own time in the current call.
    pub meter: Arc<Meter>,
    /// How long the current call may take, waiting included.
    pub deadline: Duration,
    /// When the current call began.
    pub began: Instant,
    /// Bytes of all linear memories.
    memory: u64,
    /// Whether the guest wanted more memory than it may have.
    pub memory_denied: bool,
    /// What the current call has used.
    pub host_calls: u32,
    /// Lines logged in the current call, those that were dropped included.
    pub log_lines: u32,
    /// The last line that was logged as an error in the current call.
    pub last_error_line: Option<String>,
    /// How much later than it is the guest is made to believe.
    pub clock_offset: Duration,
    /// The runtime of the current call as JSON, where the plugin may read objects that it names.
    pub runtime: Option<String>,
}

impl StoreData {
    /// Starts counting anew, at the beginning of a call.
    pub fn begin_call(&mut self, deadline: Duration) {
        self.deadline = deadline;
        self.began = Instant::now();
        self.meter.reset();
        self.host_calls = 0;
        self.log_lines = 0;
        self.last_error_line = None;
        self.runtime = None;
    }

    /// Keeps what the current call's grants depend on.
    pub fn keep_named_objects(&mut self, ctx: &Context) {
        if self.identity.effective.named_objects().next().is_some() {
            self.runtime = Some(ctx.runtime.clone());
        }
    }

    /// Whether the runtime of the current call names this object in a field that is granted.
    pub fn is_named(&self, kind: &str, name: &str) -> bool {
        let mut pointers = self.identity.effective.named_objects().filter(|(granted, _)| *granted == kind);
        let runtime: Value = self
            .runtime
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        pointers.any(|(_, pointer)| runtime.pointer(pointer).and_then(Value::as_str) == Some(name))
    }

    /// Counts a call to the host; every import begins with it.
    pub fn enter(&mut self) -> wasmtime::Result<()> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.identity.limits.host_calls {
            return Err(StopReason::HostCalls.into());
        }
        Ok(())
    }
}

/// A store with every limit set.
pub fn new(engine: &Engine, identity: Arc<PluginIdentity>, scope: Arc<Scope>, backend: Arc<dyn Backend>) -> Store<StoreData> {
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
        memory: 0,
        memory_denied: false,
        host_calls: 0,
        log_lines: 0,
        last_error_line: None,
        clock_offset: Duration::ZERO,
        runtime: None,
    };
    let mut store = Store::new(engine, data);
    store.limiter(|data| data);
    // Bounds what one crossing of the boundary makes the host allocate, in both directions: arguments of imports, and results of exports.
    store.set_hostcall_fuel(output);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        let data = store.data();
        if data.meter.spent() > data.identity.limits.cpu {
            return Err(StopReason::Cpu.into());
        }
        // A worker thread serves every runtime, so a guest that runs long lets the others have it at each tick.
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

impl ResourceLimiter for StoreData {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.memory.saturating_add(more);
        if total > self.identity.limits.memory {
            // The guest sees `memory.grow` fail, as on a machine that is full, and usually aborts.
            self.memory_denied = true;
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_denied = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
