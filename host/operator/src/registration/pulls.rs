//! The artifacts that are on their way, and those that are tried again.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
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
    /// Where the artifact is in memory until somebody takes it.
    _place: Option<OwnedSemaphorePermit>,
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
        let place = artifacts.place().await;
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
            _place: place,
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
#[allow(clippy::panic)] // It is what is tested.
mod tests {
    use kube::ResourceExt;
    use wasser_oci::{Credentials, Reference, Registry};
    use wasser_plugin::Digest;
    use wasser_test_api_server::ApiServer;
    use wasser_test_registry::{TestRegistry, demo};

    use super::*;

    /// Returns a registration of what is pushed under this tag.
    async fn registration(registry: &TestRegistry, way: &Registry, tag: &str) -> ConfigMap {
        let (artifact, tagged) = (demo(tag.as_bytes()), format!("{}/demo:{tag}", registry.host()));
        let tagged: Reference = tagged.parse().unwrap();
        let pushed = way.push(&tagged, &artifact, &Credentials::anonymous()).await.unwrap();
        let plugin = format!(
            "runtime: DemoRuntime\ncomponent: {{oci: \"{pushed}\"}}\ndigest: {}\nchart: {{oci: \"{pushed}\"}}\n",
            Digest::of(artifact.component())
        );
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": tag, "namespace": "system"}, "data": {"plugin.yaml": plugin},
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn what_nobody_has_taken_yet_counts_among_what_is_pulled() {
        let (registry, directory) = (TestRegistry::start().await, tempfile::tempdir().unwrap());
        let way = Registry {
            plain_http: true,
            ..Registry::default()
        };
        let client = ApiServer::new().client("operator");
        let artifacts = Artifacts::new(way.clone(), directory.path(), client, "system");
        let mut pulls = Pulls::new(artifacts, PAUSES);
        let mut maps = Vec::new();
        for tag in ["a", "b", "c"] {
            maps.push(registration(&registry, &way, tag).await);
        }
        registry.requests();
        for map in &maps {
            pulls.start(&map.name_any(), map.clone(), Wanted::of(map).unwrap());
        }
        while pulls.attempts.len() < 2 {
            tokio::task::yield_now().await;
        }
        let asked = registry.requests();
        let pulled = asked.iter().filter(|request| request.contains("/manifests/")).count();
        assert_eq!(pulled, 2, "the third waits: {asked:?}");
        for _ in &maps {
            let (map, pulled) = pulls.next().await;
            let artifact = pulled.map_err(|failure| failure.reason).unwrap();
            assert_eq!(artifact.chart(), map.name_any().as_bytes());
        }
    }

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
