//! The program that serves what pods need of Wasser: volumes on their nodes, and what admission adds
//! to them. It is one of its own, without guests and what compiles them, since it runs on every node.

mod csi;
mod csi_probe;
mod webhook;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

/// Serves the kubelet and the API server.
#[derive(Debug, Parser)]
#[command(name = "wasser-serve", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the CSI node plugin, on every node.
    Csi(Box<csi::Args>),
    /// Serve the API server's questions about pods that use datasets.
    Webhook(webhook::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Csi(args) => csi::run(*args),
        Command::Webhook(args) => webhook::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the async runtime of a command. Requests are few and short; every thread costs memory.
fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("starting the async runtime")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_holds() {
        Cli::command().debug_assert();
    }
}
