//! How long this process may write.

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The time in which this process may write. Once it is over, it does not begin again.
pub struct Tenure {
    until: Mutex<Option<Instant>>,
    over: CancellationToken,
}

impl Tenure {
    /// A tenure that is over when `over` is cancelled, and has no end before it is limited.
    pub fn new(over: CancellationToken) -> Self {
        Self {
            until: Mutex::new(None),
            over,
        }
    }

    /// Moves the end of the tenure.
    pub fn limit(&self, until: Instant) {
        *self.until.lock() = Some(until);
    }

    /// Ends the tenure.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// Returns whether the tenure is over. The clock decides, so that this is right even if the
    /// process was stopped for a while and nobody has had time to notice.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled() || self.until.lock().is_some_and(|until| Instant::now() >= until)
    }

    /// Waits until the tenure was ended.
    pub fn ended(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }
}
