//! Advances the engine's epoch, by which a guest's own time is limited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// The precision of the limit on a guest's own time, and the time for which a guest can keep a
/// worker thread to itself.
const TICK: Duration = Duration::from_millis(10);
/// Ticks without a call after which the ticker sleeps until the next call.
const IDLE_TICKS: u32 = 100;

/// The thread that advances the engine's epoch. It ends with the engine, and sleeps while no guest
/// runs.
pub struct Ticker {
    state: Arc<TickerState>,
    thread: Option<Thread>,
}

struct TickerState {
    active: AtomicUsize,
    asleep: AtomicBool,
}

impl Ticker {
    /// Starts the thread.
    pub fn start(engine: EngineWeak) -> Self {
        let state = Arc::new(TickerState {
            active: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
        });
        let theirs = state.clone();
        let spawned = thread::Builder::new()
            .name("wasm-ticker".to_owned())
            .spawn(move || tick(&engine, &theirs));
        let thread = match spawned {
            Ok(handle) => Some(handle.thread().clone()),
            Err(error) => {
                tracing::error!(
                    %error,
                    "the ticker's thread did not start: the limit on plugins' time cannot be enforced, \
                     only their deadline"
                );
                None
            }
        };
        Self { state, thread }
    }

    /// Marks a call as running, until the result is dropped.
    pub fn run(&self) -> Running<'_> {
        self.state.active.fetch_add(1, Ordering::SeqCst);
        if self.state.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Running { state: &self.state }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // Counts as a call, so that the thread wakes, finds no engine, and ends.
        self.state.active.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }
}

/// Marks a call as running while it exists.
pub struct Running<'a> {
    state: &'a TickerState,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.state.active.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &EngineWeak, state: &TickerState) {
    let mut idle = 0;
    loop {
        thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        drop(engine);
        idle = if state.active.load(Ordering::SeqCst) == 0 {
            idle + 1
        } else {
            0
        };
        if idle >= IDLE_TICKS {
            state.asleep.store(true, Ordering::SeqCst);
            // A call that began before the line above is seen here. A call that begins after it
            // wakes the thread.
            while state.active.load(Ordering::SeqCst) == 0 {
                thread::park();
            }
            state.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticker_sleeps_while_nothing_runs_and_wakes_for_a_call() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak());
        let wait = |asleep: bool| {
            while ticker.state.asleep.load(Ordering::SeqCst) != asleep {
                thread::yield_now();
            }
        };
        wait(true);
        let running = ticker.run();
        wait(false);
        drop(running);
        wait(true);
    }
}
