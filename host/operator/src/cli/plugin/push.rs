//! `wasser plugin push`: an artifact into a registry.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use wasser_author::Project;
use wasser_oci::Reference;
use wasser_pack::oci::artifact::Artifact;
use wasser_pack::oci::layout;

use super::{registry, update};

/// What to push.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An artifact that `pack` has written, or the directory of a plugin, which is packed.
    #[arg(value_name = "DIR|FILE")]
    what: PathBuf,
    /// Where to push it: REGISTRY/REPOSITORY:TAG.
    reference: Reference,
    #[command(flatten)]
    registry: registry::Options,
}

impl Args {
    /// Pushes it, and prints the reference with its digest.
    pub async fn run(&self) -> Result<ExitCode> {
        let artifact = artifact(&self.what)?;
        let credentials = self.registry.credentials(&self.reference)?;
        let registry = self.registry.registry();
        let pushed = registry.push(&self.reference, &artifact, &credentials).await?;
        crate::cli::print(&format!("{pushed}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the artifact that is meant.
fn artifact(what: &Path) -> Result<Artifact> {
    if what.is_dir() && !what.join("index.json").is_file() {
        let project = Project::open(what)?;
        update::warn(&project, what);
        return layout::read(&project.pack(None)?.artifact);
    }
    if what.extension().is_some_and(|end| end == "yaml" || end == "wasm") {
        bail!(
            "{} is not an artifact; give the file `.oci.tar` that `wasser plugin pack` has written next to it, or the \
             directory of the plugin",
            what.display()
        );
    }
    layout::read(what)
}
