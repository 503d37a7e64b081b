//! Admission reviews of `admission.k8s.io/v1`: one question, one answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::datasets::{Datasets, LookupError};
use crate::pod;
use crate::serverful::{self, DatasetUse};

/// Answers a review; none if it is no review.
///
/// What is added makes pods faster and their mounts recoverable, but they run without it. So no pod is ever refused: if the cluster cannot be
/// asked, the pod starts as it is written, and whoever creates it is warned.
pub async fn answer(review: &Value, datasets: &dyn Datasets) -> Option<Value> {
    let request = review.get("request")?;
    let uid = request.get("uid")?.as_str()?;
    let response = match changed(request, datasets).await {
        Ok(None) => json!({"uid": uid, "allowed": true}),
        Ok(Some(patch)) => json!({"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch)}),
        Err(error) => {
            tracing::warn!(%error, "a pod is admitted as it is");
            json!({"uid": uid, "allowed": true, "warnings": [format!("the pod is not steered to the cache of its datasets: {error}")]})
        }
    };
    Some(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

/// The patch of a pod that is to be created, as JSON; none if it stays as it is.
async fn changed(request: &Value, datasets: &dyn Datasets) -> Result<Option<String>, LookupError> {
    let created = request.get("operation") == Some(&json!("CREATE")) && request.pointer("/kind/kind") == Some(&json!("Pod"));
    let (Some(before), true) = (request.get("object"), created) else {
        return Ok(None);
    };
    if !serverful::wanted(before) {
        return Ok(None);
    }
    let namespace = request.get("namespace").and_then(Value::as_str).unwrap_or_default();
    let mut used = BTreeMap::<String, DatasetUse>::new();
    for claim in claims(before) {
        if !used.contains_key(claim)
            && let Some(dataset) = datasets.of_claim(namespace, claim).await?
        {
            used.insert(claim.to_owned(), dataset);
        }
    }
    let mut after = before.clone();
    serverful::mutate(&mut after, &used);
    let patch = json_patch::diff(before, &after);
    let name = before
        .pointer("/metadata/name")
        .or_else(|| before.pointer("/metadata/generateName"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    tracing::info!(pod = %format_args!("{namespace}/{name}"), datasets = used.len(), operations = patch.0.len(), "a pod is admitted");
    Ok((!patch.0.is_empty()).then(|| patch.to_string()))
}

/// The claims that a pod's volumes name.
fn claims(pod: &Value) -> impl Iterator<Item = &str> {
    pod::items(pod, "/spec/volumes").filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str())
}

#[cfg(test)]
pub(crate) mod tests;
