//! The few warm instances, and the thread that looks after them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::{Engine, InstancePre};
use wasser_share::{Others, thread};

use super::Limits;
use super::artifact::{self, WASM_STACK};
use super::instance::Instance;
use super::pace::{Render, TICK};
use super::sandbox::Sandbox;
use super::turns::Turn;
use super::work::Counts;
use crate::chart::Chart;
use crate::error::RenderError;

/// Stack of a rendering thread: the module's, and what wasmtime and the host's functions need above
/// it.
const STACK: usize = WASM_STACK + (4 << 20);

/// Instances between renders.
pub struct Pool {
    pre: InstancePre<Sandbox>,
    limits: Limits,
    /// Whom slow renders give way to.
    others: Others,
    counts: Arc<Counts>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Instance>,
    /// Renders under way.
    active: usize,
    /// Instances that have answered and are not back yet.
    returning: usize,
    /// Callers that wait for their turn.
    waiting: usize,
    /// Whether the keeper's thread runs.
    kept: bool,
}

impl Pool {
    pub fn new(pre: InstancePre<Sandbox>, limits: Limits, others: &Others) -> Arc<Self> {
        Arc::new(Self {
            pre,
            limits,
            others: others.clone(),
            counts: Arc::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Returns what its instances have done.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts a caller that waits for its turn, until the guard is dropped.
    pub fn wait(self: &Arc<Self>) -> Waiting {
        self.lock().waiting += 1;
        Waiting(self.clone())
    }

    /// Runs a job with an instance, on a thread of its own: templates may need more stack than the
    /// threads of a runtime have, and it takes milliseconds of a processor. `done` gets the
    /// outcome. The instance is kept only if it is still good; then `turn` is dropped.
    pub fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        chart: Arc<Chart>,
        turn: Turn,
        job: impl FnOnce(&mut Instance, Render) -> Result<T, RenderError> + Send + 'static,
        done: impl FnOnce(Result<T, RenderError>) + Send + 'static,
    ) -> std::io::Result<()> {
        let pool = self.clone();
        let run = move || {
            let active = pool.begin();
            match pool.take(&chart) {
                Ok(mut instance) => {
                    let outcome = job(&mut instance, Render::begin(&turn.place, &pool.others));
                    let usable = matches!(outcome, Ok(_) | Err(RenderError::Template(_)));
                    pool.lock().returning += 1;
                    done(outcome);
                    // Nobody waits for this.
                    let kept = usable && instance.tidy();
                    pool.give_back(kept.then_some(instance));
                }
                Err(error) => done(Err(error)),
            }
            turn.ended(thread::time());
            drop((active, turn));
        };
        std::thread::Builder::new()
            .name("helm".to_owned())
            .stack_size(STACK)
            .spawn(run)
            .map(drop)
    }

    /// An idle instance, best one that knows the chart, or a new one.
    fn take(&self, chart: &Chart) -> Result<Instance, RenderError> {
        let found = {
            let returns = |state: &mut State| state.idle.is_empty() && state.returning > 0;
            let mut state = self
                .changed
                .wait_while(self.lock(), returns)
                .unwrap_or_else(PoisonError::into_inner);
            let best = state
                .idle
                .iter()
                .position(|instance| instance.knows(chart))
                .or(state.idle.len().checked_sub(1));
            best.map(|index| state.idle.swap_remove(index))
        };
        found.map_or_else(|| Instance::new(&self.pre, &self.limits, &self.counts), Ok)
    }

    /// Keeps an instance for the next render, unless it has grown, or there is one already and
    /// nobody waits.
    fn give_back(&self, instance: Option<Instance>) {
        let small = instance.filter(|instance| instance.memory_size() <= self.limits.kept_memory);
        let mut state = self.lock();
        state.returning -= 1;
        let unwanted = if state.idle.is_empty() || state.waiting > 0 {
            state.idle.extend(small);
            None
        } else {
            small
        };
        drop(state);
        self.changed.notify_all();
        drop(unwanted);
    }

    fn begin(self: &Arc<Self>) -> Active {
        let mut state = self.lock();
        state.active += 1;
        let start = !std::mem::replace(&mut state.kept, true);
        drop(state);
        self.changed.notify_all();
        if start {
            let pool = self.clone();
            let engine = self.pre.module().engine().clone();
            if let Err(error) = std::thread::Builder::new()
                .name("helm-keeper".to_owned())
                .spawn(move || pool.keep(&engine))
            {
                // The next render tries again. Until then, endless templates do not end.
                tracing::error!(%error, "no thread for the deadlines of Helm's engine");
                self.lock().kept = false;
            }
        }
        Active(self.clone())
    }

    /// Advances the epoch while something renders, drops what is idle for long, and ends when
    /// nothing is left.
    fn keep(&self, engine: &Engine) {
        let mut state = self.lock();
        let mut last = Instant::now();
        loop {
            if state.active > 0 {
                state = self
                    .changed
                    .wait_timeout(state, TICK)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                if last.elapsed() >= TICK {
                    engine.increment_epoch();
                    last = Instant::now();
                }
                continue;
            }
            let idle = last.elapsed();
            if idle >= self.limits.kept_for {
                let unused = std::mem::take(&mut state.idle);
                state.kept = false;
                drop(state);
                drop(unused);
                artifact::page_out(self.pre.module());
                return;
            }
            state = self
                .changed
                .wait_timeout(state, self.limits.kept_for - idle)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// A poisoned lock means that a thread panicked between two assignments; the counts are still
    /// right.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for a turn.
pub struct Waiting(Arc<Pool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Something renders.
struct Active(Arc<Pool>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.lock().active -= 1;
        self.0.changed.notify_all();
    }
}

/// How long an instance stays without work, unless configured otherwise.
pub const KEPT_FOR: Duration = Duration::from_secs(20);
