//! Nodes that hold cache of a runtime in directories of their own, and what it takes to empty them.
//!
//! A cache on a node outlives the pod that filled it: a worker that was scaled in, a client that
//! nobody needs any more. Such a node keeps a label until the runtime is deleted. Clients are then
//! brought back to where no pod of the runtime is left, so that the plugin can empty the cache
//! there; where that fails, the user learns what is left.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;
use serde_json::Value;
use wasser_api::labels;
use wasser_api::reasons::events;

use crate::error::EngineError;
use crate::request::Request;
use crate::request::roles::{RoleName, RoleState};

/// How long clients may take to come back to nodes.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// When to look again; the watch of the pods usually tells earlier.
const BACK_SOON: Duration = Duration::from_secs(2);
/// The wait for clients that come back to nodes.
const CLIENTS: &str = "clients";

impl Request {
    /// The label of nodes that hold cache. None if the cache is in none of their directories.
    pub(crate) fn cache_label(&self) -> Option<String> {
        let identity = &self.identity;
        let label = || labels::cache_label(&identity.namespace, &identity.name, &identity.dataset_uid);
        (!self.cache_directories().is_empty()).then(label)
    }

    /// The directories of nodes in which the workloads keep cache.
    fn cache_directories(&self) -> BTreeSet<String> {
        let tiers = tier_directories(&self.object);
        let facts = |state: &RoleState| {
            let (kind, caches) = (&state.role.workload, &self.shared.caches);
            caches.own_facts(kind, self.owner(), &state.workload)
        };
        let mounted = self.roles.iter().filter_map(facts);
        let mounted = mounted.flat_map(|facts| facts.host_paths.clone());
        mounted
            .filter(|path| tiers.iter().any(|tier| is_below(path, tier)))
            .collect()
    }

    /// Waits until every node that holds cache has a pod of the runtime in which the plugin can
    /// empty it. Gives up after a while, and tells the user.
    pub(crate) async fn reach_caches(&self) -> Result<(), EngineError> {
        let unreached = self.unreached_nodes();
        let shared = &self.shared;
        if unreached.is_empty() {
            return Ok(());
        }
        if self.reaches("fuse") && shared.waited(&self.uid, CLIENTS) < BACK_WITHIN {
            let mut wanted = self.wanted_node_labels();
            wanted.fuse_nodes.clone_from(&unreached);
            shared.labeler.want(&self.uid, wanted);
            return Err(EngineError::NotYet {
                after: BACK_SOON,
                message: format!(
                    "clients are started on the nodes {}, to empty the cache there",
                    list(&unreached)
                ),
            });
        }
        let message = format!(
            "The cache in {} on the nodes {} was not emptied: no pod of the runtime is ready there. Remove the \
                directories by hand",
            list(&self.cache_directories()),
            list(&unreached)
        );
        self.warn(events::CACHE_LEFT, &message).await;
        Ok(())
    }

    /// The nodes that hold cache and have no pod in which the plugin can empty it.
    fn unreached_nodes(&self) -> BTreeSet<String> {
        let Some(label) = self.cache_label() else {
            return BTreeSet::new();
        };
        let caches = &self.shared.caches;
        let reached: BTreeSet<String> = self
            .roles
            .iter()
            .filter(|state| state.is(RoleName::Worker) || self.reaches(&state.role.name))
            .flat_map(|state| self.pods_of(state))
            .filter(|pod| pod.ready)
            .filter_map(|pod| pod.node)
            .collect();
        let nodes = caches.nodes.state();
        let cached = nodes
            .iter()
            .filter(|node| node.labels().contains_key(&label))
            .map(|node| node.name_any());
        cached.filter(|node| !reached.contains(node)).collect()
    }

    /// Whether the plugin may run commands in the pods of a role.
    fn reaches(&self, role: &str) -> bool {
        self.plugin.grants.exec.contains(role)
    }
}

/// The directories of a runtime's tiered store.
fn tier_directories(runtime: &Value) -> Vec<String> {
    let levels = runtime.pointer("/spec/tieredstore/levels").and_then(Value::as_array);
    let paths = levels
        .into_iter()
        .flatten()
        .filter_map(|level| level.get("path")?.as_str());
    paths
        .flat_map(|path| path.split([':', ',']))
        .filter(|path| path.starts_with('/'))
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect()
}

/// Whether a path is a directory or lies in it.
fn is_below(path: &str, directory: &str) -> bool {
    path.trim_end_matches('/')
        .strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn list(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directories_of_all_levels_are_known() {
        let runtime = json!({"spec": {"tieredstore": {"levels": [
            {"path": "/mnt/a:/mnt/b/"}, {"path": "/dev/shm"}, {"quota": "1Gi"}, {"path": "relative"}]}}});
        assert_eq!(tier_directories(&runtime), ["/mnt/a", "/mnt/b", "/dev/shm"]);
        assert!(tier_directories(&json!({"spec": {}})).is_empty());
    }

    #[rstest::rstest]
    #[case("/mnt/a", "/mnt/a", true)]
    #[case("/mnt/a/ns/demo", "/mnt/a", true)]
    #[case("/mnt/ab", "/mnt/a", false)]
    #[case("/mnt", "/mnt/a", false)]
    fn a_path_is_below_a_directory(#[case] path: &str, #[case] directory: &str, #[case] below: bool) {
        assert_eq!(is_below(path, directory), below);
    }
}
