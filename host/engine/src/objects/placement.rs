//! Where workers may run: the affinity that the host gives to a worker StatefulSet before it is
//! scaled up.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, PodAntiAffinity,
    PreferredSchedulingTerm, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use wasser_api::labels;

const HOSTNAME: &str = "kubernetes.io/hostname";

/// The affinity of workers of a dataset.
///
/// `Exclusive` datasets never share a node with another dataset's workers; `Shared` ones avoid it
/// where they can, and keep off the nodes of exclusive ones. Nodes where a fuse pod of the dataset
/// runs are preferred, and the Dataset's own required terms hold.
pub fn affinity(shared: bool, fuse_label: &str, required: Option<NodeSelector>) -> Affinity {
    Affinity {
        node_affinity: Some(NodeAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![PreferredSchedulingTerm {
                weight: 100,
                preference: NodeSelectorTerm {
                    match_expressions: Some(vec![NodeSelectorRequirement {
                        key: fuse_label.to_owned(),
                        operator: "In".to_owned(),
                        values: Some(vec!["true".to_owned()]),
                    }]),
                    match_fields: None,
                },
            }]),
            required_during_scheduling_ignored_during_execution: required,
        }),
        pod_affinity: None,
        pod_anti_affinity: Some(if shared { share() } else { exclude() }),
    }
}

fn exclude() -> PodAntiAffinity {
    PodAntiAffinity {
        required_during_scheduling_ignored_during_execution: Some(vec![any_dataset()]),
        preferred_during_scheduling_ignored_during_execution: None,
    }
}

fn share() -> PodAntiAffinity {
    PodAntiAffinity {
        required_during_scheduling_ignored_during_execution: Some(vec![term(
            labels::DATASET_PLACEMENT,
            "In",
            Some(vec!["Exclusive".to_owned()]),
        )]),
        preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
            weight: 50,
            pod_affinity_term: any_dataset(),
        }]),
    }
}

fn any_dataset() -> PodAffinityTerm {
    term(labels::DATASET, "Exists", None)
}

fn term(key: &str, operator: &str, values: Option<Vec<String>>) -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: key.to_owned(),
                operator: operator.to_owned(),
                values,
            }]),
            match_labels: None,
        }),
        topology_key: HOSTNAME.to_owned(),
        ..PodAffinityTerm::default()
    }
}

/// The nodes that workers are bound to, for applications that follow them: their node selector and
/// node affinity in one.
pub fn cache_affinity(
    selector: Option<&BTreeMap<String, String>>,
    affinity: Option<&Affinity>,
) -> Option<NodeAffinity> {
    let mut merged = affinity
        .and_then(|affinity| affinity.node_affinity.clone())
        .unwrap_or_default();
    let expressions: Vec<NodeSelectorRequirement> = selector
        .into_iter()
        .flatten()
        .map(|(key, value)| NodeSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(vec![value.clone()]),
        })
        .collect();
    if !expressions.is_empty() {
        let required = merged
            .required_during_scheduling_ignored_during_execution
            .get_or_insert_default();
        if required.node_selector_terms.is_empty() {
            required.node_selector_terms.push(NodeSelectorTerm::default());
        }
        // Terms are alternatives, so the selector has to hold in each of them.
        for term in &mut required.node_selector_terms {
            term.match_expressions
                .get_or_insert_default()
                .extend(expressions.iter().cloned());
        }
    }
    (merged != NodeAffinity::default()).then_some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_datasets_refuse_every_other_worker_on_their_node() {
        let anti = affinity(false, "fluid.io/f-ns-a", None).pod_anti_affinity.unwrap();
        let required = anti.required_during_scheduling_ignored_during_execution.unwrap();
        assert_eq!(
            required[0]
                .label_selector
                .as_ref()
                .unwrap()
                .match_expressions
                .as_ref()
                .unwrap()[0]
                .operator,
            "Exists"
        );
        assert!(anti.preferred_during_scheduling_ignored_during_execution.is_none());
    }

    #[test]
    fn shared_datasets_only_refuse_exclusive_ones() {
        let anti = affinity(true, "fluid.io/f-ns-a", None).pod_anti_affinity.unwrap();
        let required = anti.required_during_scheduling_ignored_during_execution.unwrap();
        let expression = &required[0]
            .label_selector
            .as_ref()
            .unwrap()
            .match_expressions
            .as_ref()
            .unwrap()[0];
        assert_eq!(
            (expression.key.as_str(), expression.operator.as_str()),
            ("fluid.io/dataset-placement", "In")
        );
        assert_eq!(
            anti.preferred_during_scheduling_ignored_during_execution.unwrap()[0].weight,
            50
        );
    }

    #[test]
    fn the_datasets_node_affinity_is_kept() {
        let terms = NodeSelector {
            node_selector_terms: vec![NodeSelectorTerm::default()],
        };
        let node = affinity(false, "f", Some(terms.clone())).node_affinity.unwrap();
        assert_eq!(node.required_during_scheduling_ignored_during_execution, Some(terms));
    }
}
