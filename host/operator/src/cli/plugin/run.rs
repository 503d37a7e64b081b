//! `wasser plugin run`: a reconcile without a cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use wasser_api::text::{bounded, one_line};
use wasser_author::dry::{Call, Run, reconcile};
use wasser_author::{Pair, Scenario, Trial, check};
use wasser_chart::Chart;

use super::{Format, Loaded};

/// The most bytes of an answer in the table.
const SHOWN: usize = 160;

/// What to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    plugin: Loaded,
    /// YAML with a Dataset and its runtime. A document of the kind `Scenario` says what the cluster
    /// answers; without one, each role has a ready pod, and commands and requests fail.
    #[arg(short, long = "filename", value_name = "MANIFEST")]
    filename: PathBuf,
    /// The namespace of objects that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Directory of nodes below which file systems are mounted.
    #[arg(long, env = "MOUNT_ROOT", default_value = "/runtime-mnt")]
    mount_root: String,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

impl Args {
    /// Prints the calls, the values and the objects.
    pub async fn run(&self) -> Result<ExitCode> {
        show_lines_of_plugins();
        let package = self.plugin.package()?;
        let plugin = self.plugin.loader(&package)?.load().await?;
        let mut pair = Pair::read(&self.filename, &plugin.description.kind, &self.namespace)?;
        if pair.scenario == Scenario::default() {
            pair.scenario.cluster.pods = check::pods(&plugin.description, &pair.name);
        }
        let trial = Trial::new(&plugin, &pair, &self.mount_root);
        let run = if package.is_component() {
            reconcile(&trial, None).await
        } else {
            let chart = Chart::from_tgz(plugin.chart.clone())?;
            let renderer = super::renderer(self.plugin.cache_dir.clone()).await?;
            reconcile(&trial, Some((chart, &renderer))).await
        };
        crate::cli::print(&match self.output {
            Format::Text => shown(&run)?,
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&run)?),
        })?;
        let is_well = run.refused.is_none() && run.faults().next().is_none();
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Shows what plugins log on standard error, as far as the process does not log anything yet.
fn show_lines_of_plugins() {
    let only_theirs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("off,plugin=debug"))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .try_init();
    drop(only_theirs);
}

fn shown(run: &Run) -> Result<String> {
    let mut text = format!("# {:<24} {:>9} {:>9}  ANSWER\n", "CALL", "TIME", "MEMORY");
    for call in &run.calls {
        text.push_str(&row(call));
    }
    if let Some(refused) = &run.refused {
        text.push_str(&format!("# REFUSED: {}\n", one_line(refused)));
    }
    if let Some(values) = &run.values {
        text.push_str(&format!("# VALUES\n{}", yaml_serde::to_string(values)?));
    }
    for object in &run.objects {
        text.push_str(&format!("---\n{}", yaml_serde::to_string(object)?));
    }
    Ok(text)
}

fn row(call: &Call) -> String {
    let memory = call
        .memory
        .map_or_else(|| "-".to_owned(), |bytes| format!("{} KiB", bytes >> 10));
    let answer = match &call.answer {
        Value::Null => "done".to_owned(),
        Value::String(text) => text.clone(),
        // A failure has the place of a panic at its end, and is shown as a whole.
        failed if failed.get("failed").is_some() => failed.to_string(),
        other => bounded(&other.to_string(), SHOWN).into_owned(),
    };
    let mut text = format!(
        "# {:<24} {:>6} µs {:>9}  {}\n",
        call.step,
        call.took.as_micros(),
        memory,
        one_line(&answer)
    );
    for import in &call.imports {
        text.push_str(&format!("#   → {}\n", one_line(import)));
    }
    text
}
