//! Helm's engine as the rest of the program sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use wasmtime::{Engine, InstancePre, Module};
use wasser_share::{Others, idle};

use super::instance::{Instance, Request};
use super::pace::Render;
use super::pool::{KEPT_FOR, Pool};
use super::sandbox::{self, Sandbox};
use super::turns::Turns;
use super::work::Work;
use super::{ReleaseMeta, Rendered, artifact};
use crate::chart::Chart;
use crate::error::RenderError;

/// Bytes of memory of one render.
const MEMORY: usize = 192 << 20;
/// Renders at the same time on a machine with many processors, and the one in the place of slow
/// charts.
const PARALLEL: usize = 2;
const SLOW: usize = 1;

/// What templates see as `.Capabilities`.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Version of the cluster, such as `v1.33.2`. Without it, that of `helm template`.
    pub kube_version: Option<String>,
    /// API versions beyond those of `helm template`: `example.com/v1`, `example.com/v1/Kind`. Only
    /// charts that ask get them, for there are many.
    pub api_versions: watch::Receiver<Vec<String>>,
}

impl Capabilities {
    /// Those of a cluster whose API versions stay as they are.
    pub fn fixed(kube_version: Option<String>, api_versions: Vec<String>) -> Self {
        Self {
            kube_version,
            api_versions: watch::Sender::new(api_versions).subscribe(),
        }
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::fixed(None, Vec::new())
    }
}

/// What a render may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time of a processor.
    pub deadline: Duration,
    /// Bytes of memory.
    pub memory: usize,
    /// Renders at the same time. Each has an instance of some thirty megabytes, so by default there
    /// is one for every two processors, and two at most.
    pub parallel: usize,
    /// An instance with more bytes of memory than this is not used again.
    pub kept_memory: usize,
    /// How long an instance stays without work.
    pub kept_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            memory: MEMORY,
            parallel: std::thread::available_parallelism()
                .map_or(1, |processors| processors.get().div_ceil(2))
                .min(PARALLEL),
            kept_memory: 64 << 20,
            kept_for: KEPT_FOR,
        }
    }
}

/// Helm's engine, ready to render. Clones share their instances.
#[derive(Clone)]
pub struct Renderer {
    shared: Arc<Shared>,
    capabilities: Arc<Capabilities>,
}

struct Shared {
    pool: Arc<Pool>,
    turns: Turns,
    pre: InstancePre<Sandbox>,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Renderer")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl Renderer {
    /// Bytes that all renders may take together, with their stacks.
    pub const MOST_MEMORY: usize = (PARALLEL + SLOW) * (MEMORY + artifact::WASM_STACK);

    /// Prepares the engine; its compiled form is kept in `cache_dir`. Blocks for some milliseconds,
    /// or for many seconds if it was never compiled.
    ///
    /// # Errors
    /// If the directory cannot be used or the engine does not compile.
    pub fn open(cache_dir: &Path) -> Result<Self, RenderError> {
        let engine = artifact::engine()?;
        let module = artifact::load(&engine, cache_dir)?;
        Self::of(&engine, &module)
    }

    /// The same with what [`Renderer::ship`] has made elsewhere, in a directory that only root can write
    /// to. None where there is nothing for this version and this processor.
    ///
    /// # Errors
    /// If wasmtime cannot be used here.
    pub fn open_shipped(directory: &Path) -> Result<Option<Self>, RenderError> {
        let engine = artifact::engine()?;
        let module = artifact::shipped(&engine, directory);
        module.map(|module| Self::of(&engine, &module)).transpose()
    }

    fn of(engine: &Engine, module: &Module) -> Result<Self, RenderError> {
        let linked = sandbox::linker(engine, module).and_then(|linker| linker.instantiate_pre(module));
        let pre = linked.map_err(|error| RenderError::Engine {
            message: format!("linking it: {error:#}"),
        })?;
        Ok(Self {
            shared: Arc::new(Shared::new(pre, Limits::default(), &Others::default())),
            capabilities: Arc::default(),
        })
    }

    /// Compiles the engine into `cache_dir` if it is not there.
    ///
    /// # Errors
    /// If the directory cannot be used or the engine does not compile.
    pub fn precompile(cache_dir: &Path) -> Result<(), RenderError> {
        artifact::load(&artifact::engine()?, cache_dir).map(drop)
    }

    /// Compiles the engine for images, into a directory from which [`Renderer::open_shipped`] opens it,
    /// unless it is there. Returns its path.
    ///
    /// # Errors
    /// If the file cannot be written or the engine does not compile.
    pub fn ship(directory: &Path) -> Result<PathBuf, RenderError> {
        artifact::ship(directory)
    }

    /// The same engine with instances of its own, which have these limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared::new(self.shared.pre.clone(), limits, &Others::default())),
            capabilities: self.capabilities.clone(),
        }
    }

    /// The same engine with instances of its own, whose slow renders give way to others.
    #[must_use]
    pub fn giving_way(&self, others: &Others) -> Self {
        Self {
            shared: Arc::new(Shared::new(self.shared.pre.clone(), Limits::default(), others)),
            capabilities: self.capabilities.clone(),
        }
    }

    /// The same engine and instances for a cluster with these capabilities.
    #[must_use]
    pub fn with_capabilities(&self, capabilities: Capabilities) -> Self {
        Self {
            shared: self.shared.clone(),
            capabilities: Arc::new(capabilities),
        }
    }

    /// Returns how often its instances have done such work, and how long all of it took.
    pub fn done(&self, work: Work) -> (u64, Duration) {
        self.shared.pool.counts().of(work)
    }

    /// Renders a chart with these values over its own.
    ///
    /// # Errors
    /// If Helm refuses the chart or the values, or a limit was met.
    pub async fn render(&self, chart: &Chart, meta: &ReleaseMeta, values: &Value) -> Result<Rendered, RenderError> {
        let engine = |message: String| RenderError::Engine { message };
        let kube_version = self.capabilities.kube_version.as_deref().unwrap_or_default();
        let api_versions = match chart.asks_capabilities() {
            true => self.capabilities.api_versions.borrow().clone(),
            false => Vec::new(),
        };
        let request = Request::new(meta, values, kube_version, &api_versions);
        let request = serde_json::to_vec(&request).map_err(|error| engine(format!("writing the values: {error}")))?;
        let waiting = self.shared.pool.wait();
        let _idle = idle();
        let turn = self.shared.turns.take(chart.digest(), &meta.namespace).await;
        drop(waiting);
        let chart = Arc::new(chart.clone());
        let (sender, receiver) = oneshot::channel();
        let rendering = chart.clone();
        let job = move |instance: &mut Instance, render: Render| instance.render(&rendering, &request, render);
        let done = move |outcome| {
            // If the caller has gone, nobody listens; the turn ends with the render nevertheless.
            let _ = sender.send(outcome);
        };
        self.shared
            .pool
            .spawn(chart.clone(), turn, job, done)
            .map_err(|error| engine(format!("starting a thread: {error}")))?;
        let crashed = |_| RenderError::Crashed {
            chart: chart.name().to_owned(),
            message: "the rendering thread ended".to_owned(),
        };
        receiver.await.map_err(crashed)?
    }
}

impl Shared {
    fn new(pre: InstancePre<Sandbox>, limits: Limits, others: &Others) -> Self {
        let turns = Turns::new(limits.parallel.max(1));
        Self {
            pool: Pool::new(pre.clone(), limits, others),
            turns,
            pre,
        }
    }
}
