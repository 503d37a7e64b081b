//! The volume of a Dataset, as far as a claim can be believed: whoever writes a claim can name any
//! volume in it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity};
use serde_json::Value;
use wasser_api::dataset::DEFAULT_ACCESS_MODE;
use wasser_api::labels::{self, VOLUME_READ_ONLY};
use wasser_api::names::CSI_DRIVER;

/// What a volume says to whoever mounts it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Whether the node plugin mounts it read-only for everybody.
    pub read_only: bool,
    /// What the labels of nodes have to be on which it can be mounted, as match expressions. It has
    /// been so since the volume was made, whatever the runtime says by now.
    pub nodes: Vec<Value>,
}

impl Volume {
    /// Reads a volume. None unless it is one of the node plugin, and reserved for this claim.
    pub fn of(volume: PersistentVolume, namespace: &str, claim: &str) -> Option<Self> {
        let PersistentVolumeSpec {
            access_modes,
            claim_ref,
            csi,
            node_affinity,
            ..
        } = volume.spec?;
        let reserved = claim_ref?;
        if reserved.namespace.as_deref() != Some(namespace) || reserved.name.as_deref() != Some(claim) {
            return None;
        }
        let csi = csi.filter(|csi| csi.driver == CSI_DRIVER)?;
        let attributes = csi.volume_attributes.unwrap_or_default();
        // Of its access modes, the kubelet tells the node plugin the first one.
        let mode = access_modes.as_ref().and_then(|modes| modes.first());
        let read_only = attributes.get(VOLUME_READ_ONLY).map(String::as_str) == Some(labels::TRUE)
            || mode.map(String::as_str) == Some(DEFAULT_ACCESS_MODE);
        Some(Self {
            attributes,
            read_only,
            nodes: node_affinity.map(expressions).unwrap_or_default(),
        })
    }
}

/// The expressions that all nodes match. The operator writes one term; of several, the scheduler
/// finds a node by itself.
fn expressions(affinity: VolumeNodeAffinity) -> Vec<Value> {
    let mut terms = affinity.required.map(|required| required.node_selector_terms);
    let only = terms.as_mut().filter(|terms| terms.len() == 1).and_then(Vec::pop);
    let expressions = only.and_then(|term| term.match_expressions).into_iter().flatten();
    expressions
        .filter_map(|expression| serde_json::to_value(expression).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn volume(change: Value) -> PersistentVolume {
        let mut volume = json!({"metadata": {"name": "team-demo"}, "spec": {
            "accessModes": ["ReadWriteMany"], "claimRef": {"namespace": "team", "name": "demo"},
            "csi": {"driver": CSI_DRIVER, "volumeHandle": "team-demo", "volumeAttributes": {"fluid_path": "/a"}},
        }});
        json_patch::merge(&mut volume, &json!({"spec": change}));
        serde_json::from_value(volume).unwrap()
    }

    #[rstest]
    #[case::the_one_of_the_claim(json!({}), true)]
    #[case::of_another_claim(json!({"claimRef": {"name": "other"}}), false)]
    #[case::of_another_namespace(json!({"claimRef": {"namespace": "other"}}), false)]
    #[case::of_nobody(json!({"claimRef": null}), false)]
    #[case::of_another_driver(json!({"csi": {"driver": "other"}}), false)]
    #[case::of_no_driver(json!({"csi": null, "hostPath": {"path": "/"}}), false)]
    fn only_the_volume_that_is_reserved_for_the_claim_is_believed(#[case] change: Value, #[case] believed: bool) {
        let found = Volume::of(volume(change), "team", "demo");
        assert_eq!(found.is_some(), believed);
        assert!(found.is_none_or(|found| !found.read_only));
    }

    #[rstest]
    #[case(json!({"accessModes": ["ReadOnlyMany", "ReadWriteMany"]}), true)]
    #[case(json!({"accessModes": ["ReadWriteMany", "ReadOnlyMany"]}), false)]
    #[case(json!({"csi": {"volumeAttributes": {VOLUME_READ_ONLY: "true"}}}), true)]
    #[case(json!({"csi": {"volumeAttributes": {VOLUME_READ_ONLY: "false"}}}), false)]
    fn a_volume_is_as_read_only_as_the_node_plugin_mounts_it(#[case] change: Value, #[case] read_only: bool) {
        let found = Volume::of(volume(change), "team", "demo").unwrap();
        assert_eq!(found.read_only, read_only);
    }

    #[rstest]
    #[case::one_term(json!([{"matchExpressions": [{"key": "pool", "operator": "In", "values": ["a"]}]}]), 1)]
    #[case::several(json!([{"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "b", "operator": "Exists"}]}]), 0)]
    #[case::fields(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]), 0)]
    fn a_volume_says_which_nodes_all_of_its_pods_need(#[case] terms: Value, #[case] expressions: usize) {
        let affinity = json!({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}});
        let found = Volume::of(volume(affinity), "team", "demo").unwrap();
        assert_eq!(found.nodes.len(), expressions);
        assert!(found.nodes.iter().all(|node| *node == terms[0]["matchExpressions"][0]));
    }
}
