//! The command line: one file for each command.

pub mod adopt;
mod crds;
mod csi;
mod files;
mod logs;
mod options;
mod plugin;
mod precompile;
mod records;
mod render;
mod run;
mod signals;
mod webhook;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Datasets and their caches on Kubernetes, with runtimes as WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "wasser", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<run::Args>),
    /// Run the CSI node plugin, on every node.
    Csi(Box<csi::Args>),
    /// Serve the API server's questions about pods that use datasets.
    Webhook(webhook::Args),
    /// List what an upgrade of the releases that Fluid has installed would change.
    Adopt(adopt::Args),
    /// Print the custom resource definitions.
    Crds(crds::Args),
    /// Look at a plugin: a component, or the ConfigMap that registers it.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Where Helm's records of releases are.
    #[command(subcommand)]
    Records(records::Command),
    /// Show what would be installed for a Dataset and its runtime, without a cluster.
    Render(render::Args),
    /// Compile into the cache, for a later start.
    #[command(hide = true)]
    Precompile(precompile::Args),
}

/// Runs a command. `started` is when the process began.
pub fn run(cli: Cli, started: Instant) -> Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Run(args) => run::run(*args, started),
        Command::Csi(args) => csi::run(*args).map(done),
        Command::Webhook(args) => webhook::run(args).map(done),
        Command::Adopt(args) => block_on(adopt::run(args)).map(done),
        Command::Crds(args) => crds::run(&args).map(done),
        Command::Plugin(command) => block_on(plugin::run(command)),
        Command::Records(command) => block_on(records::run(command)).map(done),
        Command::Render(args) => block_on(render::run(args)).map(done),
        Command::Precompile(args) => precompile::run(&args).map(done),
    }
}

/// Prints a command's result. A reader that has seen enough, as `head` has, is not a failure.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// For the commands that are done in a moment.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.context("starting the async runtime")?.block_on(work)
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
