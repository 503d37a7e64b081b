//! On which nodes a plan runs, of those that there are.

use kube::ResourceExt;
use kube::runtime::events::EventType;
use wasser_api::reasons::events as reasons;
use wasser_api::{ObjectKey, names};
use wasser_engine::operations::fit::{self, Node};
use wasser_engine::operations::{Operation, Plan};

use super::all::Operations;
use super::install::{self, Problem};
use super::status;
use super::target::Target;

/// Keeps a plan to nodes on which its pods can run, and tells the user if none of those is left that the
/// plugin has named.
pub async fn keep(
    operations: &Operations,
    operation: &Operation,
    target: &Target,
    mut plan: Plan,
) -> Result<Plan, Problem> {
    if plan.nodes.is_empty() {
        return Ok(plan);
    }
    let caches = &operations.shared.caches;
    let ObjectKey { namespace, name } = ObjectKey::of(&*target.dataset);
    let name = names::persistent_volume(&namespace, &name);
    let affinity = caches
        .volume(&name)
        .and_then(|volume| volume.spec.clone()?.node_affinity)
        .and_then(|affinity| serde_json::to_value(affinity).ok())
        .filter(|_| plan.dataset_mount.is_some());
    // It has them from when it was made: another selector of the clients does not move it.
    let field = format!("PersistentVolume {name}.spec.nodeAffinity");
    let volume = affinity.as_ref().map(|affinity| (field, affinity));
    let ran = install::ran(operations, operation);
    let demands = fit::demands(operation, volume, ran.as_ref());
    let nodes: Vec<Node> = caches
        .nodes
        .state()
        .into_iter()
        .map(|node| Node {
            name: node.name_any(),
            labels: node.labels().clone(),
        })
        .collect();
    let left = fit::keep(operation, &mut plan, &demands, &nodes).map_err(Problem::Refused)?;
    if let Some(fields) = left {
        let message = format!(
            "no node with a worker fits {fields}: one pod reads the data on a node that does, into the cache of that \
             node only"
        );
        let reason = reasons::DATA_OPERATION_STARTED;
        status::event_of(operations, operation, EventType::Warning, reason, &message).await;
        plan.infos.insert(fit::WITHOUT_WORKER.to_owned(), fields);
    }
    Ok(plan)
}
