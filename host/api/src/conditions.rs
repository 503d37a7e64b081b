//! Conditions: their types, and how one is set without losing what its times tell.

use crate::dataset::{DatasetCondition, DatasetPhase};
use crate::k8s::Time;
use crate::reasons;
use crate::runtime_status::RuntimeCondition;
use crate::text;

/// Status of a condition that holds.
pub const TRUE: &str = "True";
/// Status of a condition that does not hold.
pub const FALSE: &str = "False";

/// Types of a Dataset's conditions.
pub mod dataset {
    /// Whether the cache serves. Its presence, with any status, says that the setup was once done.
    pub const READY: &str = "Ready";
    /// The cache could not be set up.
    pub const NOT_READY: &str = "NotReady";
    /// The mounts are being changed.
    pub const UPDATING: &str = "Updating";
}

/// Types of a runtime's conditions.
pub mod runtime {
    /// The masters were installed.
    pub const MASTER_INITIALIZED: &str = "MasterInitialized";
    /// Whether the masters serve.
    pub const MASTER_READY: &str = "MasterReady";
    /// The workers were installed.
    pub const WORKERS_INITIALIZED: &str = "WorkersInitialized";
    /// Whether the workers serve.
    pub const WORKERS_READY: &str = "WorkersReady";
    /// The number of workers went down.
    pub const WORKERS_SCALED_IN: &str = "WorkersScaledIn";
    /// The number of workers went up.
    pub const WORKERS_SCALED_OUT: &str = "WorkersScaledOut";
    /// The clients were installed.
    pub const FUSES_INITIALIZED: &str = "FusesInitialized";
    /// Whether the clients serve.
    pub const FUSES_READY: &str = "FusesReady";
    /// The number of clients went down.
    pub const FUSES_SCALED_IN: &str = "FusesScaledIn";
    /// The number of clients went up.
    pub const FUSES_SCALED_OUT: &str = "FusesScaledOut";
}

/// A condition to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What it is about: one of the constants of this module.
    pub condition_type: &'a str,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in a word or a few.
    pub reason: &'a str,
    /// Why, for people.
    pub message: &'a str,
}

impl Wanted<'_> {
    fn status(&self) -> &'static str {
        if self.holds { TRUE } else { FALSE }
    }
}

/// A condition of either kind, as far as setting one goes.
trait Condition {
    fn new(wanted: &Wanted<'_>, transition: Time, update: Time) -> Self;
    fn condition_type(&self) -> &str;
    fn says(&self, wanted: &Wanted<'_>) -> bool;
    fn transition_if_same(&self, status: &str) -> Option<Time>;
}

macro_rules! condition {
    ($name:ident, $update:ident) => {
        impl Condition for $name {
            fn new(wanted: &Wanted<'_>, transition: Time, update: Time) -> Self {
                Self {
                    condition_type: wanted.condition_type.to_owned(),
                    status: wanted.status().to_owned(),
                    reason: Some(wanted.reason.to_owned()),
                    message: Some(wanted.message.to_owned()),
                    $update: Some(update),
                    last_transition_time: Some(transition),
                }
            }

            fn condition_type(&self) -> &str {
                &self.condition_type
            }

            fn says(&self, wanted: &Wanted<'_>) -> bool {
                self.status == wanted.status()
                    && self.reason.as_deref() == Some(wanted.reason)
                    && self.message.as_deref() == Some(wanted.message)
            }

            fn transition_if_same(&self, status: &str) -> Option<Time> {
                self.last_transition_time
                    .clone()
                    .filter(|_| self.status == status)
            }
        }
    };
}

condition!(DatasetCondition, last_update_time);
condition!(RuntimeCondition, last_probe_time);

fn set<C: Condition>(conditions: &mut Vec<C>, wanted: &Wanted<'_>, now: Time) -> bool {
    let message = text::shown(wanted.message);
    let wanted = &Wanted {
        message: &message,
        ..*wanted
    };
    match conditions
        .iter_mut()
        .find(|condition| condition.condition_type() == wanted.condition_type)
    {
        Some(present) if present.says(wanted) => false,
        Some(present) => {
            let transition = present
                .transition_if_same(wanted.status())
                .unwrap_or_else(|| now.clone());
            *present = C::new(wanted, transition, now);
            true
        }
        None => {
            conditions.push(C::new(wanted, now.clone(), now));
            true
        }
    }
}

/// Sets a Dataset's condition in place of that of the same type. Returns whether anything changed.
///
/// The message is bounded, and passwords in it are masked ([`text::shown`]).
///
/// `lastTransitionTime` is kept where the status stays; nothing is touched where the condition says
/// all of it already, so that setting the same condition again makes no write.
pub fn set_dataset(conditions: &mut Vec<DatasetCondition>, wanted: &Wanted<'_>, now: Time) -> bool {
    set(conditions, wanted, now)
}

/// Sets a runtime's condition, as [`set_dataset`] does.
pub fn set_runtime(conditions: &mut Vec<RuntimeCondition>, wanted: &Wanted<'_>, now: Time) -> bool {
    set(conditions, wanted, now)
}

/// Sets a runtime's condition unless there is one of its type: what was initialised stays so.
/// Returns whether it was added.
pub fn set_runtime_once(conditions: &mut Vec<RuntimeCondition>, wanted: &Wanted<'_>, now: Time) -> bool {
    let present = conditions
        .iter()
        .any(|condition| condition.condition_type == wanted.condition_type);
    !present && set(conditions, wanted, now)
}

/// Whether a Dataset was once set up: it has a condition Ready, of whatever status.
pub fn was_set_up(conditions: &[DatasetCondition]) -> bool {
    conditions
        .iter()
        .any(|condition| condition.condition_type == dataset::READY)
}

/// The condition that goes with a Dataset's phase.
pub fn of_phase(phase: &DatasetPhase) -> Wanted<'static> {
    let (holds, message) = match phase {
        DatasetPhase::Bound => (true, "The ddc runtime is ready."),
        DatasetPhase::Failed => (false, "The ddc runtime is not ready."),
        _ => (false, "The ddc runtime is unknown."),
    };
    Wanted {
        condition_type: dataset::READY,
        holds,
        reason: reasons::dataset::READY,
        message,
    }
}

#[cfg(all(test, feature = "schema"))]
mod tests;
