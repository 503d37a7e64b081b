//! `wasser plugin sign`: a signature next to an artifact.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use wasser_oci::{PrivateKey, Reference};

use super::registry;

/// What to sign.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to sign: REGISTRY/REPOSITORY@sha256:…, or what REGISTRY/REPOSITORY:TAG leads to now.
    reference: Reference,
    /// The key that signs: ECDSA on P-256, in PEM, without a password.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    registry: registry::Options,
}

impl Args {
    /// Signs it, and prints the reference that is signed.
    pub async fn run(&self) -> Result<ExitCode> {
        let text = std::fs::read_to_string(&self.key).with_context(|| format!("reading {}", self.key.display()))?;
        let key = PrivateKey::parse(&text).with_context(|| self.key.display().to_string())?;
        let credentials = self.registry.credentials(&self.reference)?;
        let signed = self
            .registry
            .registry()
            .sign(&self.reference, &key, &credentials)
            .await?;
        crate::cli::print(&format!("{signed}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
