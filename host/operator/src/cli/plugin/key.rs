//! `wasser plugin key`: a pair of keys for signatures.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use wasser_oci::PrivateKey;

/// What to make.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files to write, without their ends: `NAME.key` signs and is secret, `NAME.pub` verifies.
    #[arg(value_name = "NAME", default_value = "wasser")]
    name: PathBuf,
}

impl Args {
    /// Writes both keys. Files that are there stay.
    pub fn run(&self) -> Result<ExitCode> {
        let pair = PrivateKey::generate().context("the system gives no random numbers")?;
        let (private, public) = (self.name.with_extension("key"), self.name.with_extension("pub"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&private)
            .with_context(|| format!("writing {}, which must not be there", private.display()))?;
        file.write_all(pair.private.as_bytes())
            .with_context(|| format!("writing {}", private.display()))?;
        fs::write(&public, pair.public).with_context(|| format!("writing {}", public.display()))?;
        crate::cli::print(&format!("{}\n{}\n", private.display(), public.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
