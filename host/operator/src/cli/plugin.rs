//! `wasser plugin`: what an author and an administrator want to know of a plugin before it is
//! registered.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Subcommand;
use wasser_chart::Chart;
use wasser_plugin::{
    CrdError, Definition, DefinitionError, Definitions, HostConfig, Plugin, PluginHost, State, Verdict, crd_name,
};

use super::files::Package;
use super::{crds, options};

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a plugin is, wants and exports.
    Inspect(Args),
    /// Print the CRDs that a plugin carries.
    Crd(File),
    /// Do everything that registering does, without a cluster, and say the verdict. The exit code
    /// is 1 if the plugin would not serve.
    Check(Args),
}

/// A plugin.
#[derive(Debug, clap::Args)]
pub struct File {
    /// A component, or the ConfigMap that registers it.
    file: PathBuf,
}

/// A plugin that is loaded.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: File,
    /// Where compiled plugins are kept [default: the user's cache directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// The directory below which registrations may name files [default: that of FILE].
    #[arg(long, env = "WASSER_PLUGIN_DIR")]
    plugin_dir: Option<PathBuf>,
}

/// Runs a command.
pub async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Crd(file) => {
            super::print(&crds::of_plugin(&Package::read(&file.file)?)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Inspect(args) => {
            let package = Package::read(&args.file.file)?;
            super::print(&describe(&args.load(&package, None).await?))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(args) => args.check().await,
    }
}

impl Args {
    async fn load(&self, package: &Package, chart: Option<Bytes>) -> Result<Plugin> {
        load(package, chart, self.cache_dir.clone(), self.plugin_dir.clone()).await
    }

    async fn check(&self) -> Result<ExitCode> {
        let checked = async {
            let package = Package::read(&self.file.file)?;
            package.check_size()?;
            let plugin = self.load(&package, None).await?;
            if !package.is_component() {
                Chart::from_tgz(plugin.chart.clone())?;
            }
            let carried = carried(&package.component_below(self.plugin_dir.as_deref())?)?;
            anyhow::Ok((compared(&plugin, carried.as_ref()), carried.is_none()))
        };
        let (verdict, lacks_crd) = checked
            .await
            .unwrap_or_else(|error| (Verdict::refused(&format!("{error:#}"), None), false));
        let mut text = format!("{}: {}\n", verdict.state.word(), verdict.message);
        for (name, fact) in &verdict.facts {
            text.push_str(&row(name, fact));
        }
        if lacks_crd {
            text.push_str(&row(
                "note",
                &"the package carries no CRD; the plugin serves only where that one is installed",
            ));
        }
        super::print(&text)?;
        let serves = verdict.state == State::Loaded;
        Ok(if serves { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The CRDs that a component carries, or none if it has no section for them.
fn carried(component: &[u8]) -> Result<Option<Definitions>> {
    let found = match wasser_plugin::crds(component) {
        Ok(found) => found,
        Err(CrdError::Missing) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let definitions = found.into_iter().map(serde_json::from_value::<Definition>);
    let definitions: Result<Definitions, _> = definitions.collect();
    definitions
        .map(Some)
        .context("the CRD in the component is not a CustomResourceDefinition")
}

/// The verdict on a plugin whose package carries these CRDs. Where it carries none, those of the
/// cluster decide.
fn compared(plugin: &Plugin, carried: Option<&Definitions>) -> Verdict {
    let description = &plugin.description;
    match carried.map(|carried| carried.check(description)) {
        None | Some(Ok(())) => Verdict::loaded(plugin),
        Some(Err(DefinitionError::Missing { .. })) => {
            let (kind, name) = (&description.kind, crd_name(description));
            let reason =
                format!("the package carries CRDs, but neither one of {kind} nor {name}; put that of {kind} first");
            Verdict::refused(&reason, None)
        }
        Some(Err(error)) => Verdict::undefined(&description.kind, &error),
    }
}

/// Loads a plugin as the operator does.
pub async fn load(
    package: &Package,
    chart: Option<Bytes>,
    cache_dir: Option<PathBuf>,
    plugin_dir: Option<PathBuf>,
) -> Result<Plugin> {
    let registration = package.registration(chart)?;
    let plugin_dir = Some(plugin_dir.unwrap_or_else(|| package.directory()));
    let host = PluginHost::new(HostConfig {
        plugin_dir,
        ..HostConfig::new(options::cache_dir(cache_dir).join("plugins"))
    })?;
    host.load(&registration)
        .await
        .with_context(|| format!("loading the plugin in {}", package.display()))
}

/// A plugin for people.
fn describe(plugin: &Plugin) -> String {
    let mut text = String::new();
    let description = &plugin.description;
    let mut row = |name: &str, value: &dyn Display| text.push_str(&self::row(name, value));
    row("plugin", &format!("{} {}", description.name, description.version));
    row("kind", &description.kind);
    row("resource", &format!("{}.{}", description.plural, wasser_api::GROUP));
    row("engine", &description.engine);
    if let Some(implementation) = &description.implementation {
        row("implementation", implementation);
    }
    row("digest", &plugin.digest);
    row("chart digest", &plugin.chart_digest);
    row("wit", &plugin.world.version);
    row("data operations", &if plugin.has_operations() { "yes" } else { "no" });
    row(
        "fuse",
        &format!(
            "mount type {}, directory {}",
            description.fuse.mount_type, description.fuse.directory
        ),
    );
    for role in &description.roles {
        let needed = if role.needed_for_bound {
            ", needed for Bound"
        } else {
            ""
        };
        row(
            "role",
            &format!("{}: {} NAME{}{needed}", role.name, role.workload, role.suffix),
        );
    }
    row("methods", &or_none(description.methods.join(", ")));
    row("granted", &or_none(plugin.grants.to_string()));
    row("wanted, not granted", &or_none(plugin.not_given.to_string()));
    row("granted, not wanted", &or_none(plugin.not_declared.to_string()));
    for (role, image) in &plugin.images {
        row("image", &format!("{role}: {image}"));
    }
    let limits = &plugin.limits;
    row(
        "limits",
        &format!(
            "memory {} MiB, cpu {:?}, deadline {:?}, output {} KiB",
            limits.memory >> 20,
            limits.cpu,
            limits.deadline,
            limits.output >> 10
        ),
    );
    for (title, interfaces) in [("exports", &plugin.world.exports), ("imports", &plugin.world.imports)] {
        for interface in interfaces {
            row(
                title,
                &format!("{} ({})", interface.name, interface.functions.join(", ")),
            );
        }
    }
    text
}

fn row(name: &str, value: &dyn Display) -> String {
    format!("{name:<22}{value}\n")
}

fn or_none(text: String) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text }
}
