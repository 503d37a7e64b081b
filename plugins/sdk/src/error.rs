//! Why a method could not do its work.

use std::fmt;

/// The result of a method.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a method could not do its work; the variant `error` of the WIT. A panic is something else:
/// it ends the call as a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The plugin leaves this method to the host, which then does what it does for every runtime.
    NotSupported,
    /// The user's object is wrong; the host reports it and waits for a change.
    InvalidSpec {
        /// The path of the field, from the kind on: `Dataset.spec.mounts[0].mountPoint`.
        field: String,
        /// What is wrong and what to write instead, as one sentence for the user.
        message: String,
    },
    /// Not yet: the host asks again.
    RetryAfter {
        /// Seconds to wait; the host may wait longer.
        seconds: u32,
        /// What is being waited for, for the user.
        message: String,
    },
    /// The attempt failed; the host reports the message and retries with back-off.
    Failed(String),
    /// A failure that the other variants do not cover.
    Other {
        /// For machines.
        code: String,
        /// For people.
        message: String,
    },
}

impl Error {
    /// Returns the error of a user's object that is wrong at `field`; `message` says what to write
    /// instead.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::InvalidSpec {
            field: field.into(),
            message: message.into(),
        }
    }

    /// Returns the error of an attempt that failed; `message` says what was tried, on what, and why
    /// it failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Error::Failed(message.into())
    }

    /// Returns the wish to be called again in `seconds`.
    pub fn retry_after(seconds: u32, message: impl Into<String>) -> Self {
        Error::RetryAfter {
            seconds,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotSupported => f.write_str("left to the host"),
            Error::InvalidSpec { field, message } => write!(f, "{field}: {message}"),
            Error::RetryAfter { seconds, message } => write!(f, "{message}; asking again in {seconds} s"),
            Error::Failed(message) => f.write_str(message),
            Error::Other { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Error {}
