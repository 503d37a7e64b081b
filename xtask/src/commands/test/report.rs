//! The steps of a run, their results, and how long they took.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::commands::interrupt;

/// The report of a run, some steps of which are done at the same time.
#[derive(Default)]
pub struct Report {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: Vec<Step>,
    remarks: Vec<String>,
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

struct Step {
    name: String,
    took: Duration,
    error: Option<String>,
}

impl Report {
    /// Does a step and records its result. Fails only if the whole run got a signal to stop: a
    /// failed step must not keep the others from being tried.
    pub fn step(&self, name: impl Into<String>, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        interrupt::check()?;
        let name = name.into();
        println!("\n==> {name}");
        let began = Instant::now();
        let outcome = work(self);
        let took = began.elapsed();
        match &outcome {
            Ok(()) => println!("==> {name}: done after {}", seconds(took)),
            Err(error) => println!("==> {name}: FAILED after {}: {error:#}", seconds(took)),
        }
        self.lock().steps.push(Step {
            name,
            took,
            error: outcome.err().map(|error| format!("{error:#}")),
        });
        interrupt::check()
    }

    /// Records how long a part of a step took.
    pub fn took(&self, name: impl Into<String>, took: Duration) {
        let name = name.into();
        self.lock().steps.push(Step {
            name,
            took,
            error: None,
        });
    }

    /// Records that the whole run ends early.
    pub fn aborted(&self, error: &anyhow::Error) {
        self.lock().steps.push(Step {
            name: "this run".to_owned(),
            took: Duration::ZERO,
            error: Some(format!("{error:#}")),
        });
    }

    /// Records that something was not done, for this reason.
    pub fn skipped(&self, why: &str) {
        println!("{why}");
        self.lock().remarks.push(why.to_owned());
    }

    /// Records that tests have run.
    pub fn counted(&self, passed: u64, failed: u64) {
        let mut state = self.lock();
        state.passed += passed;
        state.failed += failed;
    }

    /// Records that a test has failed.
    pub fn failed(&self, test: String) {
        self.lock().failures.push(test);
    }

    /// Prints the summary. Returns true if everything succeeded.
    pub fn print(&self) -> bool {
        let state = self.lock();
        println!("\n==> summary");
        for step in &state.steps {
            let word = if step.error.is_some() { "FAILED" } else { "ok" };
            println!("{word:<7} {:>7}  {}", seconds(step.took), step.name);
        }
        for remark in &state.remarks {
            println!("not done: {remark}");
        }
        for error in state.steps.iter().filter_map(|step| step.error.as_ref()) {
            println!("error: {error}");
        }
        for test in &state.failures {
            println!("failed: {test}");
        }
        println!("{} passed, {} failed", state.passed, state.failed);
        state.failed == 0 && state.steps.iter().all(|step| step.error.is_none())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}
