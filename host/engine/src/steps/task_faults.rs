//! Events for faults of plugins in tasks, whose errors no reconcile reports: a task only keeps the
//! last one and tries again.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::EventType;
use wasser_api::reasons::events::ERROR_PROCESS_RUNTIME;
use wasser_plugin::CallError;

use crate::error::EngineError;
use crate::request::Request;
use crate::shared::events::Events;

/// Reports the faults of the tasks of one runtime.
pub(crate) struct Faults {
    events: Events,
    reference: ObjectReference,
}

impl Request {
    /// The reporter of faults for a task that outlives this reconcile.
    pub(crate) fn faults(&self) -> Faults {
        Faults {
            events: self.shared.events.clone(),
            reference: self.reference().clone(),
        }
    }
}

impl Faults {
    /// Returns the outcome, after an event on the runtime if the plugin itself failed.
    pub(crate) async fn report<T>(&self, outcome: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error) = &outcome
            && is_fault(error)
        {
            self.events
                .publish(
                    &self.reference,
                    EventType::Warning,
                    ERROR_PROCESS_RUNTIME,
                    &error.to_string(),
                )
                .await;
        }
        outcome
    }
}

/// Whether the plugin broke off a call that it was given. What it answers as an error is for the
/// task to judge, and a plugin that is in quarantine was not called.
fn is_fault(error: &EngineError) -> bool {
    match error {
        EngineError::Plugin { source, .. } => source.is_fault() || matches!(**source, CallError::Deadline { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::steps::plugin_failures::{failed, site};

    #[rstest]
    #[case::trap(failed(CallError::Trap { site: site(), reason: "unreachable".to_owned(), said: None }), true)]
    #[case::cpu(failed(CallError::CpuLimit { site: site(), limit: Duration::from_millis(500) }), true)]
    #[case::deadline(failed(CallError::Deadline { site: site(), limit: Duration::from_secs(30) }), true)]
    #[case::quarantine(failed(CallError::Quarantined { site: site(), faults: 9, wait: Duration::from_secs(1) }), false)]
    #[case::host(failed(CallError::Host { site: site(), reason: "no slot".to_owned() }), false)]
    #[case::answer(EngineError::Failed { method: "cache-states", message: "no pod serves".to_owned() }, false)]
    fn a_task_reports_what_the_plugin_broke_off(#[case] error: EngineError, #[case] reported: bool) {
        assert_eq!(is_fault(&error), reported);
    }
}
