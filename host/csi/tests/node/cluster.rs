//! An API server made of a few maps.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use wasser_api::ObjectKey;
use wasser_api::shared::FuseCleanPolicy;
use wasser_csi::cluster::{Cluster, ClusterError, Recovered, Volume};

/// The state of the API server.
#[derive(Debug, Default)]
pub struct FakeCluster {
    /// Volumes by name.
    pub volumes: Mutex<HashMap<String, Volume>>,
    /// The node's labels.
    pub labels: Mutex<BTreeSet<String>>,
    /// The number of times that a label was set or removed.
    pub patches: Mutex<usize>,
    /// How the next removals of labels fail: whether they are refused, and are not done. The answers of
    /// others are lost.
    pub failures: Mutex<VecDeque<bool>>,
    /// Clean policies by runtime.
    pub policies: Mutex<BTreeMap<String, FuseCleanPolicy>>,
    /// The generation labels of claims.
    pub generations: Mutex<BTreeMap<String, String>>,
    /// Events: the runtime and the outcome.
    pub events: Mutex<Vec<(String, Recovered)>>,
    /// Whether the API server does not answer.
    pub silent: AtomicBool,
    /// The volumes that cannot be read.
    pub unreadable: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn volume(&self, name: &str) -> Result<Option<Volume>, ClusterError> {
        if self.silent.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        if self.unreadable.lock().unwrap().remove(name) {
            let (action, message) = (format!("reading PersistentVolume {name}"), "timeout".to_owned());
            return Err(ClusterError {
                action,
                message,
                is_refused: false,
            });
        }
        Ok(self.volumes.lock().unwrap().get(name).cloned())
    }

    async fn fuse_label(&self, runtime: &ObjectKey) -> Result<String, ClusterError> {
        Ok(format!("fluid.io/f-{}-{}", runtime.namespace, runtime.name))
    }

    async fn label_node(&self, key: &str, present: bool) -> Result<(), ClusterError> {
        *self.patches.lock().unwrap() += 1;
        let mut labels = self.labels.lock().unwrap();
        if present {
            labels.insert(key.to_owned());
            return Ok(());
        }
        let failure = self.failures.lock().unwrap().pop_front();
        if failure != Some(true) {
            labels.remove(key);
        }
        match failure {
            None => Ok(()),
            Some(is_refused) => Err(ClusterError {
                action: format!("removing label {key}"),
                message: "no answer".to_owned(),
                is_refused,
            }),
        }
    }

    async fn clean_policy(&self, runtime: &ObjectKey) -> Result<Option<FuseCleanPolicy>, ClusterError> {
        Ok(self.policies.lock().unwrap().get(&runtime.to_string()).cloned())
    }

    async fn fuse_generation(&self, runtime: &ObjectKey) -> Result<Option<String>, ClusterError> {
        Ok(self.generations.lock().unwrap().get(&runtime.to_string()).cloned())
    }

    async fn recovered(&self, runtime: &ObjectKey, _: &str, how: &Recovered) -> Result<(), ClusterError> {
        self.events.lock().unwrap().push((runtime.to_string(), how.clone()));
        Ok(())
    }
}
