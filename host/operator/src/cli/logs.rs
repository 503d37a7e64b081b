//! Logs, on stderr.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What to log, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How log lines are written.
    #[arg(long, env = "WASSER_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
    /// Which log lines are written: a level, or a filter such as info,wasser=debug.
    #[arg(long, env = "WASSER_LOG", default_value = "info")]
    log: String,
}

impl Options {
    /// Starts logging.
    ///
    /// # Errors
    /// If the filter cannot be read.
    pub fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log).map_err(|error| {
            anyhow::anyhow!(
                "--log: `{}` is not a filter such as `info` or `info,wasser=debug`: {error}",
                self.log
            )
        })?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        match self.log_format {
            Format::Json => logs.json().flatten_event(true).with_current_span(false).init(),
            Format::Text => logs.with_target(false).init(),
        }
        Ok(())
    }
}
