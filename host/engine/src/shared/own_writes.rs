//! What this process wrote last to each object, so that nothing is decided from a state that is
//! older.
//!
//! A watch shows a write of our own only some time after it; a reconcile in between would repeat
//! the write from the earlier state, and be refused with a conflict. Instead it waits for the
//! watch, whose event leads to the next reconcile anyway.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kube::Resource;
use parking_lot::Mutex;

/// After this time, an object is taken as the watch shows it: the API server's store may have been
/// restored from a backup, with lower versions.
const LONGEST: Duration = Duration::from_secs(30);

/// The least number of entries from which those that no longer count are removed: of objects that
/// are gone, mostly.
const PRUNED_FROM: usize = 1024;

/// The versions that writes of this process made, by UID of the object.
#[derive(Debug, Default)]
pub struct OwnWrites {
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    versions: HashMap<String, (u64, Instant)>,
    /// The number of entries from which they are looked through again.
    pruned_from: usize,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            versions: HashMap::new(),
            pruned_from: PRUNED_FROM,
        }
    }
}

impl Written {
    /// Twice as many as were left the last time, so that each write pays for a few entries only.
    fn prune(&mut self) {
        if self.versions.len() >= self.pruned_from {
            self.versions.retain(|_, (_, since)| since.elapsed() < LONGEST);
            self.pruned_from = PRUNED_FROM.max(self.versions.len() * 2);
        }
    }
}

impl OwnWrites {
    /// Notes the version that a write has made. The write that takes the last finalizer off an
    /// object which is being deleted ends it: there is no version after that, and the answer has
    /// the one before.
    pub fn wrote(&self, object: &impl Resource) {
        let meta = object.meta();
        let (Some(uid), Some(version)) = (meta.uid.as_ref(), number(meta.resource_version.as_deref())) else {
            return;
        };
        let ended = meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty);
        let version = if ended { u64::MAX } else { version };
        let mut written = self.written.lock();
        written.prune();
        let written = &mut written.versions;
        let newest = written.get(uid).map_or(0, |(newest, _)| *newest);
        written.insert(uid.clone(), (version.max(newest), Instant::now()));
    }

    /// Whether an object is older than what this process has written to it.
    pub fn is_stale(&self, object: &impl Resource) -> bool {
        let meta = object.meta();
        let (Some(uid), Some(version)) = (meta.uid.as_ref(), number(meta.resource_version.as_deref())) else {
            return false;
        };
        let written = &mut self.written.lock().versions;
        let stale = written
            .get(uid)
            .is_some_and(|(newest, since)| version < *newest && since.elapsed() < LONGEST);
        if !stale {
            written.remove(uid);
        }
        stale
    }
}

/// Resource versions are numbers that grow, as Kubernetes guarantees since 1.35 and etcd always
/// did. What is not a number cannot be compared.
fn number(version: Option<&str>) -> Option<u64> {
    version?.parse().ok()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;

    use super::*;

    fn object(version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            uid: Some("u".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap {
            metadata,
            ..ConfigMap::default()
        }
    }

    #[test]
    fn what_is_older_than_the_last_write_is_stale_until_the_watch_has_caught_up() {
        let own_writes = OwnWrites::default();
        assert!(!own_writes.is_stale(&object("9")));
        own_writes.wrote(&object("10"));
        assert!(own_writes.is_stale(&object("9")));
        assert!(!own_writes.is_stale(&object("10")));
        own_writes.wrote(&object("12"));
        own_writes.wrote(&object("11"));
        assert!(own_writes.is_stale(&object("11")));
        assert!(!own_writes.is_stale(&object("13")));
    }

    #[test]
    fn versions_that_are_no_numbers_are_never_stale() {
        let own_writes = OwnWrites::default();
        own_writes.wrote(&object("10"));
        assert!(!own_writes.is_stale(&object("a")));
    }

    #[test]
    fn an_object_that_the_last_write_has_ended_is_stale_until_it_is_gone() {
        let own_writes = OwnWrites::default();
        let mut ended = object("7");
        ended.metadata.deletion_timestamp = Some(serde_json::from_str("\"2026-01-02T03:04:05Z\"").unwrap());
        ended.metadata.finalizers = Some(vec!["of-somebody-else".to_owned()]);
        own_writes.wrote(&ended);
        assert!(!own_writes.is_stale(&object("7")), "somebody else keeps it");
        ended.metadata.finalizers = Some(Vec::new());
        own_writes.wrote(&ended);
        assert!(own_writes.is_stale(&object("7")), "the watch still shows it");
    }
}
