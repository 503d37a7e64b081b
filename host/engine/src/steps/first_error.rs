//! What is said of several steps that do not wait for each other.

use crate::error::EngineError;

/// The error of several steps that counts most: the first one, but for waits.
#[derive(Debug, Default)]
pub struct FirstError(Option<EngineError>);

impl FirstError {
    /// Keeps the error of a step if none counts more so far.
    pub fn keep(&mut self, outcome: Result<(), EngineError>) {
        match (outcome, &self.0) {
            (Err(error), None) => self.0 = Some(error),
            // What is wrong counts more than what is waited for.
            (Err(error), Some(first)) if first.is_wait() => self.0 = Some(error),
            (Err(error), Some(first)) => tracing::debug!(%error, %first, "something else failed as well"),
            (Ok(()), _) => {}
        }
    }

    /// The error that counts most so far.
    pub fn get(&self) -> Option<&EngineError> {
        self.0.as_ref()
    }

    /// The outcome of all steps.
    ///
    /// # Errors
    /// The error that counts most, if a step has failed.
    pub fn into_result(self) -> Result<(), EngineError> {
        self.0.map_or(Ok(()), Err)
    }
}
