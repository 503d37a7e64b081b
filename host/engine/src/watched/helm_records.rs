//! Which releases have a Helm record, known from a watch, so that a new runtime need not be looked
//! up.

use std::collections::{BTreeSet, HashMap};

use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use parking_lot::Mutex;
use tokio::sync::watch;
use wasser_api::ObjectKey;

/// The label selector of Helm's records, whichever driver wrote them.
pub const SELECTOR: &str = "owner=helm";

/// The records of one driver, by their release.
#[derive(Debug)]
pub struct Records {
    known: Mutex<Known>,
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    objects: HashMap<ObjectKey, BTreeSet<String>>,
    incoming: HashMap<ObjectKey, BTreeSet<String>>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            ready: watch::channel(false).0,
        }
    }
}

impl Records {
    /// Those of a driver that is not used.
    pub fn none() -> Self {
        let records = Self::default();
        records.ready.send_replace(true);
        records
    }

    /// Whether a release has a record.
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        let known = self.known.lock();
        known.objects.contains_key(&ObjectKey::new(namespace, name))
    }

    /// The newest revision of a release that has a record. None if there is none.
    pub fn newest(&self, namespace: &str, name: &str) -> Option<u32> {
        let known = self.known.lock();
        let objects = known.objects.get(&ObjectKey::new(namespace, name))?;
        let revisions = objects
            .iter()
            .filter_map(|object| object.rsplit_once(".v")?.1.parse().ok());
        revisions.max()
    }

    /// Waits until the first list has arrived.
    ///
    /// # Errors
    /// If the watch has ended before.
    pub async fn wait_until_ready(&self) -> Result<(), watch::error::RecvError> {
        self.ready.subscribe().wait_for(|ready| *ready).await.map(drop)
    }

    /// Takes in an event of the watch.
    pub fn apply<K: Resource>(&self, event: &Event<PartialObjectMeta<K>>) {
        let mut known = self.known.lock();
        match event {
            Event::Init => known.incoming.clear(),
            Event::InitApply(object) => insert(&mut known.incoming, object),
            Event::InitDone => {
                known.objects = std::mem::take(&mut known.incoming);
                self.ready.send_replace(true);
            }
            Event::Apply(object) => insert(&mut known.objects, object),
            Event::Delete(object) => {
                let Some(release) = release(object) else { return };
                if let Some(objects) = known.objects.get_mut(&release) {
                    objects.remove(&object.name_any());
                    if objects.is_empty() {
                        known.objects.remove(&release);
                    }
                }
            }
        }
    }
}

fn insert<K: Resource>(objects: &mut HashMap<ObjectKey, BTreeSet<String>>, object: &PartialObjectMeta<K>) {
    if let Some(release) = release(object) {
        objects.entry(release).or_default().insert(object.name_any());
    }
}

fn release<K: Resource>(object: &PartialObjectMeta<K>) -> Option<ObjectKey> {
    Some(ObjectKey::new(object.namespace()?, object.labels().get("name")?))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    use super::*;

    fn record(revision: u32) -> PartialObjectMeta<Secret> {
        serde_json::from_value(
            json!({"metadata": {"namespace": "ns", "name": format!("sh.helm.release.v1.demo.v{revision}"),
            "labels": {"owner": "helm", "name": "demo"}}}),
        )
        .unwrap()
    }

    #[test]
    fn a_release_is_known_as_long_as_one_of_its_records_is_there() {
        let records = Records::default();
        records.apply(&Event::Apply(record(1)));
        records.apply(&Event::Apply(record(2)));
        records.apply(&Event::Delete(record(1)));
        assert!(records.has("ns", "demo") && !records.has("ns", "other"));
        records.apply(&Event::Apply(record(10)));
        assert_eq!(
            (records.newest("ns", "demo"), records.newest("ns", "other")),
            (Some(10), None)
        );
        records.apply(&Event::Delete(record(10)));
        records.apply(&Event::Delete(record(2)));
        assert!(!records.has("ns", "demo"));
    }

    #[tokio::test]
    async fn a_new_list_replaces_what_was_known() {
        let records = Records::default();
        records.apply(&Event::Apply(record(1)));
        records.apply(&Event::<PartialObjectMeta<Secret>>::Init);
        assert!(records.has("ns", "demo"));
        records.apply(&Event::<PartialObjectMeta<Secret>>::InitDone);
        records.wait_until_ready().await.unwrap();
        assert!(!records.has("ns", "demo"));
    }
}
