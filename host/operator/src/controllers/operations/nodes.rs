//! Where the pods of a Job have succeeded.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{NodeAffinity, Pod};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use wasser_api::text;
use wasser_engine::operations::{Operation, place};

use super::all::Operations;

/// The figure that names nodes on which no pod has succeeded though one should have.
pub const LEFT_OUT: &str = "nodes-left-out";
/// Bytes of such names that are shown.
const NAMES: usize = 300;

/// Returns the nodes on which no pod has succeeded though one should have. Kubernetes keeps the pods of a
/// Job apart while they run; one that replaces a failed one may come to a node whose pod has ended.
pub fn left_out(job: &Job, pods: &[Pod]) -> Option<String> {
    let spec = job.spec.as_ref()?;
    let affinity = spec.template.spec.as_ref()?.affinity.as_ref()?;
    let mut nodes = place::required_nodes(&serde_json::to_value(affinity).ok()?);
    let ran: Vec<&str> = pods.iter().filter(|pod| has_worked(pod)).filter_map(node).collect();
    // Pods that are gone may have been anywhere.
    let are_all_known = i32::try_from(ran.len()).is_ok_and(|ran| ran >= spec.completions.unwrap_or(1));
    if nodes.len() < 2 || !are_all_known {
        return None;
    }
    nodes.retain(|node| !ran.contains(&node.as_str()));
    let names: Vec<String> = nodes.into_iter().collect();
    (!names.is_empty()).then(|| text::bounded(&names.join(","), NAMES).into_owned())
}

fn has_worked(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded")
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Returns where the pods have succeeded, as others may follow them there.
pub fn ran_on(operations: &Operations, operation: &Operation, pods: &[Pod]) -> Option<NodeAffinity> {
    let caches = &operations.shared.caches;
    let mut nodes: Vec<&str> = pods.iter().filter(|pod| has_worked(pod)).filter_map(node).collect();
    nodes.sort();
    nodes.dedup();
    let labels: Vec<_> = nodes
        .iter()
        .filter_map(|node| {
            let mut labels = caches.nodes.get(&ObjectRef::new(node))?.labels().clone();
            labels
                .entry("kubernetes.io/hostname".to_owned())
                .or_insert_with(|| (*node).to_owned());
            Some(labels)
        })
        .collect();
    let further = operation.object.annotations().get(place::FURTHER).map(String::as_str);
    serde_json::from_value(place::ran_on(&labels, further)?).ok()
}
