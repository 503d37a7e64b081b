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
        let coloured = io::stderr().is_terminal();
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(move || Lines {
                out: io::stderr(),
                coloured,
            })
            .with_ansi(coloured);
        match self.log_format {
            Format::Json => logs.json().flatten_event(true).with_current_span(false).init(),
            Format::Text => logs.with_target(false).init(),
        }
        Ok(())
    }
}

/// Standard error, with lines of bounded length, each of which is one.
struct Lines {
    out: Stderr,
    /// Whether the subscriber colours the lines.
    coloured: bool,
}

impl Write for Lines {
    /// Writes a line, which the subscriber gives as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.out
            .write_all(shortened(&one_line(&text, self.coloured)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns a line without control characters but for its end, and for colours if it has any. What
/// plugins, registries and users say must not look like another line.
fn one_line(line: &str, coloured: bool) -> Cow<'_, str> {
    const COLOUR: char = '\u{1b}';
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let is_forbidden = |char: char| char.is_control() && !(coloured && char == COLOUR);
    if text.contains(is_forbidden) {
        Cow::Owned(text.replace(is_forbidden, " ") + end)
    } else {
        Cow::Borrowed(line)
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
    use std::sync::{Arc, Mutex};

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

    #[rstest::rstest]
    #[case::plain("WARN late error=x\n", false, "WARN late error=x\n")]
    #[case::line_ends("a\n2026 INFO b\r\nc\n", false, "a 2026 INFO b  c\n")]
    #[case::escapes("a\u{1b}[2Kb\u{85}c\n", false, "a [2Kb c\n")]
    #[case::colours("\u{1b}[33mWARN\u{1b}[0m a\nb\n", true, "\u{1b}[33mWARN\u{1b}[0m a b\n")]
    fn a_line_is_one_line_whatever_it_says(#[case] line: &str, #[case] coloured: bool, #[case] shown: &str) {
        assert_eq!(one_line(line, coloured), shown);
    }

    /// The subscriber gives the lines of an event at once.
    #[test]
    fn what_others_say_is_not_a_line_of_its_own() {
        let written: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);
        impl Write for Writes {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().push(line.to_vec());
                Ok(line.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writes = Arc::clone(&written);
        let logs = tracing_subscriber::fmt()
            .with_writer(move || Writes(Arc::clone(&writes)))
            .with_ansi(false);
        tracing::subscriber::with_default(logs.finish(), || {
            tracing::warn!(error = %"x\n2026-01-01T00:00:00Z  INFO registration=a loaded", "the reconcile failed\nb");
        });
        let written = written.lock().unwrap();
        let [line] = written.as_slice() else {
            panic!("{written:?}")
        };
        let shown = one_line(std::str::from_utf8(line).unwrap(), false).into_owned();
        assert!(shown.ends_with('\n') && shown.matches('\n').count() == 1, "{shown}");
    }
}
