//! `wasser plugin check`: the verdict of a registration, and whether the plugin keeps the contract.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasser_author::Pair;
use wasser_author::check::{Report, Subject};
use wasser_chart::Chart;
use wasser_plugin::{CrdError, Definition, DefinitionError, Definitions, Plugin, State, Verdict, crd_name};

use super::inspect::row;
use super::{Format, Loaded};

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    plugin: Loaded,
    /// A manifest that works, with a Dataset and its runtime; may be given several times. Hostile
    /// contexts are made of them, and the chart is rendered with them.
    #[arg(short, long = "filename", value_name = "MANIFEST")]
    filename: Vec<PathBuf>,
    /// Where contexts are written in which something was found [default: a directory for temporary
    /// files].
    #[arg(long, value_name = "DIR")]
    contexts: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

impl Args {
    /// Prints the verdict and every check. The exit code is 1 if the plugin would not serve, or a
    /// check failed.
    pub async fn run(&self) -> Result<ExitCode> {
        let checked = self.check().await;
        let (verdict, lacks_crd, report) =
            checked.unwrap_or_else(|error| (Verdict::refused(&format!("{error:#}"), None), false, Report::default()));
        crate::cli::print(&match self.output {
            Format::Text => shown(&verdict, lacks_crd, &report),
            Format::Json => {
                let whole = json!({
                    "verdict": verdict.state.word(), "message": verdict.message, "facts": verdict.facts,
                    "checks": report.checks,
                });
                format!("{whole:#}\n")
            }
        })?;
        let serves = verdict.state == State::Loaded && report.passes();
        Ok(if serves { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn check(&self) -> Result<(Verdict, bool, Report)> {
        let package = self.plugin.package()?;
        package.check_size()?;
        let loader = self.plugin.loader(&package)?;
        let plugin = loader.load().await?;
        let chart = match package.is_component() {
            true => None,
            false => Some(Chart::from_tgz(plugin.chart.clone())?),
        };
        let component = package.component_below(self.plugin.plugin_dir.as_deref())?;
        let crds = carried(&component)?;
        let verdict = compared(&plugin, crds.as_deref())?;
        let renderer = match &chart {
            Some(_) => Some(super::renderer(self.plugin.cache_dir.clone()).await?),
            None => None,
        };
        let subject = Subject {
            loader: &loader,
            crds: crds.as_deref(),
            chart: chart.zip(renderer.as_ref()),
            manifests: manifests(&self.filename, &plugin.description.kind)?,
            keep: self.keep(&plugin),
        };
        let report = subject.check().await?;
        Ok((verdict, crds.is_none(), report))
    }

    /// The directory for contexts, which is the same for the same plugin.
    fn keep(&self, plugin: &Plugin) -> PathBuf {
        let temporary = || {
            let name = format!("wasser-check-{}-{}", plugin.description.name, plugin.digest.short());
            std::env::temp_dir().join(name)
        };
        self.contexts.clone().unwrap_or_else(temporary)
    }
}

/// The pairs of manifests, by the names of their files.
fn manifests(files: &[PathBuf], kind: &str) -> Result<Vec<(String, Pair)>> {
    let read = |file: &PathBuf| Ok((name(file), Pair::read(file, kind, "default")?));
    files.iter().map(read).collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn shown(verdict: &Verdict, lacks_crd: bool, report: &Report) -> String {
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
    text + &report.text()
}

/// The CRDs that a component carries, or none if it has no section for them.
fn carried(component: &[u8]) -> Result<Option<Vec<Value>>> {
    match wasser_plugin::crds(component) {
        Ok(found) => Ok(Some(found)),
        Err(CrdError::Missing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The verdict on a plugin whose package carries these CRDs. Where it carries none, those of the
/// cluster decide.
fn compared(plugin: &Plugin, carried: Option<&[Value]>) -> Result<Verdict> {
    let description = &plugin.description;
    let Some(carried) = carried else {
        return Ok(Verdict::loaded(plugin));
    };
    let definitions = carried.iter().cloned().map(serde_json::from_value::<Definition>);
    let definitions: Result<Definitions, _> = definitions.collect();
    let definitions = definitions.context("the CRD in the component is not a CustomResourceDefinition")?;
    Ok(match definitions.check(description) {
        Ok(()) => Verdict::loaded(plugin),
        Err(DefinitionError::Missing { .. }) => {
            let (kind, name) = (&description.kind, crd_name(description));
            let reason =
                format!("the package carries CRDs, but neither one of {kind} nor {name}; put that of {kind} first");
            Verdict::refused(&reason, None)
        }
        Err(error) => Verdict::undefined(&description.kind, &error),
    })
}
