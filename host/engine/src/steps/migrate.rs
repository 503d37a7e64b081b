//! What another version of the plugin, or Fluid, has installed, as this version counts it.
//!
//! Nothing is written for it: what the plugin wants is compared with what it has made of the old
//! values, and the release is upgraded if they differ.

use wasser_chart::{Installer, Release};

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::origin::{installer, is_to_migrate, origin};
use crate::request::Request;

impl Request {
    /// The release as this version of the plugin counts it.
    pub(super) async fn migrated(&mut self, release: &Release) -> Result<Installed, EngineError> {
        let found = Installed::recorded(release);
        if !is_to_migrate(&self.plugin, release.installer()) {
            return Ok(found);
        }
        let outcome = self.implement.migrate(found.text(), &origin(release)).await;
        let values = match self.answer("migrate", outcome) {
            Ok(Some(text)) => self.complete(&text)?,
            Ok(None) => found.values(),
            // A deletion has to end.
            Err(error) if self.runtime.metadata.deletion_timestamp.is_some() => {
                let runtime = self.identity.display();
                tracing::warn!(runtime, %error, "the plugin is shown the values as they were installed");
                found.values()
            }
            Err(error) => return Err(error),
        };
        // Which build has made what is there stays known.
        let made_by = release.installer().map(|by| by.build.clone());
        let by = Installer {
            build: made_by.unwrap_or_default(),
            ..installer(&self.plugin)
        };
        Ok(found.migrated(&values, by))
    }
}
