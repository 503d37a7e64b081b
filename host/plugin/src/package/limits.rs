//! The limits of one call to a plugin.

use std::time::Duration;

use kube_quantity::ParsedQuantity;
use serde::{Deserialize, Serialize};

/// The maximum memory that a registration can ask for, in bytes: the size of a slot in the pool of
/// linear memories.
pub const MAX_MEMORY: u64 = 512 << 20;
/// The maximum deadline.
const MAX_DEADLINE: Duration = Duration::from_secs(24 * 3600);
/// The maximum output, in bytes.
const MAX_OUTPUT: u64 = 16 << 20;

/// The limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the component. Default 64 MiB.
    pub memory: u64,
    /// Time that the guest's own code may run, without the time in which it waits. Default 500 ms.
    pub cpu: Duration,
    /// Time from the start of a call to its end, including waiting. Default 30 s.
    pub deadline: Duration,
    /// The same for the slow methods `sync-metadata` and `storage-stats`, which the host runs as
    /// separate tasks. Default 30 min.
    pub task_deadline: Duration,
    /// Bytes that a call may return, and that a command or a request of it may return. Default 1
    /// MiB.
    pub output: usize,
    /// Lines that a call may log. Further lines are counted and dropped.
    pub log_lines: u32,
    /// Calls to the host that a call may make.
    pub host_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu: Duration::from_millis(500),
            deadline: Duration::from_secs(30),
            task_deadline: Duration::from_secs(1800),
            output: 1 << 20,
            log_lines: 100,
            host_calls: 10_000,
        }
    }
}

/// Why a limit cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The text is not a quantity.
    #[error("limits.{name}: `{text}` is not a quantity of bytes; write it like `64Mi`")]
    Size {
        /// The limit.
        name: &'static str,
        /// The text as written.
        text: String,
    },
    /// The text is not a duration.
    #[error("limits.{name}: `{text}` is not a duration; write it like `500ms`, `30s` or `2m`")]
    Time {
        /// The limit.
        name: &'static str,
        /// The text as written.
        text: String,
    },
    /// The value is outside the range that the host can enforce.
    #[error("limits.{name}: `{text}` is out of range; it must be more than zero and at most {most}")]
    Range {
        /// The limit.
        name: &'static str,
        /// The text as written.
        text: String,
        /// The maximum.
        most: String,
    },
}

/// The key `limits` of a registration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LimitTexts {
    memory: Option<String>,
    cpu: Option<String>,
    deadline: Option<String>,
    task_deadline: Option<String>,
    output: Option<String>,
}

impl LimitTexts {
    /// Returns the limits, with defaults for those that are not set.
    ///
    /// # Errors
    /// A limit cannot be set; the message names it and its form.
    pub fn parse(&self) -> Result<Limits, LimitError> {
        let mut limits = Limits::default();
        if let Some(text) = &self.memory {
            limits.memory = size("memory", text, MAX_MEMORY, "512Mi")?;
        }
        if let Some(text) = &self.output {
            limits.output = usize::try_from(size("output", text, MAX_OUTPUT, "16Mi")?).unwrap_or(usize::MAX);
        }
        if let Some(text) = &self.cpu {
            limits.cpu = time("cpu", text)?;
        }
        if let Some(text) = &self.deadline {
            limits.deadline = time("deadline", text)?;
        }
        if let Some(text) = &self.task_deadline {
            limits.task_deadline = time("taskDeadline", text)?;
        }
        Ok(limits)
    }
}

fn size(name: &'static str, text: &str, most: u64, most_text: &str) -> Result<u64, LimitError> {
    let wrong = || LimitError::Size {
        name,
        text: text.to_owned(),
    };
    let bytes = ParsedQuantity::try_from(text)
        .map_err(|_| wrong())?
        .to_bytes_f64()
        .ok_or_else(wrong)?;
    if !(1.0..=most as f64).contains(&bytes) {
        return Err(LimitError::Range {
            name,
            text: text.to_owned(),
            most: most_text.to_owned(),
        });
    }
    Ok(bytes as u64)
}

/// Parses a duration of one number and one unit, as in Kubernetes' configuration files.
fn time(name: &'static str, text: &str) -> Result<Duration, LimitError> {
    let wrong = || LimitError::Time {
        name,
        text: text.to_owned(),
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let duration = match text.strip_prefix(digits) {
        Some("ms") => Duration::from_millis(number),
        Some("s") => Duration::from_secs(number),
        Some("m") => Duration::from_secs(number.checked_mul(60).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    if duration.is_zero() || duration > MAX_DEADLINE {
        return Err(LimitError::Range {
            name,
            text: text.to_owned(),
            most: "1440m".to_owned(),
        });
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Limits, String> {
        yaml_serde::from_str::<LimitTexts>(yaml)
            .map_err(|error| error.to_string())?
            .parse()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_limit_that_is_not_set_has_its_default() {
        assert_eq!(parse("{}").unwrap(), Limits::default());
        let limits = parse("{memory: 1.5Mi, cpu: 50ms, deadline: 2m, output: 10k}").unwrap();
        assert_eq!((limits.memory, limits.output), (1_572_864, 10_000));
        assert_eq!(
            (limits.cpu, limits.deadline),
            (Duration::from_millis(50), Duration::from_secs(120))
        );
    }

    #[rstest::rstest]
    #[case("{memory: lots}", "limits.memory: `lots` is not a quantity of bytes")]
    #[case("{memory: 0}", "limits.memory: `0` is out of range")]
    #[case(
        "{memory: 2Gi}",
        "limits.memory: `2Gi` is out of range; it must be more than zero and at most 512Mi"
    )]
    #[case("{cpu: 500}", "limits.cpu: `500` is not a duration")]
    #[case("{cpu: 5h}", "limits.cpu: `5h` is not a duration")]
    #[case("{deadline: 0s}", "limits.deadline: `0s` is out of range")]
    #[case("{fuel: 5}", "unknown field `fuel`")]
    fn an_invalid_limit_is_refused(#[case] yaml: &str, #[case] message: &str) {
        let refused = parse(yaml).unwrap_err();
        assert!(refused.contains(message), "{refused}");
    }
}
