//! The one place that reports how a reconcile ended: by the condition `NotReady` of the Dataset, by
//! events on the Dataset and the runtime, by the statuses, and in the log.
//!
//! Waiting is not a failure, and a write that came too late is not one either: neither is an event,
//! but for a deletion that waits long.
//! The condition is there for exactly as long as something is wrong.

use kube::Resource;
use kube::runtime::events::EventType;
use wasser_api::conditions::{self, dataset::NOT_READY};
use wasser_api::dataset::{Dataset, DatasetPhase, DatasetStatus, Mount};
use wasser_api::reasons::{dataset as reasons, events};

use crate::error::{EngineError, is_conflict_of};
use crate::request::Request;
use crate::request::change::Change;
use crate::request::roles::RoleTrouble;

/// The wait of a runtime that is being deleted.
const DELETION: &str = "deletion";

/// What the condition `NotReady` says.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    reason: &'static str,
    text: String,
}

/// What is wrong with a Dataset. Once it is set up, something that is waited for is not wrong.
fn problem(is_set_up: bool, error: Option<&EngineError>, troubles: &[RoleTrouble]) -> Option<Problem> {
    let is_wait = |error: &&EngineError| error.is_wait();
    let failure = error.filter(|error| !is_wait(error));
    let mut texts: Vec<String> = failure.map(ToString::to_string).into_iter().collect();
    for trouble in troubles {
        if !texts.iter().any(|text| text.contains(&trouble.text)) {
            texts.push(trouble.text.clone());
        }
    }
    if texts.is_empty() && !is_set_up {
        texts.extend(error.filter(is_wait).map(ToString::to_string));
    }
    let reason = match failure {
        _ if !is_set_up => reasons::FAILED_TO_SETUP,
        Some(failure) if failure.is_refusal() || failure.refuses_release() => reasons::REFUSED,
        _ => reasons::UNHEALTHY,
    };
    (!texts.is_empty()).then(|| Problem {
        reason,
        text: texts.join("; besides, "),
    })
}

/// What a Dataset shows to be wrong with it.
fn complaint(status: &DatasetStatus) -> Option<&str> {
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.condition_type == NOT_READY);
    found.map(|condition| condition.message.as_deref().unwrap_or_default())
}

/// What changed between two statuses of a Dataset.
fn changes(name: &str, before: &DatasetStatus, after: &DatasetStatus) -> Vec<Change> {
    let change = |reason, message, on_runtime| Change {
        reason,
        message,
        on_runtime,
    };
    if !conditions::was_set_up(&after.conditions) {
        return Vec::new();
    }
    if !conditions::was_set_up(&before.conditions) {
        let message = format!("The dataset is bound; pods can mount the claim {name}.");
        return vec![change(events::DATASET_BOUND, message, false)];
    }
    let mut all = Vec::new();
    if before.mounts != after.mounts {
        let message = format!(
            "The mounts were updated: {}.",
            mount_changes(&before.mounts, &after.mounts)
        );
        all.push(change(events::MOUNTS_UPDATED, message, false));
    }
    if let (Some(message), None) = (complaint(before), complaint(after)) {
        all.push(change(events::RECOVERED, format!("This is over: {message}"), true));
    }
    all
}

/// The mounts that were added, changed and removed, by their names.
fn mount_changes(before: &[Mount], after: &[Mount]) -> String {
    let of = |mounts: &[Mount], name: &str| mounts.iter().find(|mount| mount.name == name).cloned();
    let mut words = Vec::new();
    for mount in after {
        match of(before, &mount.name) {
            None => words.push(format!("{} added", mount.name)),
            Some(earlier) if earlier != *mount => words.push(format!("{} changed", mount.name)),
            Some(_) => {}
        }
    }
    let removed = before.iter().filter(|mount| of(after, &mount.name).is_none());
    words.extend(removed.map(|mount| format!("{} removed", mount.name)));
    if words.is_empty() {
        "their order".to_owned()
    } else {
        words.join(", ")
    }
}

impl Request {
    /// Notes that something was done.
    pub fn changed(&mut self, reason: &'static str, message: impl Into<String>) {
        self.changes.push(Change {
            reason,
            message: message.into(),
            on_runtime: false,
        });
    }

    /// Reports how the reconcile ended.
    ///
    /// # Errors
    /// The statuses could not be written.
    pub async fn report(&mut self, error: Option<&EngineError>) -> Result<(), EngineError> {
        let error = error.filter(|error| !is_conflict_of(error));
        let written = if self.is_shown(error) {
            self.show(error);
            self.write_shown(error).await
        } else {
            Ok(())
        };
        self.publish_failures(error).await;
        self.publish_wait(error).await;
        self.publish_changes(written.is_ok()).await;
        written
    }

    /// Whether the statuses say how the reconcile ended: not those of a runtime that goes away, nor
    /// of one that was not looked at.
    fn is_shown(&self, error: Option<&EngineError>) -> bool {
        self.runtime.metadata.deletion_timestamp.is_none() && (self.attended || error.is_some())
    }

    fn show(&mut self, error: Option<&EngineError>) {
        if self.attended && self.context.installed.is_some() {
            self.check_and_update_runtime_status();
        }
        let is_set_up = self.is_set_up();
        let stays = match error {
            // The Dataset of another runtime is that runtime's to report on.
            Some(EngineError::Taken { .. }) => true,
            Some(error) if is_set_up => error.is_outage() || !self.attended,
            _ => false,
        };
        if stays {
            return;
        }
        if self.dataset_status.phase == DatasetPhase::Unset {
            self.dataset_status.phase = DatasetPhase::NotBound;
        }
        match problem(is_set_up, error, &self.troubles) {
            Some(problem) => self.set_dataset_condition(NOT_READY, problem.reason, &problem.text, true),
            None => self.remove_dataset_condition(NOT_READY),
        }
    }

    /// Writes the statuses, or puts that off where they only show a little more progress than
    /// before.
    async fn write_shown(&mut self, error: Option<&EngineError>) -> Result<(), EngineError> {
        let only_progress = error.is_none() && !self.is_set_up() && !self.shows_other_troubles();
        match self.shared.status_throttle.wait(&self.uid).filter(|_| only_progress) {
            Some(pause) => {
                self.look_again_in(pause);
                Ok(())
            }
            None => self.write_statuses().await,
        }
    }

    fn shows_other_troubles(&self) -> bool {
        let before = self.dataset.as_ref().and_then(|dataset| dataset.status.as_ref());
        before.and_then(complaint) != complaint(&self.dataset_status)
    }

    /// Publishes what went wrong as events on both objects.
    async fn publish_failures(&self, error: Option<&EngineError>) {
        let error = error.filter(|error| !error.is_wait());
        let text = error.map(ToString::to_string).unwrap_or_default();
        if let Some(error) = error {
            let (reason, is_own) = match error {
                EngineError::InvalidSpec { .. } => (events::ERROR_VALIDATE_SPEC_FIELDS, true),
                EngineError::Taken { .. } => (events::ERROR_VALIDATE_SPEC_FIELDS, false),
                _ => (events::ERROR_PROCESS_RUNTIME, true),
            };
            self.publish_failure(reason, &text, is_own).await;
        }
        for trouble in self.troubles.iter().filter(|trouble| !text.contains(&trouble.text)) {
            self.publish_failure(&trouble.reason, &trouble.text, true).await;
        }
    }

    /// Publishes on a runtime what its deletion waits for, once that takes long: its status shows
    /// nothing any more.
    async fn publish_wait(&mut self, error: Option<&EngineError>) {
        let wait = error.filter(|error| error.is_wait() && self.runtime.metadata.deletion_timestamp.is_some());
        let Some(wait) = wait else { return };
        let (patience, waited) = (self.shared.settings.patience, self.shared.waited(&self.uid, DELETION));
        if waited < patience {
            self.look_again_in(patience - waited);
            return;
        }
        let message = format!("the deletion waits: {wait}");
        let (about, reason) = (self.reference(), events::DELETING_RUNTIME);
        let events = &self.shared.events;
        events.publish(about, EventType::Normal, reason, &message).await;
    }

    /// Publishes a failure on the runtime, and on the Dataset if it is its own. The same one again
    /// is neither published nor a warning in the log.
    async fn publish_failure(&self, reason: &str, text: &str, is_own: bool) {
        let (runtime, kind) = (self.identity.display(), &self.identity.kind);
        if self
            .shared
            .events
            .publish(self.reference(), EventType::Warning, reason, text)
            .await
        {
            tracing::warn!(kind, runtime, reason, "{text}");
        } else {
            tracing::debug!(kind, runtime, reason, "{text}");
        }
        if let Some(dataset) = self.dataset.as_ref().filter(|_| is_own) {
            self.shared
                .events
                .publish(&dataset.object_ref(&()), EventType::Warning, reason, text)
                .await;
        }
    }

    /// Publishes what was done, and what the statuses show that was not so before, if they were
    /// written.
    async fn publish_changes(&mut self, written: bool) {
        let mut all = std::mem::take(&mut self.changes);
        let Some(dataset) = self.dataset.clone() else { return };
        if written {
            let before = dataset.status.clone().unwrap_or_default();
            all.extend(changes(&self.identity.name, &before, &self.dataset_status));
        }
        for change in all {
            self.publish_change(&dataset, &change).await;
        }
    }

    async fn publish_change(&self, dataset: &Dataset, change: &Change) {
        let events = &self.shared.events;
        tracing::info!(
            kind = self.identity.kind,
            runtime = self.identity.display(),
            reason = change.reason,
            "{}",
            change.message
        );
        events
            .publish_change(&dataset.object_ref(&()), change.reason, &change.message)
            .await;
        if change.on_runtime {
            events
                .publish_change(self.reference(), change.reason, &change.message)
                .await;
        }
    }
}

#[cfg(test)]
mod tests;
