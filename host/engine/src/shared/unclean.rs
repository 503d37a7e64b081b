//! Why a cache was not emptied.

use crate::shared::tasks::TaskResult;

/// The end of an attempt that has not emptied a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclean {
    /// Why.
    pub reason: String,
    /// Whether the attempt was made at all: the plugin was called, and could have reached the pods.
    pub was_made: bool,
}

impl TaskResult for Result<(), Unclean> {
    fn broken(message: &str) -> Self {
        Err(Unclean {
            reason: message.to_owned(),
            was_made: true,
        })
    }
}
