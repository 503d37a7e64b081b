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

/// Starts logging. The filter is of `tracing`: `info`, or `info,wasser=debug`.
///
/// # Errors
/// If the filter cannot be read.
pub fn start(format: Format, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log: `{filter}` is not a filter such as `info` or `info,wasser=debug`: {error}"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        Format::Json => logs.json().flatten_event(true).with_current_span(false).init(),
        Format::Text => logs.with_target(false).init(),
    }
    Ok(())
}
