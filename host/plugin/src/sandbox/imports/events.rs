//! `events`: events on the runtime object.

use crate::bindings::events::{Host, Severity};
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a reason and of a note that the API server accepts.
const REASON: usize = 128;
const NOTE: usize = 1024;

impl Host for StoreData {
    async fn publish(
        &mut self,
        severity: Severity,
        reason: String,
        message: String,
    ) -> wasmtime::Result<Result<(), HostError>> {
        self.enter_far().await?;
        Ok(self.event(severity, &reason, &message).await)
    }
}

impl StoreData {
    async fn event(&self, severity: Severity, reason: &str, message: &str) -> Result<(), HostError> {
        self.granted(|grants| grants.events, "events: true")?;
        if reason.is_empty() || reason.len() > REASON || !reason.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return refused(format!(
                "the reason of an event is one word of letters and digits, not `{}`",
                tidy(reason, 64)
            ));
        }
        let kind = match severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        let message = tidy(message, NOTE);
        let words = (kind, reason, &message);
        if self.journal().was_said(&words) {
            return Ok(());
        }
        self.backend.publish_event(&self.scope, kind, reason, &message).await?;
        self.journal().say(&words);
        Ok(())
    }
}
