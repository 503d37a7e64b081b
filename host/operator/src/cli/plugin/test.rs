//! `wasser plugin test`: an author's scenarios.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use wasser_api::text::one_line;
use wasser_author::scenarios::{Outcome, files, play};
use wasser_author::{Package, Project};
use wasser_chart::Chart;

/// What to test.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the plugin, with `scenarios`.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The scenarios to play, by a part of their names [default: all].
    filter: Option<String>,
    /// The package, if the directory should not be built and packed.
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,
    /// The core module or component to pack, if it should not be built.
    #[arg(long, value_name = "FILE", conflicts_with = "package")]
    module: Option<PathBuf>,
    /// Write the golden files of objects rather than compare them.
    #[arg(long)]
    update: bool,
    /// Where compiled plugins are kept [default: the user's cache directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl Args {
    /// Plays the scenarios, and prints one line for each, and one for each difference.
    pub async fn run(&self) -> Result<ExitCode> {
        let (package, scenarios) = match &self.package {
            Some(package) => (package.clone(), self.directory.join("scenarios")),
            None => {
                let project = Project::open(&self.directory)?;
                super::update::warn(&project, &self.directory);
                (
                    project.pack(self.module.as_deref())?.file().to_owned(),
                    project.scenarios(),
                )
            }
        };
        let package = Package::read(&package)?;
        let plugin = super::loader(&package, None, self.cache_dir.clone(), None)?
            .load()
            .await?;
        let chart = Chart::from_tgz(plugin.chart.clone())?;
        let renderer = super::renderer(self.cache_dir.clone()).await?;
        let mut failed = 0;
        let mut played = 0;
        for file in files(&scenarios)? {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            if self.filter.as_ref().is_some_and(|filter| !name.contains(filter)) {
                continue;
            }
            let outcome = play(&file, &plugin, &chart, &renderer, self.update).await?;
            played += 1;
            failed += usize::from(!outcome.faults.is_empty());
            crate::cli::print(&shown(&outcome))?;
        }
        crate::cli::print(&format!("{played} scenarios, {failed} failed\n"))?;
        let is_well = failed == 0 && played > 0;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn shown(outcome: &Outcome) -> String {
    let name = &outcome.name;
    if outcome.faults.is_empty() {
        let note = if outcome.written { " (golden file written)" } else { "" };
        return format!("ok      {name}{note}\n");
    }
    let line = |fault: &String| format!("FAILED  {name}: {}\n", one_line(fault));
    outcome.faults.iter().map(line).collect()
}
