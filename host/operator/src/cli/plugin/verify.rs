//! `wasser plugin verify`: whose signature an artifact has.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use wasser_oci::Reference;

use super::{options, registry};

/// What to verify.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to verify: REGISTRY/REPOSITORY@sha256:…, or what REGISTRY/REPOSITORY:TAG leads to now.
    reference: Reference,
    /// Keys of which one must have signed, in PEM. Give it several times, or several keys in a file.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    registry: registry::Options,
}

impl Args {
    /// Verifies it, and prints the reference with its digest, and the key.
    pub async fn run(&self) -> Result<ExitCode> {
        let keys = options::public_keys(&self.key)?;
        let credentials = self.registry.credentials(&self.reference)?;
        let (verified, key) = self
            .registry
            .registry()
            .verify(&self.reference, &keys, &credentials)
            .await?;
        crate::cli::print(&format!("{verified}\nsigned with the key {}\n", key.name()))?;
        Ok(ExitCode::SUCCESS)
    }
}
