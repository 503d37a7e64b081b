//! `wasser data`: data operations from the command line.
//!
//! A command makes an object from its options, with the types of the API and the checks of the
//! operator, creates it, and follows it by watch. Nothing but `cancel` ends an operation: a command
//! that stops, for whatever reason, leaves it running and says how to come back. The functions that do
//! the work take client, screen and interruption, so that tests run them against a server of their own.

mod backup;
pub mod cancel;
pub mod create;
pub mod draft;
pub mod follow;
mod inputs;
pub mod list;
mod load;
mod logs;
mod migrate;
pub mod names;
pub mod place;
pub mod problem;
mod process;
pub mod screen;
pub mod state;
pub mod table;
#[cfg(test)]
pub mod tests;
mod wait;

use std::process::ExitCode;

use anyhow::Result;

/// What can be done with data operations.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Bring data of a Dataset into its cache before it is used.
    #[command(after_help = LOAD)]
    Load(Box<load::Args>),
    /// Copy data into a Dataset or out of it.
    #[command(after_help = MIGRATE)]
    Migrate(Box<migrate::Args>),
    /// Save the metadata of a cache system, for a Dataset that is created later.
    #[command(after_help = BACKUP)]
    Backup(Box<backup::Args>),
    /// Run a program on the data of a Dataset.
    #[command(after_help = PROCESS)]
    Process(Box<process::Args>),
    /// List the operations of all kinds.
    #[command(visible_alias = "ls", after_help = LIST)]
    List(list::Args),
    /// Follow an operation to its end.
    #[command(after_help = WAIT)]
    Wait(wait::Args),
    /// End an operation, and remove what it has made.
    #[command(after_help = CANCEL)]
    Cancel(cancel::Args),
}

/// What all commands that follow an operation say in the end.
macro_rules! with_endings {
    ($examples:literal) => {
        concat!(
            $examples,
            "\n\nCtrl-C leaves the operation running, and says how to follow it again.",
            "\nExit codes: 0 complete, 1 failed or not created, 2 wrong options, 3 --timeout, 130 Ctrl-C."
        )
    };
}

const LOAD: &str = with_endings!(
    "Examples:
  # Load two directories, and come back when they are in the cache:
  wasser data load demo --path /train --path /val

  # Load everything every night, after reading the metadata:
  wasser data load demo --metadata --schedule \"0 3 * * *\"

  # Write a manifest, without a cluster:
  wasser data load demo --option threads=32 --ttl 1h --dry-run=client -o yaml"
);

const MIGRATE: &str = with_endings!(
    "Examples:
  # Copy a bucket into a Dataset; the keys are in the Secret photos-keys:
  wasser data migrate --from s3://photos.s3.eu-central-1.amazonaws.com/2024/ --to demo:/2024 \\
    --secret-option access-key=photos-keys/id --secret-option secret-key=photos-keys/secret

  # Copy results out into a claim, by four pods:
  wasser data migrate --from demo:/results --to pvc://archive/results --parallelism 4"
);

const BACKUP: &str = with_endings!(
    "Examples:
  # Save the metadata of an Alluxio into a claim:
  wasser data backup hbase --to pvc://backups/hbase"
);

const PROCESS: &str = with_endings!(
    "Examples:
  # Run a command on the data, which is mounted at /data:
  wasser data process demo --image busybox -- find /data -name '*.tmp' -delete

  # Run a script after the data was loaded, and show what it prints:
  wasser data process demo --image bash:5 --script-file clean.sh --after dataload/warm --logs"
);

const LIST: &str = "Examples:
  wasser data list -n team
  wasser data list -A -o json";

const WAIT: &str = with_endings!(
    "Examples:
  wasser data wait dataload/warm -n team --timeout 30m --logs"
);

const CANCEL: &str = "Examples:
  wasser data cancel dataload/warm -n team";

/// The exit code of wrong options, which is that of the parser of the command line.
const USAGE: u8 = 2;

/// Runs a command. `program` is what users call this program.
pub async fn run(command: Command, program: &str) -> Result<ExitCode> {
    match carry_out(command, program).await {
        Err(error) if matches!(error.downcast_ref(), Some(problem::Problem::Usage(_))) => {
            eprintln!("Error: {error}");
            Ok(ExitCode::from(USAGE))
        }
        outcome => outcome,
    }
}

async fn carry_out(command: Command, program: &str) -> Result<ExitCode> {
    match command {
        Command::Load(args) => create::run(program, &args.make, |namespace| args.draft(namespace)).await,
        Command::Migrate(args) => create::run(program, &args.make, |namespace| args.draft(namespace)).await,
        Command::Backup(args) => create::run(program, &args.make, |namespace| args.draft(namespace)).await,
        Command::Process(args) => create::run(program, &args.make, |namespace| args.draft(namespace)).await,
        Command::List(args) => list::run(args, program).await,
        Command::Wait(args) => wait::run(args, program).await,
        Command::Cancel(args) => cancel::run(args, program).await,
    }
}
