//! Emptying the cache of a runtime that is deleted: attempts in growing pauses, after the last of
//! which the deletion goes on without.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DynamicObject};
use serde_json::Value;
use wasser_api::reasons::events;
use wasser_chart::is_outage;
use wasser_plugin::CallError;

use crate::error::EngineError;
use crate::plugin::answer::answer;
use crate::request::Request;
use crate::shared::backoff::Backoff;
use crate::shared::tasks::Progress;
use crate::shared::unclean::Unclean;
use crate::steps::TOLD;

/// Attempts to empty the cache where the runtime's clean policy does not say.
const DEFAULT_ATTEMPTS: u32 = 3;
/// The pauses between attempts.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_secs(20),
};
/// How long attempts do not count that could not be made. A plugin that is never called again must
/// not hold a deletion for ever.
const FORGIVEN: Duration = Duration::from_secs(600);
/// The wait for attempts that can be made.
const CLEANUP: &str = "cleanup";

impl Request {
    /// Attempts to empty the cache, up to the limit of the clean policy; then the deletion goes on
    /// without.
    pub(super) async fn clean_cache(&self) -> Result<(), EngineError> {
        let limit = self.clean_policy("maxRetryAttempts").unwrap_or(DEFAULT_ATTEMPTS);
        let tasks = &self.shared.cleanups;
        match tasks.progress(&self.uid) {
            None => self.start_cleanup(Duration::ZERO),
            Some(Progress::Done(Ok(()))) => return Ok(()),
            Some(Progress::Running) => {}
            Some(Progress::Done(Err(unclean))) => {
                if let Some(pause) = self.forgiven(&unclean) {
                    self.start_cleanup(pause);
                } else {
                    let failures = tasks.failed(&self.uid);
                    if failures >= limit {
                        let message = format!(
                            "Failed to clean the cache after {failures} attempts; the deletion goes on. The last \
                                error: {}",
                            unclean.reason
                        );
                        self.warn(events::ERROR_PROCESS_RUNTIME, &message).await;
                        return Ok(());
                    }
                    self.start_cleanup(PAUSES.after(failures.saturating_sub(1)));
                }
            }
        }
        Err(EngineError::NotYet {
            after: TOLD,
            message: "the cache is being cleaned".to_owned(),
        })
    }

    /// The pause after an attempt that does not count. None if it counts.
    fn forgiven(&self, unclean: &Unclean) -> Option<Duration> {
        if unclean.was_made {
            return None;
        }
        let waited = self.shared.waited(&self.uid, CLEANUP);
        // A pause as long as all before it doubles each time.
        (waited < FORGIVEN).then(|| waited.clamp(PAUSES.first, PAUSES.longest))
    }

    fn start_cleanup(&self, pause: Duration) {
        let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
        let (wake, faults) = (Arc::clone(&self.wake), self.faults());
        let (namespace, name) = (&self.identity.namespace, self.identity.name.clone());
        let api = Api::<DynamicObject>::namespaced_with(self.shared.client.clone(), namespace, &self.resource);
        let work = async move {
            let outcome = implement.shutdown(&context).await;
            let done = faults.report(answer(&kind, "shutdown", outcome)).await;
            let Err(error) = done else {
                return Ok(());
            };
            Err(Unclean {
                was_made: was_called(&error) && is_answered(&api, &name).await,
                reason: error.to_string(),
            })
        };
        self.shared.cleanups.start_when(
            tokio::time::sleep(pause),
            &self.uid,
            self.origin(),
            move || wake(),
            work,
        );
    }

    /// A number of `spec.management.cleanCachePolicy`, or of `spec.cleanCachePolicy`, where some
    /// runtimes have it.
    fn clean_policy(&self, field: &str) -> Option<u32> {
        let find = |prefix: &str| {
            self.object
                .pointer(&format!("{prefix}/cleanCachePolicy/{field}"))
                .and_then(Value::as_u64)
        };
        find("/spec/management")
            .or_else(|| find("/spec"))
            .and_then(|number| u32::try_from(number).ok())
    }
}

/// Whether the plugin was called. One in quarantine is not, nor is one for which there is no place.
fn was_called(error: &EngineError) -> bool {
    match error {
        EngineError::Plugin { source, .. } => {
            !matches!(**source, CallError::Quarantined { .. } | CallError::Host { .. })
        }
        _ => true,
    }
}

/// Whether the API server answers, through which the plugin reaches all pods. A plugin only says in
/// its own words that a command was not run.
async fn is_answered(api: &Api<DynamicObject>, name: &str) -> bool {
    let found = api.get_metadata_opt(name).await;
    !found.is_err_and(|error| is_outage(&error))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::steps::plugin_failures::{failed, site};

    #[rstest]
    #[case::trap(failed(CallError::Trap { site: site(), reason: "unreachable".to_owned(), said: None }), true)]
    #[case::deadline(failed(CallError::Deadline { site: site(), limit: Duration::from_secs(30) }), true)]
    #[case::quarantine(failed(CallError::Quarantined { site: site(), faults: 9, wait: Duration::from_secs(1) }), false)]
    #[case::host(failed(CallError::Host { site: site(), reason: "no slot".to_owned() }), false)]
    #[case::answer(EngineError::Failed { method: "shutdown", message: "exit code 1".to_owned() }, true)]
    fn an_attempt_is_made_where_the_plugin_is_called(#[case] error: EngineError, #[case] made: bool) {
        assert_eq!(was_called(&error), made);
    }
}
