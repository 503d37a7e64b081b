//! `wasser plugin pack`: the package of a plugin.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use wasser_author::Project;

/// What to pack.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the plugin, with `plugin.yaml`, `crd.yaml` and `chart`.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The core module to pack, if cargo should not build it.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

impl Args {
    /// Writes the package, and prints its path.
    pub fn run(&self) -> Result<ExitCode> {
        let package = Project::open(&self.directory)?.pack(self.module.as_deref())?;
        crate::cli::print(&format!("{}\n", package.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
