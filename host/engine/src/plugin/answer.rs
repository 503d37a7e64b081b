//! What the answers of a plugin's methods mean for the reconcile.

use std::time::Duration;

use wasser_plugin::CallError;
use wasser_plugin::bindings::types::Error as Answer;

use crate::error::EngineError;

/// What a method answers, or how the call itself failed.
pub type Outcome<T> = Result<Result<T, Answer>, CallError>;

/// Turns an outcome into what the engine goes on with: the answer, or none where the plugin leaves
/// the method to the host.
pub fn answer<T>(kind: &str, method: &'static str, outcome: Outcome<T>) -> Result<Option<T>, EngineError> {
    match outcome {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(Answer::NotSupported)) => Ok(None),
        Ok(Err(Answer::InvalidSpec(invalid))) => Err(EngineError::InvalidSpec {
            field: invalid.field,
            message: invalid.message,
        }),
        Ok(Err(Answer::RetryAfter(delay))) => Err(EngineError::NotYet {
            after: Duration::from_secs(u64::from(delay.seconds.clamp(1, 600))),
            message: delay.message,
        }),
        Ok(Err(Answer::Failed(message))) => Err(EngineError::Failed { method, message }),
        Ok(Err(Answer::Other((code, message)))) => Err(EngineError::Failed {
            method,
            message: format!("{code}: {message}"),
        }),
        Err(error) => Err(EngineError::Plugin {
            kind: kind.to_owned(),
            source: Box::new(error),
        }),
    }
}
