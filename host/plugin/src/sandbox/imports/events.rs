//! `events`: events on the runtime object.

use crate::bindings::events::Host;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a reason and of a note that the API server accepts.
const REASON: usize = 128;
const NOTE: usize = 1024;

impl Host for StoreData {
    async fn publish(&mut self, kind: String, reason: String, message: String) -> wasmtime::Result<Result<(), String>> {
        self.enter()?;
        if let Err(refusal) = self.granted(|grants| grants.events, "events: true") {
            return Ok(Err(refusal));
        }
        if kind != "Normal" && kind != "Warning" {
            return Ok(Err(format!(
                "the kind of an event is `Normal` or `Warning`, not `{}`",
                tidy(&kind, 64)
            )));
        }
        if reason.is_empty() || reason.len() > REASON || !reason.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Err(format!(
                "the reason of an event is one word of letters and digits, not `{}`",
                tidy(&reason, 64)
            )));
        }
        let message = tidy(&message, NOTE);
        Ok(self
            .backend
            .publish_event(&self.scope, &kind, &reason, &message)
            .await
            .map_err(|error| error.to_string()))
    }
}
