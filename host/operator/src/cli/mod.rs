//! The command line: one file for each command.

pub mod adopt;
mod cluster;
mod crds;
pub mod data;
mod host;
mod options;
pub mod plugin;
mod precompile;
mod records;
mod render;
mod run;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// What users call this program.
const NAME: &str = "wasser";
/// What they call it when kubectl starts it as its plugin, and the name of its file then.
const PLUGIN: (&str, &str) = ("kubectl wasser", "kubectl-wasser");

/// Datasets and their caches on Kubernetes, with runtimes as WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "wasser", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What users call this program.
    #[arg(skip = NAME)]
    program: &'static str,
}

impl Cli {
    /// Parses the command line of this process, whose first word may be that of a plugin of kubectl.
    pub fn of_process() -> Self {
        match Self::of(std::env::args_os().collect()) {
            Ok(cli) => cli,
            Err(error) => error.exit(),
        }
    }

    fn of(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let file = words.first().map(Path::new).and_then(Path::file_stem);
        let is_plugin = file.is_some_and(|file| file == PLUGIN.1);
        let mut command = Self::command().bin_name(NAME);
        if is_plugin {
            command = as_plugin(command).bin_name(PLUGIN.0);
        }
        let mut cli = Self::from_arg_matches(&command.try_get_matches_from_mut(words)?)?;
        if is_plugin {
            cli.program = PLUGIN.0;
        }
        Ok(cli)
    }
}

/// Writes the examples of all commands as for a plugin of kubectl.
fn as_plugin(command: clap::Command) -> clap::Command {
    let examples = command.get_after_help().map(|text| text.to_string());
    let command = match examples {
        Some(text) => command.after_help(text.replace("wasser data", &format!("{} data", PLUGIN.0))),
        None => command,
    };
    command.mut_subcommands(as_plugin)
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<run::Args>),
    /// List what an upgrade of the releases that Fluid has installed would change.
    Adopt(adopt::Args),
    /// Load, copy, back up and process the data of Datasets.
    #[command(subcommand)]
    Data(data::Command),
    /// Print the custom resource definitions, for Kubernetes 1.30 and later. Earlier versions refuse
    /// their rules for names, which the chart leaves out there.
    Crds(crds::Args),
    /// Make, check and distribute plugins, and install them in a cluster.
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
        Command::Adopt(args) => block_on(adopt::run(args)).map(done),
        Command::Data(command) => block_on(data::run(command, cli.program)),
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
    let runtime = runtime.context("starting the async runtime")?;
    let done = runtime.block_on(work);
    // A thread that compiles cannot be stopped, and nobody waits for what it makes any more.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_holds() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case("/usr/bin/wasser", "wasser", "Usage: wasser data load [OPTIONS] <DATASET>")]
    #[case("wasser-1.2", "wasser", "Usage: wasser data load [OPTIONS] <DATASET>")]
    #[case(
        "/opt/kubectl-wasser",
        "kubectl wasser",
        "Usage: kubectl wasser data load [OPTIONS] <DATASET>"
    )]
    fn the_program_is_called_as_users_call_it(#[case] file: &str, #[case] program: &str, #[case] usage: &str) {
        let of = |words: &[&str]| Cli::of([&[file], words].concat().into_iter().map(OsString::from).collect());
        let help = of(&["data", "load", "--help"]).unwrap_err().to_string();
        assert!(help.contains(usage), "{help}");
        assert!(help.contains(&format!("\n  {program} data load demo --path")), "{help}");
        assert_eq!(of(&["data", "list"]).unwrap().program, program);
    }

    #[test]
    fn every_command_on_data_has_an_example() {
        let cli = Cli::command();
        let data = cli.find_subcommand("data").unwrap();
        for command in data.get_subcommands() {
            let help = command
                .get_after_help()
                .map(|text| text.to_string())
                .unwrap_or_default();
            let example = format!("\n  wasser data {} ", command.get_name());
            assert!(help.starts_with("Examples:\n") && help.contains(&example), "{help}");
        }
    }

    /// Returns the commands of this program in a text, without what a shell would interpret.
    fn command_lines(text: &str) -> Vec<Vec<OsString>> {
        let whole = text.replace("\\\n", " ");
        let lines = whole
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("wasser plugin "));
        let words = |line: &str| {
            let line = line.split(" #").next().unwrap_or_default();
            line.split_whitespace().map(OsString::from).collect()
        };
        lines.map(words).collect()
    }

    #[test]
    fn examples_of_plugins_in_a_cluster_are_command_lines() {
        let cli = Cli::command();
        let plugin = cli.find_subcommand("plugin").unwrap();
        let help = |name: &str| {
            plugin
                .find_subcommand(name)
                .and_then(clap::Command::get_after_help)
                .unwrap()
                .to_string()
        };
        let guide = include_str!("../../../../docs/plugins.md").to_owned();
        for name in ["install", "list", "upgrade", "rollback", "remove"] {
            for text in [help(name), guide.clone()] {
                let lines = command_lines(&text);
                assert!(lines.iter().any(|words| words[2] == name), "{name}: {text}");
                for words in lines {
                    Cli::of(words).unwrap_or_else(|error| panic!("{error}"));
                }
            }
        }
    }
}
