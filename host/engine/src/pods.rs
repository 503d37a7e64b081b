//! The pods of all runtimes, as small as they can be kept, found by their workload.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::watcher::Event;

/// What the host needs to know of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodInfo {
    /// Its name.
    pub name: String,
    /// The node it runs on, once scheduled.
    pub node: Option<String>,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// When its first container started, in milliseconds since 1970; 0 before.
    pub started_at: u64,
}

impl From<&Pod> for PodInfo {
    fn from(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let statuses = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        let started = statuses
            .iter()
            .filter_map(|status| status.state.as_ref()?.running.as_ref()?.started_at.as_ref());
        Self {
            name: pod.name_any(),
            node: pod
                .spec
                .as_ref()
                .and_then(|spec| spec.node_name.clone())
                .filter(|node| !node.is_empty()),
            ip: status.and_then(|status| status.pod_ip.clone()),
            ready: pod.metadata.deletion_timestamp.is_none()
                && conditions
                    .iter()
                    .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            started_at: started
                .map(|time| u64::try_from(time.0.as_millisecond()).unwrap_or(0))
                .min()
                .unwrap_or(0),
        }
    }
}

/// Namespace and name of the workload that a pod belongs to.
type Owner = (String, String);

/// An index of pods by the StatefulSet or DaemonSet that controls them.
#[derive(Debug, Default)]
pub struct PodIndex {
    by_owner: RwLock<HashMap<Owner, BTreeMap<String, PodInfo>>>,
    incoming: RwLock<HashMap<Owner, BTreeMap<String, PodInfo>>>,
}

impl PodIndex {
    /// The pods of a workload, by name.
    pub fn of(&self, namespace: &str, workload: &str) -> Vec<PodInfo> {
        let index = self.by_owner.read().unwrap_or_else(PoisonError::into_inner);
        index
            .get(&(namespace.to_owned(), workload.to_owned()))
            .map(|pods| pods.values().cloned().collect())
            .unwrap_or_default()
    }

    /// How many pods are held, for the metric on this cache.
    pub fn len(&self) -> usize {
        self.by_owner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(BTreeMap::len)
            .sum()
    }

    /// Whether no pod is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in an event of the pod watch. Returns the workload whose pods changed, if any did.
    pub fn apply(&self, event: &Event<Pod>) -> Option<Owner> {
        match event {
            Event::Init => {
                self.incoming.write().unwrap_or_else(PoisonError::into_inner).clear();
                None
            }
            Event::InitApply(pod) => {
                let owner = owner(pod)?;
                self.incoming
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(owner.clone())
                    .or_default()
                    .insert(pod.name_any(), pod.into());
                Some(owner)
            }
            Event::InitDone => {
                let fresh = std::mem::take(&mut *self.incoming.write().unwrap_or_else(PoisonError::into_inner));
                *self.by_owner.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                None
            }
            Event::Apply(pod) => {
                let owner = owner(pod)?;
                let info = PodInfo::from(pod);
                let mut index = self.by_owner.write().unwrap_or_else(PoisonError::into_inner);
                let before = index.entry(owner.clone()).or_default().insert(pod.name_any(), info.clone());
                (before.as_ref() != Some(&info)).then_some(owner)
            }
            Event::Delete(pod) => {
                let owner = owner(pod)?;
                let mut index = self.by_owner.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(pods) = index.get_mut(&owner) {
                    pods.remove(&pod.name_any());
                    if pods.is_empty() {
                        index.remove(&owner);
                    }
                }
                Some(owner)
            }
        }
    }
}

fn owner(pod: &Pod) -> Option<Owner> {
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true))?;
    Some((pod.namespace()?, owner.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "namespace": "ns", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "demo-worker", "uid": "u", "controller": true}]},
            "spec": {"nodeName": "node1", "containers": []},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}
        }))
        .unwrap()
    }

    #[test]
    fn pods_are_found_by_their_workload_and_only_changes_are_reported() {
        let pods = PodIndex::default();
        assert!(pods.apply(&Event::Apply(pod("demo-worker-0", false))).is_some());
        assert!(pods.apply(&Event::Apply(pod("demo-worker-0", false))).is_none());
        assert!(pods.apply(&Event::Apply(pod("demo-worker-0", true))).is_some());
        assert!(pods.of("ns", "demo-worker")[0].ready);
        pods.apply(&Event::Delete(pod("demo-worker-0", true)));
        assert!(pods.of("ns", "demo-worker").is_empty() && pods.is_empty());
    }

    #[test]
    fn a_new_list_replaces_what_was_known() {
        let pods = PodIndex::default();
        pods.apply(&Event::Apply(pod("demo-worker-0", true)));
        pods.apply(&Event::Init);
        pods.apply(&Event::InitApply(pod("demo-worker-1", true)));
        assert_eq!(pods.of("ns", "demo-worker")[0].name, "demo-worker-0");
        pods.apply(&Event::InitDone);
        assert_eq!(pods.of("ns", "demo-worker")[0].name, "demo-worker-1");
    }
}
