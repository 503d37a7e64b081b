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
    /// The core module or component to pack, if it should not be built.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

impl Args {
    /// Writes the package, and prints its files and the digest of the artifact.
    pub fn run(&self) -> Result<ExitCode> {
        let project = Project::open(&self.directory)?;
        super::update::warn(&project, &self.directory);
        let packed = project.pack(self.module.as_deref())?;
        if !packed.left_out.is_empty() {
            let paths: Vec<String> = packed.left_out.iter().map(|path| path.display().to_string()).collect();
            eprintln!("not part of the chart: {}", paths.join(", "));
        }
        let config_map = match &packed.config_map {
            Ok(path) => path.display().to_string(),
            Err(too_large) => format!("no ConfigMap: {too_large}"),
        };
        let artifact = packed.artifact.display();
        crate::cli::print(&format!("{config_map}\n{artifact} {}\n", packed.digest))?;
        Ok(ExitCode::SUCCESS)
    }
}
