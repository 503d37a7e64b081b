//! `log`: lines for the host's log. It is always granted, and limited.

use crate::bindings::log::{Host, Level};
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a line. A longer line loses its middle.
const LINE: usize = 1024;

impl Host for StoreData {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.enter()?;
        let message = tidy(&message, LINE);
        if matches!(level, Level::Error) {
            self.last_error_line = Some(message.clone());
        }
        if self.journal().was_said(&message) {
            return Ok(());
        }
        self.journal().say(&message);
        self.log_lines = self.log_lines.saturating_add(1);
        let limit = self.identity.limits.log_lines;
        let (plugin, runtime) = (&self.identity.kind, &self.scope);
        if self.log_lines > limit {
            if self.log_lines == limit + 1 {
                let message = format!("more than {limit} lines in one call; the rest is not logged");
                tracing::warn!(target: "plugin", %plugin, %runtime, "{message}");
            }
            return Ok(());
        }
        match level {
            Level::Debug => tracing::debug!(target: "plugin", %plugin, %runtime, "{message}"),
            Level::Info => tracing::info!(target: "plugin", %plugin, %runtime, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", %plugin, %runtime, "{message}"),
            Level::Error => tracing::error!(target: "plugin", %plugin, %runtime, "{message}"),
        }
        Ok(())
    }
}
