//! SyncScheduleInfoToCacheNodes: the labels by which the scheduler finds the nodes that hold a
//! dataset's cache.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wasser_api::labels::{self, Storage};
use wasser_api::{quantity, size};

use crate::request::Request;
use crate::request::roles::RoleName;
use crate::shared::labeler::WantedLabels;

impl Request {
    /// Tells the labeler on which nodes the workers run.
    pub fn sync_schedule_info_to_cache_nodes(&self) {
        // Whether the nodes are the Dataset's alone is then not known.
        if self.unreadable().is_some() {
            return;
        }
        // One that has no workers any more has none to label either.
        self.shared.labeler.want(&self.uid, self.wanted_node_labels());
    }

    /// The labels of this runtime, and the nodes that they belong on.
    pub fn wanted_node_labels(&self) -> WantedLabels {
        let identity = &self.identity;
        let (namespace, name, uid) = (&identity.namespace, &identity.name, &identity.dataset_uid);
        let pods = self.role(RoleName::Worker).map(|worker| self.pods_of(worker));
        let nodes: BTreeSet<String> = pods.into_iter().flatten().filter_map(|pod| pod.node).collect();
        let mut node_labels = BTreeMap::from([
            (identity.common_label(), "true".to_owned()),
            (
                labels::runtime_label(&identity.implementation, namespace, name, uid),
                "true".to_owned(),
            ),
        ]);
        let mut unwanted = BTreeMap::new();
        let store = Sizes::of(&self.object);
        for (storage, bytes) in [(Storage::Memory, store.memory), (Storage::Disk, store.disk)] {
            let medium = if bytes > 0 { &mut node_labels } else { &mut unwanted };
            let key = labels::storage_label(&identity.implementation, storage, namespace, name, uid);
            medium.insert(key, size::format_short(bytes));
        }
        let total = labels::storage_label(&identity.implementation, Storage::Total, namespace, name, uid);
        node_labels.insert(total, size::format_short(store.memory.saturating_add(store.disk)));
        let is_shared = self.dataset.as_ref().is_some_and(|dataset| dataset.spec.is_shared());
        let exclusive = if is_shared { &mut unwanted } else { &mut node_labels };
        let value = labels::exclusive_value(namespace, name, uid);
        exclusive.insert(labels::EXCLUSIVE.to_owned(), value);
        WantedLabels {
            labels: node_labels,
            unwanted,
            nodes,
            removed_at_last: BTreeSet::from([identity.fuse_label()]),
            cache_label: self.cache_label(),
            ..WantedLabels::default()
        }
    }
}

/// What the tiered store of a runtime may hold on each node, in bytes.
struct Sizes {
    memory: u64,
    disk: u64,
}

impl Sizes {
    fn of(runtime: &Value) -> Self {
        let mut sizes = Self { memory: 0, disk: 0 };
        let levels = runtime
            .pointer("/spec/tieredstore/levels")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for level in levels {
            let list = level
                .get("quotaList")
                .and_then(Value::as_str)
                .filter(|list| !list.is_empty());
            let bytes: i64 = match list {
                Some(list) => list
                    .split(',')
                    .filter_map(|quota| quantity::parse(quota.trim()).ok())
                    .fold(0, i64::saturating_add),
                None => level
                    .get("quota")
                    .and_then(as_text)
                    .and_then(|quota| quantity::parse(&quota).ok())
                    .unwrap_or(0),
            };
            let bytes = u64::try_from(bytes).unwrap_or(0);
            if level.get("mediumtype").and_then(Value::as_str) == Some("MEM") {
                sizes.memory = sizes.memory.saturating_add(bytes);
            } else {
                sizes.disk = sizes.disk.saturating_add(bytes);
            }
        }
        sizes
    }
}

fn as_text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_i64().map(|number| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_add_up_by_medium() {
        let runtime = serde_json::json!({"spec": {"tieredstore": {"levels": [
            {"mediumtype": "MEM", "quota": "1Gi"},
            {"mediumtype": "SSD", "quotaList": "2Gi,3Gi", "path": "/a:/b"},
            {"mediumtype": "HDD", "quota": 1024}]}}});
        let sizes = Sizes::of(&runtime);
        assert_eq!((sizes.memory, sizes.disk), (1 << 30, (5 << 30) + 1024));
    }

    #[test]
    fn quotas_that_are_too_large_together_are_the_largest() {
        let level = serde_json::json!({"mediumtype": "SSD", "quotaList": "7Ei,7Ei", "path": "/a:/b"});
        let levels = [level.clone(), level.clone(), level];
        let sizes = Sizes::of(&serde_json::json!({"spec": {"tieredstore": {"levels": levels}}}));
        assert_eq!(sizes.disk, u64::MAX);
    }
}
