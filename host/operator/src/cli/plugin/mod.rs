//! `wasser plugin`: what an author and an administrator want to know of a plugin before it is
//! registered, what an author needs to make one, and what an administrator needs to install it.

mod check;
pub mod dev;
mod inspect;
pub mod installed;
mod key;
mod new;
mod pack;
mod pull;
mod push;
mod registry;
mod run;
mod sign;
mod test;
mod update;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use bytes::Bytes;
use clap::Subcommand;
use wasser_author::{Loader, Package};
use wasser_chart::Renderer;

use super::{crds, options};

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a new plugin: a small runtime that is complete, with chart, CRD, scenarios and CI.
    New(new::Args),
    /// Write the SDK and the interfaces of this version of wasser into a plugin in Python or JavaScript.
    Update(update::Args),
    /// Build a plugin, and make a package of it: component, chart and CRD in one ConfigMap, and in one
    /// artifact for registries.
    Pack(pack::Args),
    /// Build, register and watch the directory of a plugin, and do it again after each change.
    #[command(after_help = DEV)]
    Dev(Box<dev::Args>),
    /// Push a plugin into a registry, and print the reference with which it is registered.
    Push(push::Args),
    /// Pull a plugin out of a registry, into a file that the other commands read.
    Pull(pull::Args),
    /// Make a pair of keys for signatures.
    Key(key::Args),
    /// Sign an artifact in a registry, so that cosign and the operator can verify it.
    Sign(sign::Args),
    /// Verify that an artifact in a registry is signed with one of these keys.
    Verify(verify::Args),
    /// Install a plugin from a registry: show what it is and asks for, register it, and wait until
    /// the operator serves it.
    #[command(after_help = INSTALL)]
    Install(Box<installed::install::Args>),
    /// List the plugins of a cluster.
    #[command(visible_alias = "ls", after_help = LIST)]
    List(installed::list::Args),
    /// Upgrade a plugin to another artifact, and keep what was registered for a rollback.
    #[command(after_help = UPGRADE)]
    Upgrade(Box<installed::upgrade::Args>),
    /// Go back to an earlier revision of a plugin. No registry is asked for that.
    #[command(after_help = ROLLBACK)]
    Rollback(installed::rollback::Args),
    /// Remove a plugin that has no runtimes.
    #[command(after_help = REMOVE)]
    Remove(installed::remove::Args),
    /// Show what a plugin is, wants and exports.
    Inspect(inspect::Args),
    /// Print the CRDs that a plugin carries. Those of the built-in plugins are for Kubernetes 1.30 and
    /// later: earlier versions refuse their rules for names, which the chart leaves out there.
    Crd(File),
    /// Prove that a plugin keeps the contract, without a cluster: everything that registering does,
    /// and then its CRD, its chart, and its answers to a hundred contexts that nobody means. The exit
    /// code is 1 if the plugin would not serve, or a check failed.
    Check(check::Args),
    /// Play a reconcile of a manifest without a cluster: each call with its answer, its time, its
    /// memory and what it asks of the cluster, the values, and the objects that would be applied. The
    /// exit code is 1 if a call failed, or the manifest was refused.
    Run(run::Args),
    /// Play an author's scenarios, and compare values, answers, calls and objects with what is
    /// expected. The exit code is 1 if something is otherwise.
    Test(test::Args),
}

/// What the commands say in the end that wait for a verdict.
macro_rules! with_endings {
    ($examples:literal) => {
        concat!(
            $examples,
            "\n\nExit codes: 0 it serves, 1 refused or not changed, 2 wrong options, 3 --timeout."
        )
    };
}

const INSTALL: &str = with_endings!(
    "Examples:
  # See what it asks for, and decide:
  wasser plugin install registry.example.org/me/my-cache:0.1.0

  # In a pipeline, with what it may do, and only if it is signed:
  wasser plugin install registry.example.org/me/my-cache:0.1.0 --key my-cache.pub \\
    --grant exec=worker --grant kinds=StatefulSet,Service --pull-secret registry"
);

const DEV: &str = with_endings!(
    "Examples:
  # A small component travels in the ConfigMap:
  wasser plugin dev my-cache

  # One in Python or JavaScript, through a registry of this machine:
  wasser plugin dev my-cache --push 127.0.0.1:5000/my-cache --plain-http

  # Once, in CI, with what it may do:
  wasser plugin dev my-cache --once --grant kinds=StatefulSet,DaemonSet --grant fuse

What it does not build again for: target, build, node_modules, .venv and other hidden files, __pycache__, scenarios,
tests, pages in Markdown, and files that are written as they were."
);

const LIST: &str = "Examples:
  wasser plugin list
  wasser plugin list -o json";

const UPGRADE: &str = with_endings!(
    "Examples:
  # See what it would change:
  wasser plugin upgrade my-cache registry.example.org/me/my-cache:0.2.0 --dry-run

  wasser plugin upgrade my-cache registry.example.org/me/my-cache:0.2.0"
);

const ROLLBACK: &str = with_endings!(
    "Examples:
  wasser plugin rollback my-cache
  wasser plugin rollback my-cache --to 3"
);

const REMOVE: &str = "Examples:
  wasser plugin remove my-cache
  wasser plugin remove my-cache --crd";

/// A plugin.
#[derive(Debug, clap::Args)]
pub struct File {
    /// A component, the ConfigMap that registers it, or the artifact that `pack` and `pull` write.
    file: PathBuf,
}

/// A plugin that is loaded.
#[derive(Debug, clap::Args)]
pub struct Loaded {
    #[command(flatten)]
    file: File,
    /// Where compiled plugins are kept [default: the user's cache directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// The directory below which registrations may name files [default: that of FILE].
    #[arg(long, env = "WASSER_PLUGIN_DIR")]
    plugin_dir: Option<PathBuf>,
}

/// How to print a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs a command.
pub async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Crd(file) => {
            super::print(&crds::of_plugin(&Package::read(&file.file)?)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::New(args) => args.run(),
        Command::Update(args) => args.run(),
        Command::Pack(args) => args.run(),
        Command::Dev(args) => args.run().await,
        Command::Push(args) => args.run().await,
        Command::Pull(args) => args.run().await,
        Command::Key(args) => args.run(),
        Command::Sign(args) => args.run().await,
        Command::Verify(args) => args.run().await,
        Command::Install(args) => args.run().await,
        Command::List(args) => args.run().await,
        Command::Upgrade(args) => args.run().await,
        Command::Rollback(args) => args.run().await,
        Command::Remove(args) => args.run().await,
        Command::Inspect(args) => args.run().await,
        Command::Check(args) => args.run().await,
        Command::Run(args) => args.run().await,
        Command::Test(args) => args.run().await,
    }
}

impl Loaded {
    fn package(&self) -> Result<Package> {
        Package::read(&self.file.file)
    }

    fn loader(&self, package: &Package) -> Result<Loader> {
        loader(package, None, self.cache_dir.clone(), self.plugin_dir.clone())
    }
}

/// Helm's engine, compiled before or now.
pub async fn renderer(cache_dir: Option<PathBuf>) -> Result<Renderer> {
    let directory = options::cache_dir(cache_dir).join("helm");
    Ok(tokio::task::spawn_blocking(move || Renderer::open(&directory)).await??)
}

/// Loads a plugin as the operator does.
pub fn loader(
    package: &Package,
    chart: Option<Bytes>,
    cache_dir: Option<PathBuf>,
    plugin_dir: Option<PathBuf>,
) -> Result<Loader> {
    Loader::new(
        package,
        chart,
        options::cache_dir(cache_dir).join("plugins"),
        plugin_dir,
    )
}
