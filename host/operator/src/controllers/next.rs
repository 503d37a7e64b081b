//! When an object is reconciled again.

use std::time::Duration;

use kube::runtime::controller::Action;

/// When an object is reconciled again. A change of it, or of what is watched for it, comes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Only when something changes.
    Change,
    /// After this time.
    After(Duration),
}

impl From<Next> for Action {
    fn from(next: Next) -> Self {
        match next {
            Next::Change => Self::await_change(),
            Next::After(pause) => Self::requeue(pause),
        }
    }
}
