//! The runtimes of kinds that are no longer served, as they were watched last. Whoever takes a plugin
//! away often takes the right to list its runtimes away before.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::watch;

/// How long the controller of a kind may take to learn that it has to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The runtimes that are left, by kind.
#[derive(Default)]
pub struct Left(watch::Sender<BTreeMap<String, Vec<ObjectReference>>>);

impl Left {
    /// Notes which runtimes a kind has had until now.
    pub fn behind(&self, kind: &str, runtimes: Vec<ObjectReference>) {
        self.0.send_modify(|all| drop(all.insert(kind.to_owned(), runtimes)));
    }

    /// Forgets a kind that is served.
    pub fn forget(&self, kind: &str) {
        self.0.send_if_modified(|all| all.remove(kind).is_some());
    }

    /// Returns the runtimes of a kind that is not served any more; `None` if this process did not
    /// watch them.
    pub async fn of(&self, kind: &str) -> Option<Vec<ObjectReference>> {
        let mut all = self.0.subscribe();
        let noted = all.wait_for(|all| all.contains_key(kind));
        let noted = tokio::time::timeout(PATIENCE, noted).await.ok()?.ok()?;
        noted.get(kind).cloned()
    }
}
