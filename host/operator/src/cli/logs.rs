//! Logs, on stderr.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Stderr, Write};

use clap::ValueEnum;
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use wasser_api::text::{self, bounded};

/// The most bytes of a line. Users' texts and what plugins say can be longer than anybody reads.
const LONGEST_LINE: usize = 4 * text::LONGEST;

/// What is never written unless it is asked for: the client logs each answer with a status of 500,
/// without the request, and whoever has made that says what failed.
const QUIET: &str = "kube_client::client::builder=off";

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
        let filter = EnvFilter::try_new(format!("{QUIET},{}", self.log)).map_err(|error| {
            anyhow::anyhow!(
                "--log: `{}` is not a filter such as `info` or `info,wasser=debug`: {error}",
                self.log
            )
        })?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| Lines(io::stderr()))
            .with_ansi(std::io::stderr().is_terminal());
        match self.log_format {
            Format::Json => logs.json().flatten_event(true).with_current_span(false).init(),
            Format::Text => logs.with_target(false).init(),
        }
        Ok(())
    }
}

/// Standard error, with lines of bounded length.
struct Lines(Stderr);

impl Write for Lines {
    /// Writes a line, which the subscriber gives as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(shortened(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns a line of at most [`LONGEST_LINE`] bytes; one that is JSON has at most [`text::LONGEST`]
/// bytes in each field, and stays JSON.
fn shortened(line: &str) -> Cow<'_, str> {
    if line.len() <= LONGEST_LINE {
        return Cow::Borrowed(line);
    }
    match serde_json::from_str(line) {
        Ok(Value::Object(mut fields)) => {
            for value in fields.values_mut() {
                if let Value::String(text) = value {
                    *text = bounded(text, text::LONGEST).into_owned();
                }
            }
            Cow::Owned(format!("{}\n", Value::Object(fields)))
        }
        _ => bounded(line, LONGEST_LINE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_lose_their_middle() {
        let line = format!("WARN the reconcile failed error={}; remove it\n", "x".repeat(200_000));
        let shown = shortened(&line);
        assert_eq!(shown.len(), LONGEST_LINE);
        assert!(shown.starts_with("WARN the reconcile failed") && shown.ends_with("; remove it\n"));
        assert_eq!(shortened("short\n"), "short\n");
    }

    #[test]
    fn a_line_that_is_json_stays_json() {
        let line = serde_json::json!({"level": "WARN", "error": "x".repeat(200_000), "seconds": 7}).to_string();
        let shown: Value = serde_json::from_str(&shortened(&line)).unwrap();
        assert_eq!((&shown["level"], &shown["seconds"]), (&"WARN".into(), &7.into()));
        assert_eq!(shown["error"].as_str().unwrap().len(), text::LONGEST);
    }
}
