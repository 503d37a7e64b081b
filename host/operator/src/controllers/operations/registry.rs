//! `status.operationRef` of Datasets: which operations execute, by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::Patch;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::dataset::Dataset;
use wasser_api::operations::OperationKind;
use wasser_engine::{OrGone, patch_params};

use super::all::Operations;

/// Changes within this time lead to one write: of two operations of which one runs after the other, the
/// end of the first and the start of the second.
const TOGETHER: Duration = Duration::from_millis(300);
/// When a write that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps the Datasets true that are named, until stopped.
pub async fn run(operations: Arc<Operations>, mut named: UnboundedReceiver<ObjectKey>, stop: CancellationToken) {
    let mut failed = BTreeSet::new();
    loop {
        let again = async {
            match failed.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(AGAIN).await,
            }
        };
        let mut due = BTreeSet::new();
        tokio::select! {
            () = stop.cancelled() => return,
            next = named.recv() => match next {
                Some(key) => drop(due.insert(key)),
                None => return,
            },
            () = again => due.append(&mut failed),
        }
        tokio::time::sleep(TOGETHER).await;
        while let Ok(key) = named.try_recv() {
            due.insert(key);
        }
        for key in due {
            if let Err(error) = keep(&operations, &key).await {
                tracing::debug!(dataset = %key, %error, "the operations of a Dataset could not be shown");
                failed.insert(key);
            }
        }
    }
}

async fn keep(operations: &Operations, key: &ObjectKey) -> kube::Result<()> {
    let shared = &operations.shared;
    let Some(dataset) = shared.caches.dataset(&key.namespace, &key.name) else {
        return Ok(());
    };
    let wanted: BTreeMap<&str, String> = operations
        .index
        .executing(key)
        .into_iter()
        .map(|(kind, names)| (kind.as_str(), names.into_iter().collect::<Vec<_>>().join(",")))
        .collect();
    let shown = dataset.status.clone().unwrap_or_default().operation_ref;
    let mut difference = Map::new();
    for kind in OperationKind::ALL.map(OperationKind::as_str) {
        match (wanted.get(kind), shown.get(kind)) {
            (Some(wanted), shown) if Some(wanted) != shown => drop(difference.insert(kind.to_owned(), json!(wanted))),
            (None, Some(_)) => drop(difference.insert(kind.to_owned(), Value::Null)),
            _ => {}
        }
    }
    if difference.is_empty() || dataset.status.is_none() {
        return Ok(());
    }
    let api = Api::<Dataset>::namespaced(shared.client.clone(), &key.namespace);
    let body = json!({"metadata": {"uid": dataset.metadata.uid}, "status": {"operationRef": difference}});
    let written = api.patch_status(&key.name, &patch_params(), &Patch::Merge(&body)).await;
    if let Some(written) = written.or_gone()? {
        shared.own_writes.wrote(&written);
    }
    Ok(())
}
