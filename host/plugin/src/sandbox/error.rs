//! How a call of a plugin can fail, apart from the errors that the plugin itself answers with.

use std::fmt;
use std::time::Duration;

use wasser_api::text::bounded;

use crate::backend::Scope;
use crate::package::digest::Digest;
use crate::sandbox::stop::StopReason;
use crate::sandbox::store::StoreData;

/// The most bytes of what a guest, or wasmtime about it, adds to a message. The rest of a message is short.
const REASON: usize = 600;

/// What failed: which plugin, in which method, for which runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// The kind that the plugin serves.
    pub kind: String,
    /// Namespace and name of its ConfigMap.
    pub registration: String,
    /// The component's digest.
    pub digest: Digest,
    /// The method, as in the WIT.
    pub method: &'static str,
    /// The runtime; none for `describe`.
    pub scope: Option<Scope>,
}

impl fmt::Display for CallSite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the plugin {} for {} ({}), in `{}`",
            self.registration,
            self.kind,
            self.digest.short(),
            self.method
        )?;
        match &self.scope {
            Some(scope) => write!(out, " of {scope}"),
            None => Ok(()),
        }
    }
}

/// A call that did not come to an answer, or to one that cannot be taken. The instance is gone afterwards; the next call gets a fresh one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's code trapped: a panic, or a fault.
    #[error("{site}, trapped{}: {reason}; this is a bug of the plugin", after(said.as_deref()))]
    Trap {
        /// Where.
        site: Box<CallSite>,
        /// wasmtime's words and the frames.
        reason: String,
        /// The last line that it logged as an error in this call: where a panic of Rust was, and what it said.
        said: Option<String>,
    },
    /// The guest's code ran too long.
    #[error("{site}, ran for more than {limit:?} without an end; if it needs that long, raise `limits.cpu` in its plugin.yaml")]
    CpuLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit on its own time.
        limit: Duration,
    },
    /// The call, its waiting included, took too long.
    #[error("{site}, took longer than {limit:?}; if what it waits for takes that long, raise `limits.deadline` in its plugin.yaml")]
    Deadline {
        /// Where.
        site: Box<CallSite>,
        /// The limit on the call's duration.
        limit: Duration,
    },
    /// The guest wanted more memory than it may have, and gave up.
    #[error("{site}, wanted more than {limit} bytes of memory; if it needs that much, raise `limits.memory` in its plugin.yaml")]
    MemoryLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit in bytes.
        limit: u64,
    },
    /// What the guest handed over was too large.
    #[error("{site}, handed over more than {limit} bytes at once; if it needs that, raise `limits.output` in its plugin.yaml")]
    OutputLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest called the host again and again.
    #[error("{site}, called the host more than {limit} times; this is a bug of the plugin")]
    HostCallLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit.
        limit: u32,
    },
    /// The answer breaks the contract of the WIT: no JSON, no UTF-8.
    #[error("{site}, gave an answer that cannot be used: {reason}; this is a bug of the plugin")]
    InvalidOutput {
        /// Where.
        site: Box<CallSite>,
        /// What is wrong with it.
        reason: String,
    },
    /// The plugin failed so often that it is not called for a while.
    #[error(
        "{site}, is not called for another {wait:?}: it failed {faults} times in a row. Register a corrected plugin to end this at once"
    )]
    Quarantined {
        /// Where.
        site: Box<CallSite>,
        /// Failures in a row.
        faults: u32,
        /// Time until the next attempt.
        wait: Duration,
    },
    /// The component does not export what was called.
    #[error("{site}, does not exist: the component has no interface `{interface}`")]
    NotExported {
        /// Where.
        site: Box<CallSite>,
        /// The interface of the WIT.
        interface: &'static str,
    },
    /// The host could not make the call. Not the plugin's fault.
    #[error("{site}, could not be called: {reason}")]
    Host {
        /// Where.
        site: Box<CallSite>,
        /// What happened.
        reason: String,
    },
}

/// How a trap refers to what the guest logged before.
fn after(said: Option<&str>) -> String {
    said.map(|said| format!(" after it had logged `{said}`")).unwrap_or_default()
}

impl CallError {
    /// Whether this counts against the plugin.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Deadline { .. } | Self::Host { .. } | Self::Quarantined { .. } | Self::NotExported { .. }
        )
    }

    /// A short name for metrics and event reasons.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::CpuLimit { .. } => "cpu_limit",
            Self::Deadline { .. } => "deadline",
            Self::MemoryLimit { .. } => "memory_limit",
            Self::OutputLimit { .. } => "output_limit",
            Self::HostCallLimit { .. } => "host_call_limit",
            Self::InvalidOutput { .. } => "invalid_output",
            Self::Quarantined { .. } => "quarantined",
            Self::NotExported { .. } => "not_exported",
            Self::Host { .. } => "host",
        }
    }

    /// Which plugin, method and runtime.
    pub fn site(&self) -> &CallSite {
        match self {
            Self::Trap { site, .. }
            | Self::CpuLimit { site, .. }
            | Self::Deadline { site, .. }
            | Self::MemoryLimit { site, .. }
            | Self::OutputLimit { site, .. }
            | Self::HostCallLimit { site, .. }
            | Self::InvalidOutput { site, .. }
            | Self::Quarantined { site, .. }
            | Self::NotExported { site, .. }
            | Self::Host { site, .. } => site,
        }
    }

    /// What wasmtime's error means, of the guest with this state.
    pub(crate) fn from_wasmtime(error: &wasmtime::Error, site: CallSite, data: &StoreData) -> Self {
        let (site, limits) = (Box::new(site), &data.identity.limits);
        let trap = |site, reason: &str| Self::Trap {
            site,
            reason: bounded(reason, REASON).into_owned(),
            said: data.last_error_line.as_deref().map(|said| bounded(said, REASON).into_owned()),
        };
        match error.downcast_ref::<StopReason>() {
            Some(StopReason::Cpu) => return Self::CpuLimit { site, limit: limits.cpu },
            Some(StopReason::HostCalls) => {
                return Self::HostCallLimit {
                    site,
                    limit: limits.host_calls,
                };
            }
            Some(StopReason::Host(reason)) => {
                return Self::Host {
                    site,
                    reason: bounded(reason, REASON).into_owned(),
                };
            }
            None => {}
        }
        if data.memory_denied {
            return Self::MemoryLimit {
                site,
                limit: limits.memory,
            };
        }
        // wasmtime has no type for it; a test holds the words.
        if format!("{error:#}").contains(FUEL_EXHAUSTED) {
            return Self::OutputLimit {
                site,
                limit: limits.output,
            };
        }
        if error.downcast_ref::<std::str::Utf8Error>().is_some() {
            return Self::InvalidOutput {
                site,
                reason: bounded(&format!("a string is not UTF-8: {error}"), REASON).into_owned(),
            };
        }
        if let Some(function) = format!("{error:#}").split('`').find(|part| part.starts_with("wasi:")) {
            return trap(site, &format!("it called `{function}`, and WASI has nothing behind it here"));
        }
        trap(site, &explain(error))
    }
}

/// What wasmtime says when the guest hands over more than the fuel for host calls.
const FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// The cause, and the innermost functions of the guest where their names are known.
fn explain(error: &wasmtime::Error) -> String {
    let cause = match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let frames = error
        .downcast_ref::<wasmtime::WasmBacktrace>()
        .map(|trace| trace.frames().iter().filter_map(|frame| frame.func_name()));
    let names: Vec<&str> = frames.into_iter().flatten().take(5).collect();
    if names.is_empty() {
        cause
    } else {
        format!("{cause} (in {})", names.join(" < "))
    }
}
