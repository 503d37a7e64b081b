//! The Wasser operator: Fluid's control plane with runtimes as WebAssembly plugins.

mod answered;
mod cli;
mod client;
mod context;
mod controllers;
mod fluid;
mod health;
#[cfg(test)]
mod in_process;
mod leader;
mod left;
mod metrics;
mod record_key;
mod registration;
mod served;
mod supervisor;
mod unlisted;
mod version;
mod watch_answer;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    match cli::run(cli::Cli::of_process(), started) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
