//! `wasser plugin update`: the SDK and the WIT of a project.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use wasser_api::shell::word;
use wasser_author::Project;

/// What to update.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the plugin, which has the SDK in `wasser` and the interfaces in `wit`.
    #[arg(default_value = ".")]
    directory: PathBuf,
}

impl Args {
    /// Writes the files, and prints those that are others now.
    pub fn run(&self) -> Result<ExitCode> {
        let changed = Project::open(&self.directory)?.update()?;
        let lines: String = changed.iter().map(|file| format!("{}\n", file.display())).collect();
        let nothing = "nothing to update\n".to_owned();
        crate::cli::print(&if lines.is_empty() { nothing } else { lines })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says on standard error that the project in a directory has another SDK or other interfaces than this
/// version.
pub fn warn(project: &Project, directory: &Path) {
    let stale = project.stale();
    if let Some(first) = stale.first() {
        eprintln!(
            "{} is not that of this version of wasser, nor are {} other files of `wasser` and `wit`; if it should be: \
             wasser plugin update {}",
            first.display(),
            stale.len() - 1,
            word(&directory.display().to_string())
        );
    }
}
