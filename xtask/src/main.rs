//! Developer commands: cluster, demo, test, bench, guests, image. Run them as `cargo xtask
//! COMMAND`.

mod commands;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Developer commands of Wasser.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure performance, and print JSON
    #[command(subcommand)]
    Bench(commands::bench::Args),
    /// Start, stop and inspect a Kubernetes cluster for development and tests
    #[command(subcommand)]
    Cluster(commands::cluster::Args),
    /// Show one Dataset becoming Bound on a real JuiceFS
    Demo(commands::demo::Args),
    /// Package the plugins
    Guests(commands::guests::Args),
    /// Build container images, and the chart that installs them
    Image(commands::image::Args),
    /// Run all checks and tests
    Test(commands::test::Args),
    /// Build the programs that the cluster consists of
    Tools(commands::tools::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bench(args) => commands::bench::run(&args),
        Command::Cluster(args) => commands::cluster::run(args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Guests(args) => commands::guests::run(&args),
        Command::Image(args) => commands::image::run(&args),
        Command::Test(args) => commands::test::run(args),
        Command::Tools(args) => commands::tools::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_holds() {
        super::Cli::command().debug_assert();
    }
}
