//! How whoever waits is woken.

use std::sync::Arc;

/// Asks for another reconcile of a runtime.
pub type Wake = Arc<dyn Fn() + Send + Sync>;
