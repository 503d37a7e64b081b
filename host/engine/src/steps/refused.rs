//! Values of a release that the API server refuses.

use std::time::Instant;

use crate::error::EngineError;
use crate::request::Request;
use crate::steps::damage::Damage;

impl Request {
    /// Writes these values, unless the API server has refused them a short while ago. Those of the
    /// record it has taken once, and datasets suffer until what is missing is back: a repair is tried
    /// again like anything else that has failed.
    pub(super) async fn write_unless_refused(
        &mut self,
        values: &str,
        damage: Option<&Damage>,
        is_of_record: bool,
    ) -> Result<bool, EngineError> {
        let is_repair = is_of_record && damage.is_some_and(Damage::is_of_one_revision);
        if !is_repair {
            self.check_refused(values, damage)?;
        }
        let outcome = self.upgrade(values, damage).await;
        if !is_repair {
            self.note_refusal(values, &outcome);
        }
        outcome
    }

    /// Fails if the API server has refused these values a short while ago.
    fn check_refused(&self, values: &str, damage: Option<&Damage>) -> Result<(), EngineError> {
        // What is missing may be what was in the way.
        if matches!(damage, Some(Damage::Missing | Damage::Changed(_))) {
            return Ok(());
        }
        let chart = self.plugin.chart_digest.to_string();
        match self.shared.refusals.of(&self.uid, &chart, values, Instant::now()) {
            Some(message) => Err(EngineError::StillRefused { message }),
            None => Ok(()),
        }
    }

    fn note_refusal(&self, values: &str, outcome: &Result<bool, EngineError>) {
        if let Err(error) = outcome
            && error.refuses_release()
        {
            let (chart, message) = (self.plugin.chart_digest.to_string(), error.to_string());
            self.shared
                .refusals
                .note(&self.uid, &chart, values, message, Instant::now());
        }
    }
}
