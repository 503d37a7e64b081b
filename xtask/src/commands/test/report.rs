//! What was done, what came of it, and how long it took.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::commands::interrupt;

/// The report of a run.
#[derive(Default)]
pub struct Report {
    steps: Vec<Step>,
    remarks: Vec<String>,
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

struct Step {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

impl Report {
    /// Does something and notes what came of it. Fails only if the whole run was told to stop: one failed step is no reason not to try the others.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        interrupt::check()?;
        println!("\n==> {name}");
        let began = Instant::now();
        let outcome = work(self);
        let took = began.elapsed();
        match &outcome {
            Ok(()) => println!("==> {name}: done after {}", seconds(took)),
            Err(error) => println!("==> {name}: FAILED after {}: {error:#}", seconds(took)),
        }
        self.steps.push(Step {
            name,
            took,
            error: outcome.err().map(|error| format!("{error:#}")),
        });
        interrupt::check()
    }

    /// The whole run ends early.
    pub fn aborted(&mut self, error: &anyhow::Error) {
        self.steps.push(Step {
            name: "this run",
            took: Duration::ZERO,
            error: Some(format!("{error:#}")),
        });
    }

    /// Something was not done, for this reason.
    pub fn skipped(&mut self, why: &str) {
        println!("{why}");
        self.remarks.push(why.to_owned());
    }

    /// Tests have run.
    pub fn counted(&mut self, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
    }

    /// A test has failed.
    pub fn failed(&mut self, test: String) {
        self.failures.push(test);
    }

    /// Prints the summary. True if all is well.
    pub fn print(&self) -> bool {
        println!("\n==> summary");
        for step in &self.steps {
            let word = if step.error.is_some() { "FAILED" } else { "ok" };
            println!("{word:<7} {:>7}  {}", seconds(step.took), step.name);
        }
        for remark in &self.remarks {
            println!("not done: {remark}");
        }
        for error in self.steps.iter().filter_map(|step| step.error.as_ref()) {
            println!("error: {error}");
        }
        for test in &self.failures {
            println!("failed: {test}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.steps.iter().all(|step| step.error.is_none())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}
