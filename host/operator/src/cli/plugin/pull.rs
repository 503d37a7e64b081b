//! `wasser plugin pull`: an artifact out of a registry.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use wasser_oci::Reference;
use wasser_pack::oci::layout;

use super::registry;

/// What to pull.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to pull: REGISTRY/REPOSITORY:TAG, or REGISTRY/REPOSITORY@sha256:….
    reference: Reference,
    /// The directory to write it to.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    #[command(flatten)]
    registry: registry::Options,
}

impl Args {
    /// Pulls it, and prints its file and the reference with its digest.
    pub async fn run(&self) -> Result<ExitCode> {
        let credentials = self.registry.credentials(&self.reference)?;
        let artifact = self.registry.registry().pull(&self.reference, &credentials).await?;
        fs::create_dir_all(&self.output).with_context(|| format!("creating {}", self.output.display()))?;
        let file = self.output.join(format!("{}.oci.tar", self.reference.name()));
        fs::write(&file, layout::to_tar(&artifact)?).with_context(|| format!("writing {}", file.display()))?;
        let pulled = self.reference.at(&artifact.digest());
        crate::cli::print(&format!("{}\n{pulled}\n", file.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
