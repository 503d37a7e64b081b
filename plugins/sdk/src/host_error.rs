//! Why the host could not do what a plugin asked of it.

use std::fmt;

use crate::Error;

/// The variant `host-error` of the WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostError {
    /// The registration does not grant this, or the plugin did not declare it.
    NotGranted(String),
    /// There is no such pod, container or object, or it is not running.
    NotFound(String),
    /// Somebody else has changed it since it was read.
    Conflict(String),
    /// Too much was asked for at once.
    Throttled {
        /// Seconds to wait; the host can wait longer.
        seconds: u32,
        /// What is being waited for, for people.
        message: String,
    },
    /// The result is not there yet: whatever the method returns now, the host calls it again once it
    /// is. Every function of the host answers so from the first time on.
    Pending,
    /// It did not finish in time.
    Timeout,
    /// The attempt failed, for the reason given.
    Failed(String),
    /// A failure that the other variants do not cover.
    Other {
        /// For machines.
        code: String,
        /// For people.
        message: String,
    },
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::NotGranted(what) => write!(f, "the plugin may not do this: {what}"),
            HostError::NotFound(what) => write!(f, "not found: {what}"),
            HostError::Pending => f.write_str("the result is not there yet"),
            HostError::Timeout => f.write_str("did not finish in time"),
            HostError::Throttled { message, .. } | HostError::Conflict(message) | HostError::Failed(message) => {
                f.write_str(message)
            }
            HostError::Other { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

impl std::error::Error for HostError {}

impl From<HostError> for Error {
    /// Asks again for what will go better later; everything else is a failure.
    fn from(error: HostError) -> Self {
        match error {
            HostError::Throttled { seconds, message } => Error::RetryAfter { seconds, message },
            HostError::Conflict(message) => Error::retry_after(1, message),
            other => Error::failed(other.to_string()),
        }
    }
}
