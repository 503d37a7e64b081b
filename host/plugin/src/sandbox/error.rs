//! How a call to a plugin can fail, apart from the errors that the plugin itself returns.

use std::fmt;
use std::time::Duration;

use wasser_api::ObjectKey;
use wasser_api::text::bounded;

use crate::package::digest::Digest;
use crate::sandbox::stop::StopReason;
use crate::sandbox::store::StoreData;

/// The maximum bytes that a guest, or wasmtime, adds to a message. The rest of a message is short.
const REASON: usize = 600;

/// The place of a failure: which plugin, in which method, for which runtime.
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
    /// The runtime; `None` for `describe`.
    pub scope: Option<ObjectKey>,
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

/// A call that returned no answer, or one that cannot be used. The instance is dropped, and the
/// next call gets a fresh one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's code trapped: a panic, or a fault.
    #[error("{site}, trapped{}: {reason}; this is a bug of the plugin", after(said.as_deref()))]
    Trap {
        /// Where.
        site: Box<CallSite>,
        /// wasmtime's reason and the frames.
        reason: String,
        /// The last line that the guest logged as an error in this call. For a Rust panic, this is
        /// its place and message.
        said: Option<String>,
    },
    /// The guest's code ran too long.
    #[error(
        "{site}, ran for more than {limit:?} without finishing; if it needs that long, raise `limits.cpu` in its \
         plugin.yaml"
    )]
    CpuLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit on the guest's own time.
        limit: Duration,
    },
    /// The call took too long, including its waiting.
    #[error(
        "{site}, took longer than {limit:?}; if what it waits for takes that long, raise `limits.deadline` in its \
         plugin.yaml"
    )]
    Deadline {
        /// Where.
        site: Box<CallSite>,
        /// The limit on the call's duration.
        limit: Duration,
    },
    /// The guest asked for more memory than it may have, and gave up.
    #[error(
        "{site}, asked for more than {limit} bytes of memory; if it needs that much, raise `limits.memory` in its \
         plugin.yaml"
    )]
    MemoryLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit in bytes.
        limit: u64,
    },
    /// The guest passed too much data at once.
    #[error(
        "{site}, passed more than {limit} bytes at once; if it needs that, raise `limits.output` in its \
         plugin.yaml"
    )]
    OutputLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest called the host too often.
    #[error("{site}, called the host more than {limit} times; this is a bug of the plugin")]
    HostCallLimit {
        /// Where.
        site: Box<CallSite>,
        /// The limit.
        limit: u32,
    },
    /// The answer violates the WIT: it is not JSON, or not UTF-8.
    #[error("{site}, returned an answer that cannot be used: {reason}; this is a bug of the plugin")]
    InvalidOutput {
        /// Where.
        site: Box<CallSite>,
        /// The reason.
        reason: String,
    },
    /// The plugin failed too often and is not called for a while.
    #[error(
        "{site}, is not called for some minutes at most: it failed {faults} times in a row. Register a corrected plugin \
         to end this at once"
    )]
    Quarantined {
        /// Where.
        site: Box<CallSite>,
        /// Consecutive failures.
        faults: u32,
        /// Time until the next attempt.
        wait: Duration,
    },
    /// The component does not export the interface of the method.
    #[error("{site}, does not exist: the component has no interface `{interface}`")]
    NotExported {
        /// Where.
        site: Box<CallSite>,
        /// The interface of the WIT.
        interface: &'static str,
    },
    /// The host could not make the call. This is not the plugin's fault.
    #[error("{site}, could not be called: {reason}")]
    Host {
        /// Where.
        site: Box<CallSite>,
        /// The reason.
        reason: String,
    },
}

/// Returns how a trap refers to the guest's last line.
fn after(said: Option<&str>) -> String {
    said.map(|said| format!(" after it had logged `{said}`"))
        .unwrap_or_default()
}

impl CallError {
    /// Returns whether the failure counts against the plugin.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Deadline { .. } | Self::Host { .. } | Self::Quarantined { .. } | Self::NotExported { .. }
        )
    }

    /// Returns a short name for metrics and event reasons.
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

    /// Returns the place of the failure.
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

    /// Translates wasmtime's error for the guest with this state.
    pub(crate) fn from_wasmtime(error: &wasmtime::Error, site: CallSite, data: &StoreData) -> Self {
        let (site, limits) = (Box::new(site), &data.identity.limits);
        let trap = |site, reason: &str| Self::Trap {
            site,
            reason: bounded(reason, REASON).into_owned(),
            said: data
                .last_error_line
                .as_deref()
                .map(|said| bounded(said, REASON).into_owned()),
        };
        match error.downcast_ref::<StopReason>() {
            Some(StopReason::Cpu) => {
                return Self::CpuLimit {
                    site,
                    limit: limits.cpu,
                };
            }
            Some(StopReason::HostCalls) => {
                return Self::HostCallLimit {
                    site,
                    limit: limits.host_calls,
                };
            }
            None => {}
        }
        // What others use, or the plugin for other runtimes, is not this call's fault.
        let full = error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>();
        let full = full.map(|full| format!("the pool of instances is full: {full}"));
        if let Some(reason) = data.exhausted.map(|exhausted| exhausted.to_string()).or(full) {
            return Self::Host { site, reason };
        }
        if data.memory_denied {
            return Self::MemoryLimit {
                site,
                limit: limits.memory,
            };
        }
        // wasmtime has no type for this error. A test keeps its text from changing unnoticed.
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
            return trap(
                site,
                &format!("it called `{function}`, but the host does not implement WASI"),
            );
        }
        trap(site, &explain(error))
    }
}

/// wasmtime's text if the guest passes more data than the fuel for host calls allows.
const FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// Returns the cause, and the innermost functions of the guest as far as their names are known.
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
