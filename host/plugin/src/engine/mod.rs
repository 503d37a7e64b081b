//! The wasmtime engine of the process, and everything that exists once per process.
//!
//! # One engine
//! All plugins share one `wasmtime::Engine`, one linker and one pool of instances. Every component
//! is compiled with the same configuration, in this process or in another one.
//!
//! # Trusted machine code
//! A compiled component is loaded without further checks of its code, so it is only read from a
//! directory that nobody but this user can write to, or nobody but root in the image. wasmtime refuses
//! what another version has made, or for features that this processor has not (`cache.rs`).
//!
//! # Guests have threads of their own
//! Whatever calls a plugin runs on them (`threads.rs`), so that nothing else waits while guests
//! compute.
//!
//! # Compilations do not block calls
//! Components are compiled one at a time, within a time limit and off the async runtime
//! (`compile.rs`); by the operator in a process of their own, whose memory is bounded (`bounds.rs`).
//! What killed the operator is not tried again, be it the compilation or the check before it
//! (`mark.rs`).
//!
//! # Time passes only while guests run
//! The ticker advances the engine's epoch, by which stores limit the guest's own time, and sleeps
//! while there are no calls (`ticker.rs`).

pub mod bounds;
pub mod cache;
pub mod compile;
pub mod disk;
pub mod error;
mod mark;
pub mod threads;
pub mod ticker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cap_std::fs::Dir;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::engine::cache::Cache;
use crate::engine::error::HostError;
use crate::engine::threads::Threads;
use crate::engine::ticker::Ticker;
use crate::package::digest::Digest;
use crate::package::limits::MAX_MEMORY;
use crate::package::source::PluginDir;
use crate::sandbox::budget::{Budget, TOTAL};
use crate::sandbox::store::{CORE_INSTANCES, MEMORIES, StoreData, TABLES};

/// Instances that may be alive at the same time. Further calls wait for one. A guest that calls
/// `exec.run` holds one while its pod hangs, so there are enough for two such kinds whose pods all
/// hang, in addition to the others. An unused slot takes no memory.
const INSTANCES: u32 = 512;
/// Of these, instances of one plugin: so many that two whose pods all hang leave some to others.
pub const INSTANCES_OF_ONE: usize = 224;
/// The stack that a guest may use. The rest of a call's stack is for the host functions that it
/// calls.
const GUEST_STACK: usize = 512 << 10;
const CALL_STACK: usize = 2 << 20;
/// Memory that a returned slot of the pool keeps. Its used pages are overwritten rather than
/// returned to the system, which spares the next instance the page faults that are most of its
/// cost.
const KEEP_RESIDENT: usize = 256 << 10;

/// The configuration of the host.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// The directory in which compiled components are kept between starts. It is created with mode
    /// 0700 if it does not exist, and refused if others can write to it.
    pub cache_dir: PathBuf,
    /// How many bytes the compiled components may take there.
    pub compiled_bytes: u64,
    /// How many bytes that with which registrations served last may take there.
    pub last_good_bytes: u64,
    /// A directory of root's with components that were compiled by [`PluginHost::ship`]. `None` if all
    /// are compiled here.
    pub compiled_dir: Option<PathBuf>,
    /// The directory below which `path:` sources are found. `None` if `path:` sources are not
    /// served.
    pub plugin_dir: Option<PathBuf>,
    /// The maximum size of a component or chart, in bytes.
    pub max_file: u64,
    /// The time limit of the compilation of a small component. Each MiB of a larger one adds 10 s.
    pub compile_timeout: Duration,
    /// A program and its first arguments, to which the paths of a component and of the output are
    /// appended. The program calls [`precompile_file`]. A separate process keeps the compiler's
    /// memory out of this one, can be killed, and can be bounded. `None` if everything is compiled in
    /// this process.
    ///
    /// [`precompile_file`]: PluginHost::precompile_file
    pub precompiler: Option<Vec<PathBuf>>,
}

impl HostConfig {
    /// Returns the defaults with this cache directory.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            compiled_bytes: u64::MAX,
            last_good_bytes: u64::MAX,
            compiled_dir: None,
            plugin_dir: None,
            max_file: 64 << 20,
            compile_timeout: Duration::from_secs(60),
            precompiler: None,
        }
    }
}

/// Loads plugins. It is cheap to clone, and all clones are the same host.
#[derive(Clone)]
pub struct PluginHost {
    pub(crate) engine: Arc<PluginEngine>,
}

/// The wasmtime engine, and everything else that all plugins share.
pub struct PluginEngine {
    pub wasmtime: Engine,
    /// Has every interface of the WIT. Other imports of a component are added to a copy.
    pub linker: Linker<StoreData>,
    /// One permit for each slot of the pool.
    pub slots: Arc<Semaphore>,
    /// Where guests run.
    pub threads: Threads,
    /// The memory of all instances.
    pub memory: Arc<Budget>,
    pub ticker: Ticker,
    pub cache: Cache,
    pub plugin_dir: Option<PluginDir>,
    pub config: HostConfig,
    /// One permit, because a compilation is long and takes many times the component's size in
    /// memory.
    pub compiling: Arc<Semaphore>,
}

impl PluginHost {
    /// Bytes that all plugins may take together, with their stacks and a compilation.
    pub const MOST_MEMORY: u64 = TOTAL + INSTANCES as u64 * GUEST_STACK as u64 + bounds::MOST;

    /// Sets up the engine, which takes a few milliseconds.
    ///
    /// # Errors
    /// A directory cannot be used, or wasmtime refuses its configuration.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let wasmtime = new_engine(wasmtime_config())?;
        let failed = |error: wasmtime::Error| HostError::Engine(format!("{error:#}"));
        let linker = crate::sandbox::imports::linker(&wasmtime).map_err(failed)?;
        let cache = Cache::open(&config.cache_dir, &wasmtime)?
            .limited_to(config.compiled_bytes)
            .or_shipped(config.compiled_dir.clone());
        let plugin_dir = match &config.plugin_dir {
            Some(path) => {
                let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority());
                let path = path.clone();
                match dir {
                    Ok(dir) => Some(PluginDir { dir, path }),
                    Err(reason) => return Err(HostError::PluginDir { path, reason }),
                }
            }
            None => None,
        };
        let engine = PluginEngine {
            ticker: Ticker::start(wasmtime.weak()),
            threads: Threads::start()?,
            memory: Budget::new(),
            slots: Arc::new(Semaphore::new(INSTANCES as usize)),
            compiling: Arc::new(Semaphore::new(1)),
            wasmtime,
            linker,
            cache,
            plugin_dir,
            config,
        };
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    /// Returns the threads for what calls plugins.
    pub fn threads(&self) -> Threads {
        self.engine.threads.clone()
    }

    /// Returns the number of instances that are alive, for metrics.
    pub fn instances(&self) -> usize {
        (INSTANCES as usize).saturating_sub(self.engine.slots.available_permits())
    }

    /// Compiles the component in one file into another, with the configuration of every host of
    /// this version. This is the whole work of a `precompiler`. The calling host has checked the
    /// input.
    ///
    /// # Errors
    /// A file cannot be read or written, or the component cannot be compiled.
    pub fn precompile_file(component: &Path, output: &Path) -> Result<(), HostError> {
        precompile(component, output, |_| Ok(()))
    }

    /// The same, in a process that exists for this alone: what it may take of memory and of
    /// processors is bounded by the size of the component.
    ///
    /// # Errors
    /// As [`PluginHost::precompile_file`], or the process cannot be bounded.
    pub fn precompile_file_bounded(component: &Path, output: &Path) -> Result<(), HostError> {
        precompile(component, output, bounds::bound_process)
    }
}

impl PluginHost {
    /// Compiles the component in a file for images, into a directory that becomes a host's
    /// `compiled_dir`, unless it is there. Returns its path.
    ///
    /// # Errors
    /// A file cannot be read or written, or the component cannot be compiled.
    pub fn ship(component: &Path, directory: &Path) -> Result<PathBuf, HostError> {
        let failed = |reason: String| HostError::Compile {
            path: component.to_owned(),
            reason,
        };
        let bytes = std::fs::read(component).map_err(|error| failed(error.to_string()))?;
        let refused = |error: wasmtime::Error| failed(format!("{error:#}"));
        let mut config = wasmtime_config();
        let engine = wasser_shipped::for_most_processors(&mut config).and_then(|config| Engine::new(config));
        let engine = engine.map_err(refused)?;
        let path = wasser_shipped::path(directory, &cache::shipped_name(&Digest::of(&bytes)), &engine);
        if !path.is_file() {
            let compiled = engine.precompile_component(&bytes).map_err(refused)?;
            wasser_shipped::write(&path, &compiled)
                .map_err(|error| failed(format!("writing {}: {error}", path.display())))?;
        }
        Ok(path)
    }
}

fn precompile(component: &Path, output: &Path, bound: fn(u64) -> std::io::Result<()>) -> Result<(), HostError> {
    let failed = |reason: String| HostError::Compile {
        path: component.to_owned(),
        reason,
    };
    let bytes = std::fs::read(component).map_err(|error| failed(error.to_string()))?;
    // On one thread. Many would have a stack each on a node with many processors, which counts as
    // memory of the process, and would take the processors from pods.
    let mut config = wasmtime_config();
    config.parallel_compilation(false);
    let engine = new_engine(config)?;
    bound(bytes.len() as u64).map_err(|error| failed(format!("bounding the process: {error}")))?;
    let compiled = engine
        .precompile_component(&bytes)
        .map_err(|error| failed(format!("{error:#}")))?;
    std::fs::write(output, compiled).map_err(|error| failed(format!("writing {}: {error}", output.display())))
}

fn new_engine(mut config: Config) -> Result<Engine, HostError> {
    let failed = |error: wasmtime::Error| HostError::Engine(format!("{error:#}"));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            // The pool reserves four terabytes of address space, which `ulimit -v` can forbid.
            tracing::warn!(
                error = format!("{error:#}"),
                "no pool of instances; starting an instance takes longer"
            );
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config).map_err(failed)
        }
    }
}

fn wasmtime_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(CALL_STACK)
        // Features that no toolchain for this world uses are disabled, so that they need not be
        // trusted.
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_custom_page_sizes(false)
        // Traps name functions. Code offsets as well would double the size of compiled code in
        // memory.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // As many of everything as all permitted instances can have, so that none takes what another
    // has a permit for. What is not used is address space only.
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(INSTANCES * MEMORIES)
        .max_memories_per_component(MEMORIES)
        .total_tables(INSTANCES * TABLES)
        .max_tables_per_component(TABLES)
        .total_stacks(INSTANCES)
        .max_memory_size(usize::try_from(MAX_MEMORY).unwrap_or(usize::MAX))
        .max_unused_warm_slots(16)
        // Linux reports the used pages since 6.7.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT);
    pool
}
