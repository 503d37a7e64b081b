//! Upgrades that do not come to an end: of a plugin whose values never settle, or of an object that
//! is never seen where it was applied.
//!
//! The first is found before anything is upgraded: asked again as if its values were installed, and
//! a day had passed, the plugin has to leave them as they are. Everything else is found by
//! counting: without a change of runtime, Dataset, plugin or an object of the cluster that it reads, a
//! release is not upgraded again and again.

use serde_json::Value;

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::differences::differences;
use crate::request::Request;
use crate::steps::damage::Damage;

/// How much later it is for a plugin that is asked again: each unit of time is another one, from
/// days to milliseconds.
const LATER_MS: u64 = 90_061_001;

impl Request {
    /// Refuses an upgrade to these values after which the plugin would ask for others at once.
    pub(crate) async fn check_settled(&mut self, text: &str) -> Result<(), EngineError> {
        let values = self.complete(text)?;
        let installed = self.installed().await?;
        if installed.is_none_or(|release| release.has(&values)) {
            return Ok(());
        }
        let mut context = self.context.clone();
        context.installed = Some(values.to_string());
        context.now = context.now.saturating_add(LATER_MS);
        let outcome = self.instance().desired(&context).await;
        let Some(next) = self.answer("desired", outcome)? else {
            return Ok(());
        };
        match differences(&values, &self.complete(&next)?) {
            None => Ok(()),
            Some(paths) => Err(EngineError::Unsettled {
                release: self.identity.display(),
                plugin: self.plugin.registration.clone(),
                paths,
            }),
        }
    }

    /// Refuses to upgrade a release once more that was upgraded too often without a cause.
    pub(crate) fn check_repeated(
        &self,
        before: &Installed,
        values: &Value,
        damage: Option<&Damage>,
    ) -> Result<(), EngineError> {
        let pause = self.shared.upgrades.pause(&self.uid, &self.cause());
        match pause {
            None => Ok(()),
            Some(after) => Err(EngineError::Repeated {
                release: self.identity.display(),
                reason: reason(damage, &self.unseen(before), differences(&before.values(), values)),
                after,
            }),
        }
    }
}

/// Why a release would be upgraded once more, and the remedy.
fn reason(damage: Option<&Damage>, missing: &[&(String, String)], paths: Option<String>) -> String {
    let missing: Vec<String> = missing.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    match (paths, damage) {
        (Some(paths), _) => format!(
            "the values are different each time at {paths}; correct the plugin: with what it reads from `installed`, \
                its values have to come to \
             rest"
        ),
        (None, Some(damage @ Damage::Changed(_))) => {
            format!("{damage}, and is changed each time after it; find out who changes it")
        }
        (None, _) => format!(
            "these objects are not there after they were applied: {}; find out who deletes them, or correct the \
                plugin's chart",
            missing.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_the_values_or_the_objects() {
        let object = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let (set, map) = (object("StatefulSet", "demo-worker"), object("ConfigMap", "demo"));
        let objects = reason(Some(&Damage::Missing), &[&set, &map], None);
        assert!(
            objects.contains("StatefulSet demo-worker, ConfigMap demo; find out who"),
            "{objects}"
        );
        let values = reason(None, &[&set, &map], Some("/worker/started".to_owned()));
        assert!(
            values.contains("each time at /worker/started; correct the plugin"),
            "{values}"
        );
    }
}
