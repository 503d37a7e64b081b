//! Why an operation cannot run as it is.

/// Why an operation cannot run as it is. It is refused once, and nothing is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// One word for events and conditions.
    pub reason: &'static str,
    /// The field, the fault and the remedy.
    pub message: String,
}

impl Refused {
    /// A refusal with this reason and message.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}
