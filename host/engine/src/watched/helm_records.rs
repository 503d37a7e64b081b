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
    objects: Objects,
    incoming: Objects,
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
        self.revisions(namespace, name).into_iter().max()
    }

    /// The revisions of a release that have a record.
    pub fn revisions(&self, namespace: &str, name: &str) -> Vec<u32> {
        let known = self.known.lock();
        let objects = known
            .objects
            .get(&ObjectKey::new(namespace, name))
            .into_iter()
            .flatten();
        objects
            .filter_map(|object| object.rsplit_once(".v")?.1.parse().ok())
            .collect()
    }

    /// Waits until the first list has arrived.
    ///
    /// # Errors
    /// If the watch has ended before.
    pub async fn wait_until_ready(&self) -> Result<(), watch::error::RecvError> {
        self.ready.subscribe().wait_for(|ready| *ready).await.map(drop)
    }

    /// Takes in an event of the watch. Returns the releases that have other records than before.
    pub fn apply<K: Resource>(&self, event: &Event<PartialObjectMeta<K>>) -> Vec<ObjectKey> {
        let mut known = self.known.lock();
        match event {
            Event::Init => {
                known.incoming.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                insert(&mut known.incoming, object);
                Vec::new()
            }
            Event::InitDone => {
                let incoming = std::mem::take(&mut known.incoming);
                let before = std::mem::replace(&mut known.objects, incoming);
                self.ready.send_replace(true);
                let gone = before.keys().filter(|release| !known.objects.contains_key(*release));
                let changed = known.objects.iter();
                let changed = changed.filter(|(release, objects)| before.get(*release) != Some(*objects));
                gone.chain(changed.map(|(release, _)| release)).cloned().collect()
            }
            Event::Apply(object) => insert(&mut known.objects, object).into_iter().collect(),
            Event::Delete(object) => remove(&mut known.objects, object).into_iter().collect(),
        }
    }
}

type Objects = HashMap<ObjectKey, BTreeSet<String>>;

/// Returns the release of a record that was not known.
fn insert<K: Resource>(objects: &mut Objects, object: &PartialObjectMeta<K>) -> Option<ObjectKey> {
    let release = release(object)?;
    let is_new = objects.entry(release.clone()).or_default().insert(object.name_any());
    is_new.then_some(release)
}

/// Returns the release of a record that was known.
fn remove<K: Resource>(objects: &mut Objects, object: &PartialObjectMeta<K>) -> Option<ObjectKey> {
    let release = release(object)?;
    let of_release = objects.get_mut(&release)?;
    let was_known = of_release.remove(&object.name_any());
    if of_release.is_empty() {
        objects.remove(&release);
    }
    was_known.then_some(release)
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

    #[test]
    fn releases_are_named_that_have_other_records_than_before() {
        let records = Records::default();
        let demo = [ObjectKey::new("ns", "demo")];
        assert_eq!(records.apply(&Event::Apply(record(1))), demo);
        assert_eq!(records.apply(&Event::Apply(record(1))), []);
        let list = |revisions: &[u32]| {
            records.apply(&Event::<PartialObjectMeta<Secret>>::Init);
            for revision in revisions {
                assert_eq!(records.apply(&Event::InitApply(record(*revision))), []);
            }
            records.apply(&Event::<PartialObjectMeta<Secret>>::InitDone)
        };
        assert_eq!(list(&[1]), []);
        assert_eq!(list(&[1, 2]), demo);
        assert_eq!(records.apply(&Event::Delete(record(2))), demo);
        assert_eq!(records.apply(&Event::Delete(record(2))), []);
        assert_eq!(list(&[]), demo);
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
