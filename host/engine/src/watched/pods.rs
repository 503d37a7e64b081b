//! The pods of all runtimes, as small as they can be kept, found by their workload.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use parking_lot::RwLock;
use wasser_api::ObjectKey;

use crate::watched::trouble::Trouble;

/// What the host needs to know of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodInfo {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The UID of the workload that controls it.
    pub workload_uid: String,
    /// The node it runs on, once scheduled.
    pub node: Option<String>,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// When it became ready, in seconds since 1970; 0 while it is not.
    pub ready_since: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// When the latest of its running containers started, in milliseconds since 1970; 0 while none
    /// runs. The earliest would not tell of one that crashed.
    pub started_at: u64,
    /// Why it does not run, if its status says so.
    pub trouble: Option<Trouble>,
}

impl PodInfo {
    /// Whether it differs from another look in what users are shown of it: its readiness and its
    /// trouble.
    fn shows_more_than(&self, before: Option<&Self>) -> bool {
        let seen = |pod: &Self| (pod.ready, pod.ready_since, pod.trouble.clone());
        before.map(seen) != Some(seen(self))
    }
}

impl From<&Pod> for PodInfo {
    fn from(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let statuses = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        let started = statuses
            .iter()
            .filter_map(|status| status.state.as_ref()?.running.as_ref()?.started_at.as_ref());
        let deleting = pod.metadata.deletion_timestamp.is_some();
        let ready = conditions
            .iter()
            .find(|condition| condition.type_ == "Ready" && condition.status == "True" && !deleting);
        let since = ready.and_then(|condition| condition.last_transition_time.as_ref());
        Self {
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            workload_uid: controller(pod).map(|owner| owner.uid.clone()).unwrap_or_default(),
            node: pod
                .spec
                .as_ref()
                .and_then(|spec| spec.node_name.clone())
                .filter(|node| !node.is_empty()),
            ip: status.and_then(|status| status.pod_ip.clone()),
            ready: ready.is_some(),
            ready_since: since.map_or(0, |time| time.0.as_second()),
            deleting,
            started_at: started
                .map(|time| u64::try_from(time.0.as_millisecond()).unwrap_or(0))
                .max()
                .unwrap_or(0),
            trouble: Trouble::of(pod),
        }
    }
}

/// A workload whose pods are not as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The workload.
    pub workload: ObjectKey,
    /// Whether users are shown the change: that a pod came, went, is ready or not, or is in
    /// trouble.
    pub shown: bool,
}

/// An index of pods by the StatefulSet or DaemonSet that controls them.
#[derive(Debug, Default)]
pub struct PodIndex {
    by_owner: RwLock<HashMap<ObjectKey, BTreeMap<String, Box<PodInfo>>>>,
    incoming: RwLock<HashMap<ObjectKey, BTreeMap<String, Box<PodInfo>>>>,
}

impl PodIndex {
    /// The pods of a workload, by name.
    pub fn of(&self, namespace: &str, workload: &str) -> Vec<PodInfo> {
        let index = self.by_owner.read();
        index
            .get(&ObjectKey::new(namespace, workload))
            .map(|pods| pods.values().map(|pod| PodInfo::clone(pod)).collect())
            .unwrap_or_default()
    }

    /// How many pods are held, for the metric on this cache.
    pub fn len(&self) -> usize {
        self.by_owner.read().values().map(BTreeMap::len).sum()
    }

    /// Whether no pod is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Follows an event of the pod watch. Returns the workloads whose pods changed.
    pub fn apply(&self, event: &Event<Pod>) -> Vec<Changed> {
        match event {
            Event::Init => {
                self.incoming.write().clear();
                Vec::new()
            }
            Event::InitApply(pod) => {
                if let Some(owner) = owner(pod) {
                    let mut incoming = self.incoming.write();
                    incoming
                        .entry(owner)
                        .or_default()
                        .insert(pod.name_any(), Box::new(pod.into()));
                }
                Vec::new()
            }
            Event::InitDone => {
                let fresh = std::mem::take(&mut *self.incoming.write());
                let mut index = self.by_owner.write();
                let changed = differing(&index, &fresh);
                *index = fresh;
                changed
            }
            Event::Apply(pod) => {
                let Some(owner) = owner(pod) else { return Vec::new() };
                let mut info = PodInfo::from(pod);
                let mut index = self.by_owner.write();
                let pods = index.entry(owner.clone()).or_default();
                let before = pods
                    .get(&info.name)
                    .map(|before| &**before)
                    .filter(|before| before.uid == info.uid);
                let earlier = before.and_then(|before| before.trouble.as_ref());
                info.trouble = info.trouble.map(|trouble| trouble.or_earlier(earlier));
                let (same, shown) = (before == Some(&info), info.shows_more_than(before));
                pods.insert(info.name.clone(), Box::new(info));
                if same {
                    Vec::new()
                } else {
                    vec![Changed { workload: owner, shown }]
                }
            }
            Event::Delete(pod) => {
                let Some(owner) = owner(pod) else { return Vec::new() };
                let mut index = self.by_owner.write();
                if let Some(pods) = index.get_mut(&owner) {
                    pods.remove(&pod.name_any());
                    if pods.is_empty() {
                        index.remove(&owner);
                    }
                }
                vec![Changed {
                    workload: owner,
                    shown: true,
                }]
            }
        }
    }
}

/// The workloads whose pods differ between two states of an index.
fn differing(
    before: &HashMap<ObjectKey, BTreeMap<String, Box<PodInfo>>>,
    now: &HashMap<ObjectKey, BTreeMap<String, Box<PodInfo>>>,
) -> Vec<Changed> {
    let gone = before.keys().filter(|owner| !now.contains_key(*owner));
    let other = now
        .iter()
        .filter(|(owner, pods)| before.get(*owner) != Some(*pods))
        .map(|(owner, _)| owner);
    let changed = gone.chain(other).cloned();
    changed.map(|workload| Changed { workload, shown: true }).collect()
}

/// The StatefulSet or DaemonSet that controls a pod.
fn controller(pod: &Pod) -> Option<&OwnerReference> {
    let is_workload = |owner: &OwnerReference| matches!(owner.kind.as_str(), "StatefulSet" | "DaemonSet");
    let mut owners = pod.owner_references().iter();
    owners.find(|owner| owner.controller == Some(true) && is_workload(owner))
}

fn owner(pod: &Pod) -> Option<ObjectKey> {
    let owner = controller(pod)?;
    Some(ObjectKey::new(pod.namespace()?, &owner.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "namespace": "ns", "uid": "p", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "demo-worker", "uid": "u",
                    "controller": true}]},
            "spec": {"nodeName": "node1", "containers": []},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready",
                "status": if ready { "True" } else { "False" }}]}
        }))
        .unwrap()
    }

    fn changed(shown: bool) -> Vec<Changed> {
        let workload = ObjectKey::new("ns", "demo-worker");
        vec![Changed { workload, shown }]
    }

    #[test]
    fn pods_are_found_by_their_workload_and_only_changes_are_reported() {
        let pods = PodIndex::default();
        assert_eq!(pods.apply(&Event::Apply(pod("demo-worker-0", false))), changed(true));
        assert_eq!(pods.apply(&Event::Apply(pod("demo-worker-0", false))), []);
        assert_eq!(pods.apply(&Event::Apply(pod("demo-worker-0", true))), changed(true));
        assert!(pods.of("ns", "demo-worker")[0].ready);
        let mut moved = pod("demo-worker-0", true);
        moved.status.as_mut().unwrap().pod_ip = Some("10.0.0.2".to_owned());
        assert_eq!(pods.apply(&Event::Apply(moved)), changed(false));
        assert_eq!(pods.apply(&Event::Delete(pod("demo-worker-0", true))), changed(true));
        assert!(pods.of("ns", "demo-worker").is_empty() && pods.is_empty());
    }

    #[test]
    fn a_new_list_replaces_what_was_known() {
        let pods = PodIndex::default();
        pods.apply(&Event::Apply(pod("demo-worker-0", true)));
        pods.apply(&Event::Init);
        assert_eq!(pods.apply(&Event::InitApply(pod("demo-worker-1", true))), []);
        assert_eq!(pods.of("ns", "demo-worker")[0].name, "demo-worker-0");
        assert_eq!(pods.apply(&Event::InitDone), changed(true));
        assert_eq!(pods.of("ns", "demo-worker")[0].name, "demo-worker-1");
        pods.apply(&Event::Init);
        pods.apply(&Event::InitApply(pod("demo-worker-1", true)));
        assert_eq!(pods.apply(&Event::InitDone), [], "the list says the same");
        pods.apply(&Event::Init);
        assert_eq!(
            pods.apply(&Event::InitDone),
            changed(true),
            "the pod went during the new list"
        );
    }

    #[test]
    fn a_pod_is_ready_since_its_condition_says_so_and_not_while_it_is_deleted() {
        let mut ready = pod("demo-worker-0", true);
        let conditions = ready.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions[0].last_transition_time =
            Some(serde_json::from_value(serde_json::json!("1970-01-01T00:00:07Z")).unwrap());
        assert_eq!(PodInfo::from(&ready).ready_since, 7);
        ready.metadata.deletion_timestamp =
            Some(serde_json::from_value(serde_json::json!("1970-01-01T00:00:08Z")).unwrap());
        let info = PodInfo::from(&ready);
        assert_eq!((info.ready, info.ready_since, info.deleting), (false, 0, true));
    }

    #[test]
    fn the_start_of_any_container_is_one_of_the_pod() {
        let pods = PodIndex::default();
        let started = |seconds: [Option<u8>; 2]| {
            let state = |second: Option<u8>| match second {
                Some(second) => serde_json::json!({"running": {"startedAt": format!("1970-01-01T00:00:0{second}Z")}}),
                None => serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            };
            let status = |second: Option<u8>| {
                serde_json::json!({"name": "any", "image": "any", "imageID": "any", "ready": true, "restartCount": 0,
                    "state": state(second)})
            };
            let mut pod = pod("demo-worker-0", true);
            pod.status.as_mut().unwrap().container_statuses =
                Some(serde_json::from_value(seconds.map(status).into()).unwrap());
            pod
        };
        assert_eq!(PodInfo::from(&started([None, None])).started_at, 0);
        assert_eq!(PodInfo::from(&started([None, Some(3)])).started_at, 3000);
        pods.apply(&Event::Apply(started([Some(2), Some(3)])));
        assert_eq!(pods.of("ns", "demo-worker")[0].started_at, 3000);
        assert_eq!(
            pods.apply(&Event::Apply(started([Some(7), Some(3)]))),
            changed(false),
            "the first one crashed, and runs again"
        );
        assert_eq!(pods.of("ns", "demo-worker")[0].started_at, 7000);
    }
}
