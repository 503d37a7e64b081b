//! How commands get to a registry: its credentials, and how patient they are.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context, Result};
use wasser_oci::{Credentials, Helpers, Limits, Reference, Registry};

use super::options;

/// The longest password that is read.
const LONGEST_PASSWORD: u64 = 64 << 10;

/// Options of commands that speak to a registry.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    login: Login,
    /// How long all of it may take.
    #[arg(long, default_value = "5m", value_parser = options::period)]
    timeout: Duration,
}

/// Whom to speak to, and as whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub struct Login {
    /// Speak to the registry without encryption, as to one on this machine.
    #[arg(long)]
    plain_http: bool,
    /// The user to log in as [default: what `docker login` has kept].
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password of that user from standard input [default: the environment's
    /// WASSER_REGISTRY_PASSWORD].
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

impl Options {
    /// Returns the way to the registry.
    pub fn registry(&self) -> Registry {
        Registry {
            limits: Limits {
                whole: self.timeout,
                ..Limits::default()
            },
            ..self.login.registry()
        }
    }

    /// Returns the credentials for the registry of an artifact.
    pub fn credentials(&self, reference: &Reference) -> Result<Credentials> {
        self.login.credentials(reference)
    }
}

impl Login {
    /// Returns the way to the registry, with the patience that is usual.
    pub fn registry(&self) -> Registry {
        Registry {
            plain_http: self.plain_http,
            ..Registry::default()
        }
    }

    /// Returns the credentials for the registry of an artifact.
    pub fn credentials(&self, reference: &Reference) -> Result<Credentials> {
        if let Some(name) = &self.username {
            return Ok(Credentials::user(name, self.password()?.trim_end_matches(['\r', '\n'])));
        }
        let Some(file) = Credentials::file() else {
            return Ok(Credentials::anonymous());
        };
        let config = match std::fs::read(&file) {
            Ok(config) => config,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Credentials::anonymous()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let origin = file.display().to_string();
        let found = Credentials::find(&config, reference, Helpers::Start, &origin)?;
        Ok(found.unwrap_or_else(Credentials::anonymous))
    }

    fn password(&self) -> Result<String> {
        if !self.password_stdin {
            let missing = "the user of the registry has no password: set WASSER_REGISTRY_PASSWORD, or give it to \
                 `--password-stdin`";
            return std::env::var("WASSER_REGISTRY_PASSWORD").context(missing);
        }
        let mut password = String::new();
        std::io::stdin()
            .take(LONGEST_PASSWORD)
            .read_to_string(&mut password)
            .context("reading the password from standard input")?;
        Ok(password)
    }
}
