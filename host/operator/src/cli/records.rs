//! `wasser records`: where Helm's records of releases are.

use anyhow::Result;
use wasser_chart::move_records;

use super::cluster::ClusterArgs;
use super::options::HelmDriver;

/// What can be done with records.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Move the records that Wasser has written to Helm's other driver, before the operator is told to
    /// use that one. Safe to interrupt and to repeat.
    Move(Args),
}

/// Where to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The driver to move to.
    #[arg(long, value_enum)]
    to: HelmDriver,
    /// The namespace of the releases; all if it is left out.
    #[arg(long, short)]
    namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Moves records, and prints each.
pub async fn run(command: Command) -> Result<()> {
    let Command::Move(args) = command;
    let client = args.cluster.client().await?;
    let moved = |namespace: &str, name: &str| {
        // The line says what was done already should the next one fail.
        let _ = super::print(&format!("{namespace}/{name}\n"));
    };
    let count = move_records(&client, args.namespace.as_deref(), args.to.into(), moved).await?;
    super::print(&format!("{count} records were moved\n"))
}
