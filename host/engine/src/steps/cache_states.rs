//! The cache states of a runtime: what is cached, and how well that serves. Like the sizes, they
//! are read by a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasser_api::size;
use wasser_plugin::bindings::types::{CacheState, Measure};

use crate::plugin::answer::answer;
use crate::request::Request;
use crate::shared::sizes_read::Unread;
use crate::shared::states_read::{self, Situation, StatesRead};
use crate::shared::tasks::{Progress, backoff};

/// For how many periods the sizes come first. A walk through all files can take hours, and one that
/// hangs must not hide the cache.
const SIZES_FIRST: u32 = 2;

impl Request {
    /// Reads the cache states when a pause has passed, and shows what was read last. The sizes
    /// come first: pods that have just started are not asked two things at once.
    pub fn sync_cache_states(&mut self) {
        if self.ready_since().is_none() {
            // Without a single pod wanted, there is no cache to show anything of.
            if self.roles.iter().all(|state| state.desired == 0) {
                self.runtime_status.cache_states.clear();
            }
            return;
        }
        if let Some(rest) = self.rest_of_sizes() {
            return self.look_again_in(rest);
        }
        let tasks = &self.shared.cache_states;
        let is_shown = !self.runtime_status.cache_states.is_empty();
        if tasks.progress(&self.uid).is_none()
            && let Some(rest) = self.shared.rest_of_start(&self.uid).filter(|_| is_shown)
        {
            return self.look_again_in(rest);
        }
        let (mut failing, situation) = (0, self.situation());
        let read = match tasks.progress(&self.uid) {
            Some(Progress::Done(read)) => Some(read),
            Some(Progress::Running) | None => None,
        };
        let calm = read.as_ref().map_or(0, |read| read.calm(&situation));
        match read.map(|read| read.outcome) {
            Some(Ok(states)) => {
                self.runtime_status.cache_states = states.into_iter().collect();
                tasks.succeeded(&self.uid);
            }
            Some(Err(Unread::Failed(message))) => {
                tracing::debug!(
                    runtime = self.identity.display(),
                    message,
                    "reading the cache states failed"
                );
                failing = tasks.failures(&self.uid).saturating_add(1);
            }
            Some(Err(Unread::Later(_))) | None => {}
        }
        let period = self.shared.settings.sync_period;
        let pause = match failing {
            0 => states_read::pause(period, calm),
            failing => backoff(period, failing),
        };
        if let Some(age) = tasks.age(&self.uid).filter(|age| *age < pause) {
            return self.look_again_in(pause.saturating_sub(age));
        }
        if failing > 0 {
            tasks.failed(&self.uid);
        }
        let still_calm = if situation.operations.is_empty() {
            calm.saturating_add(1)
        } else {
            0
        };
        self.start_reading_states(calm, situation);
        // If it shows something else, or fails, it asks for a reconcile by itself.
        self.look_again_in(states_read::pause(period, still_calm));
    }

    /// How long the sizes that are being read still come first; none if they do not.
    fn rest_of_sizes(&self) -> Option<Duration> {
        let sizes = &self.shared.metadata;
        if sizes.progress(&self.uid) != Some(Progress::Running) {
            return None;
        }
        let first = self.shared.settings.sync_period * SIZES_FIRST;
        let rest = first.saturating_sub(sizes.age(&self.uid)?);
        (!rest.is_zero()).then_some(rest)
    }

    fn situation(&self) -> Situation {
        let pods = self.roles.iter().flat_map(|state| self.pods_of(state));
        Situation {
            ready: pods.filter(|pod| pod.ready).count(),
            ready_since: self.ready_since().unwrap_or_default(),
            operations: self.dataset_status.operation_ref.clone(),
        }
    }

    /// Reads them, after so many reads that have shown the same.
    fn start_reading_states(&self, calm: u32, situation: Situation) {
        let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
        let shown: Vec<(String, String)> = self.runtime_status.cache_states.clone().into_iter().collect();
        let (wake, faults) = (Arc::clone(&self.wake), self.faults());
        let tells = Arc::new(AtomicBool::new(false));
        let flag = tells.clone();
        let done = move || {
            if tells.load(Ordering::Relaxed) {
                wake();
            }
        };
        self.shared
            .cache_states
            .start(&self.uid, self.origin(), done, async move {
                let outcome = implement.cache_states(&context).await;
                let states = faults.report(answer(&kind, "cache-states", outcome)).await;
                let outcome = states
                    .map_err(Unread::of)
                    .map(|states| sorted(states.unwrap_or_default()));
                let changes = outcome.as_ref().is_ok_and(|states| *states != shown);
                flag.store(changes || outcome.is_err(), Ordering::Relaxed);
                StatesRead {
                    outcome,
                    situation,
                    unchanged: if changes { 0 } else { calm.saturating_add(1) },
                }
            });
    }
}

/// Returns states as statuses show them.
fn sorted(states: Vec<CacheState>) -> Vec<(String, String)> {
    let mut states: Vec<(String, String)> = states
        .into_iter()
        .map(|state| (state.name, shown_as(&state.value)))
        .collect();
    states.sort();
    states
}

/// Returns a quantity as statuses show it.
fn shown_as(value: &Measure) -> String {
    match value {
        Measure::Bytes(bytes) => size::format(*bytes),
        Measure::Share(share) => size::format_percent(*share, 1.0),
        Measure::Unknown => String::new(),
        Measure::Other(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Measure::Bytes(1 << 30), "1.00GiB")]
    #[case(Measure::Bytes(0), "0.00B")]
    #[case(Measure::Share(0.5), "50.0%")]
    #[case(Measure::Share(1.0), "100.0%")]
    #[case(Measure::Unknown, "")]
    #[case(Measure::Other("N/A".to_owned()), "N/A")]
    fn quantities_are_shown_as_fluid_shows_them(#[case] value: Measure, #[case] shown: &str) {
        assert_eq!(shown_as(&value), shown);
    }
}
