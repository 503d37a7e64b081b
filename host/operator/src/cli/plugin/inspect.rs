//! `wasser plugin inspect`: a plugin for people.

use std::fmt::Display;
use std::process::ExitCode;

use anyhow::Result;
use wasser_plugin::Plugin;

use super::Loaded;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    plugin: Loaded,
}

impl Args {
    /// Prints what the plugin is.
    pub async fn run(&self) -> Result<ExitCode> {
        let package = self.plugin.package()?;
        super::super::print(&describe(&self.plugin.loader(&package)?.load().await?))?;
        Ok(ExitCode::SUCCESS)
    }
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

pub fn row(name: &str, value: &dyn Display) -> String {
    format!("{name:<22}{value}\n")
}

fn or_none(text: String) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text }
}
