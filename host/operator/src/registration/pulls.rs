//! The artifacts that are on their way, and those that are tried again.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use wasser_engine::Backoff;
use wasser_pack::oci::artifact::Artifact;

use super::artifacts::{Artifacts, PullError, Wanted};

/// How long to wait between attempts.
pub const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_secs(300),
};

/// An attempt that has failed.
pub struct Failure {
    /// Why, and whether it is tried again.
    pub reason: String,
    /// Whether it fails again until somebody changes something.
    pub needs_change: bool,
}

/// The end of an attempt.
pub struct Attempt {
    name: String,
    number: u64,
    result: Result<Artifact, Failure>,
}

struct Pull {
    number: u64,
    map: ConfigMap,
    task: AbortHandle,
}

/// One pull for each registration at most.
pub struct Pulls {
    artifacts: Artifacts,
    pauses: Backoff,
    current: BTreeMap<String, Pull>,
    number: u64,
    sender: mpsc::UnboundedSender<Attempt>,
    attempts: mpsc::UnboundedReceiver<Attempt>,
}

impl Pulls {
    /// Returns no pulls.
    pub fn new(artifacts: Artifacts, pauses: Backoff) -> Self {
        let (sender, attempts) = mpsc::unbounded_channel();
        Self {
            artifacts,
            pauses,
            current: BTreeMap::new(),
            number: 0,
            sender,
            attempts,
        }
    }

    /// Pulls what a registration wants until it is here, or cannot come.
    pub fn start(&mut self, name: &str, map: ConfigMap, wanted: Wanted) {
        self.stop(name);
        self.number += 1;
        let number = self.number;
        let task = tokio::spawn(repeat(
            self.artifacts.clone(),
            wanted,
            self.pauses,
            (name.to_owned(), number),
            self.sender.clone(),
        ));
        self.current.insert(
            name.to_owned(),
            Pull {
                number,
                map,
                task: task.abort_handle(),
            },
        );
    }

    /// Pulls no longer for a registration.
    pub fn stop(&mut self, name: &str) {
        if let Some(pull) = self.current.remove(name) {
            pull.task.abort();
        }
    }

    /// Waits for the end of an attempt. Returns the ConfigMap that it was made for, and what came.
    pub async fn next(&mut self) -> (ConfigMap, Result<Artifact, Failure>) {
        loop {
            let Some(attempt) = self.attempts.recv().await else {
                // There is a sender in `self`.
                return std::future::pending().await;
            };
            // What was sent before a pull was stopped is of no interest.
            let Some(pull) = self
                .current
                .get(&attempt.name)
                .filter(|pull| pull.number == attempt.number)
            else {
                continue;
            };
            let map = pull.map.clone();
            if attempt.result.is_ok() {
                self.current.remove(&attempt.name);
            }
            return (map, attempt.result);
        }
    }
}

impl Drop for Pulls {
    fn drop(&mut self) {
        for pull in self.current.values() {
            pull.task.abort();
        }
    }
}

/// Makes attempts in growing pauses, and sends how each ended.
async fn repeat(
    artifacts: Artifacts,
    wanted: Wanted,
    pauses: Backoff,
    (name, number): (String, u64),
    ends: mpsc::UnboundedSender<Attempt>,
) {
    for failures in 0.. {
        let pulled = caught(artifacts.pull(&wanted)).await;
        let is_over = pulled.as_ref().map_or_else(|error| error.is_lasting(), |_| true);
        let result = pulled.map_err(|error| {
            let next = if is_over { "" } else { "; it is tried again" };
            Failure {
                reason: format!("{error}{next}"),
                needs_change: error.needs_change(),
            }
        });
        let attempt = Attempt {
            name: name.clone(),
            number,
            result,
        };
        // Nobody listens any more when the process ends.
        if ends.send(attempt).is_err() || is_over {
            return;
        }
        tokio::time::sleep(pauses.after(failures)).await;
    }
}

/// Makes an error of a panic, with which nobody would try again any more. What is pulled is parsed by
/// the code of others, and nothing of the attempt is used after it.
async fn caught<T>(pull: impl Future<Output = Result<T, PullError>>) -> Result<T, PullError> {
    let ended = AssertUnwindSafe(pull).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(PullError::Panic(said(panic.as_ref()))))
}

/// Returns what a panic says.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "nothing".to_owned())
}

#[cfg(test)]
#[allow(clippy::panic)] // That is what is tested.
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_attempt_that_has_failed_and_is_made_again() {
        let literal = caught::<()>(async { panic!("an odd token") }).await.unwrap_err();
        let made = caught::<()>(async { panic!("an odd {}", "token") }).await.unwrap_err();
        for error in [literal, made] {
            assert!(
                error.to_string().ends_with("should be reported: an odd token"),
                "{error}"
            );
            assert!(!error.is_lasting());
        }
    }
}
