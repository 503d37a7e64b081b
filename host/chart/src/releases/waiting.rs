//! Waiting until what is in the way of a release is gone, so that the runtime goes on by itself.
//!
//! Nobody watches the objects of others. Each that is in the way is watched alone, where the
//! operator may watch its kind, and is looked at from time to time where it may not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, select_all};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use kube::runtime::wait::await_condition;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::error::ReleaseError;
use super::kinds::Kinds;
use super::obstacle::Obstacle;
use super::ownership::Ownership;
use crate::policy::Policy;

/// Kinds that the operator may watch, whichever plugins are registered
/// (`charts/wasser/templates/operator/rbac.yaml`).
const WATCHED: [(&str, &str); 4] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
];
/// Between two looks at an object of another kind.
const PAUSE: Duration = Duration::from_secs(10);
/// After this time the release is tried again, whatever was seen.
const LIMIT: Duration = Duration::from_secs(300);

/// The releases that wait, by namespace and name.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<(String, String), AbortHandle>>>);

impl Waiting {
    /// Calls `wake` once one of the objects that `error` names is gone, or has become the
    /// runtime's. Replaces an earlier wait of the same release. Does nothing where the error names
    /// none.
    pub fn start(
        &self,
        kinds: &Kinds,
        policy: &Policy,
        release: &str,
        error: &ReleaseError,
        wake: impl FnOnce() + Send + 'static,
    ) {
        let obstacles = error.obstacles();
        if obstacles.is_empty() {
            return;
        }
        let key = (policy.namespace.clone(), release.to_owned());
        let (kinds, policy, name) = (kinds.clone(), policy.clone(), release.to_owned());
        let task = tokio::spawn(async move {
            // Whether there is a record is not known here; if it matters, the next try finds out.
            let ownership = Ownership {
                policy: &policy,
                release: &name,
                recorded: false,
            };
            let waits: Vec<BoxFuture<'_, ()>> = obstacles
                .iter()
                .map(|obstacle| gone(&kinds, &ownership, obstacle).boxed())
                .collect();
            let _ = tokio::time::timeout(LIMIT, select_all(waits)).await;
            wake();
        });
        let mut waiting = self.0.lock();
        waiting.retain(|_, task| !task.is_finished());
        let replaced = waiting.insert(key, task.abort_handle());
        drop(waiting);
        if let Some(replaced) = replaced {
            replaced.abort();
        }
    }

    /// Whether a release was refused, and has not been installed since.
    pub fn has(&self, namespace: &str, release: &str) -> bool {
        let key = (namespace.to_owned(), release.to_owned());
        self.0.lock().contains_key(&key)
    }

    /// Ends the wait of a release: it has been installed, or is no longer wanted.
    pub fn end(&self, namespace: &str, release: &str) {
        let key = (namespace.to_owned(), release.to_owned());
        let waiting = self.0.lock().remove(&key);
        if let Some(waiting) = waiting {
            waiting.abort();
        }
    }
}

/// Waits until an object is gone, or is another one, or is the runtime's where that is enough.
async fn gone(kinds: &Kinds, ownership: &Ownership<'_>, obstacle: &Obstacle) {
    let (reference, namespace) = (&obstacle.reference, &ownership.policy.namespace);
    let (group, kind, name) = reference.key();
    // The kind itself may be gone, or not be known for a while.
    let Ok(api) = kinds.metadata_api(reference, namespace).await else {
        return tokio::time::sleep(LIMIT).await;
    };
    let mut first = None;
    loop {
        if WATCHED.contains(&(group, kind)) {
            let watched = watch(api.clone(), name, ownership, obstacle.until_owned).await;
            match watched {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(object = reference.describe(namespace), %error, "an object cannot be watched")
                }
            }
        }
        match api.get_opt(name).await {
            Ok(None) => return,
            Ok(Some(found)) => {
                if is_free(&found.metadata, &mut first, ownership, obstacle.until_owned) {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(object = reference.describe(namespace), %error, "an object cannot be looked at")
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

type Metadata = PartialObjectMeta<DynamicObject>;

async fn watch(
    api: Api<Metadata>,
    name: &str,
    ownership: &Ownership<'_>,
    until_owned: bool,
) -> Result<(), kube::runtime::wait::Error> {
    let first = Mutex::new(None);
    let free = |found: Option<&Metadata>| {
        let mut first = first.lock();
        found.is_none_or(|found| is_free(&found.metadata, &mut first, ownership, until_owned))
    };
    await_condition(api, name, free).await.map(drop)
}

/// Whether this is not the object that was there at first, whose UID is noted, or has become the
/// runtime's.
fn is_free(metadata: &ObjectMeta, first: &mut Option<String>, ownership: &Ownership<'_>, until_owned: bool) -> bool {
    let uid = metadata.uid.clone().unwrap_or_default();
    *first.get_or_insert_with(|| uid.clone()) != uid || (until_owned && ownership.check(metadata).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_in_the_way_until_it_is_another_one_or_the_runtimes() {
        let policy = Policy {
            namespace: "ns".to_owned(),
            owner: serde_json::from_value(json!({"apiVersion": "v", "kind": "K", "name": "web", "uid": "own"}))
                .unwrap(),
            ..Policy::default()
        };
        let ownership = Ownership {
            policy: &policy,
            release: "web",
            recorded: false,
        };
        let metadata = |uid: &str, controller: &str| -> ObjectMeta {
            let owner = json!({"apiVersion": "v", "kind": "K", "name": "web", "uid": controller, "controller": true});
            serde_json::from_value(json!({"uid": uid, "ownerReferences": [owner]})).unwrap()
        };
        let mut first = None;
        assert!(!is_free(&metadata("1", "other"), &mut first, &ownership, true));
        assert!(
            !is_free(&metadata("1", "other"), &mut first, &ownership, true),
            "the same one, changed"
        );
        assert!(is_free(&metadata("1", "own"), &mut first, &ownership, true));
        assert!(!is_free(&metadata("1", "own"), &mut first, &ownership, false));
        assert!(is_free(&metadata("2", "other"), &mut first, &ownership, false));
    }
}
