//! Questions to the API server, and what came of them.

/// The API server did not say what was asked of it.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed: {reason}")]
pub struct LookupError {
    /// What was tried, on which object.
    pub action: String,
    /// Its words.
    pub reason: String,
}

/// Says what was tried.
pub fn failed(action: impl FnOnce() -> String) -> impl FnOnce(kube::Error) -> LookupError {
    move |error| LookupError {
        action: action(),
        reason: error.to_string(),
    }
}
