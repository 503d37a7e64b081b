//! Admission reviews of `admission.k8s.io/v1`: one question, one answer.

use std::collections::BTreeMap;
use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::datasets::{Datasets, Fuse};
use crate::lookup::LookupError;
use crate::serverful::{self, DatasetUse};
use crate::sidecar::Sidecar;
use crate::{pod, prefetcher, serverless};

/// What comes of a pod.
enum Verdict {
    /// It is created, with this patch, as JSON, if it does not stay as it is, and whoever creates it
    /// is warned of these.
    Created(Option<String>, Vec<String>),
    /// It is created as it is, and whoever creates it is warned.
    AsItIs(String),
    /// It is not created.
    Refused(String),
}

/// A review, as far as it is looked at. The rest is skipped when it is read.
#[derive(Debug, Deserialize)]
pub struct Review {
    request: Request,
}

/// What the API server asks.
#[derive(Debug, Deserialize)]
struct Request {
    uid: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    object: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// The number of values in a text of JSON, or somewhat more: what it takes as a tree follows from
/// it.
pub fn values(text: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Answers a review.
///
/// Without what is added, pods run, if slower, and the node plugin mounts for them. So hardly a pod
/// is refused: if the cluster cannot be asked, it starts as it is written, and whoever creates it
/// is warned. The exception are pods that are to mount a dataset by themselves before it is Bound:
/// as they are written, they would never get their sidecar, while whoever creates pods again and
/// again has it soon.
/// `prefetcher` is the image that reads files in advance for pods that name none; it may be empty.
pub async fn answer(review: Review, datasets: &dyn Datasets, prefetcher: &str) -> Value {
    let request = review.request;
    let uid = &request.uid;
    let response = match verdict(&request, datasets, prefetcher).await {
        Verdict::Created(patch, warnings) => {
            let mut response = json!({"uid": uid, "allowed": true});
            if let Some(patch) = patch {
                response["patchType"] = json!("JSONPatch");
                response["patch"] = json!(STANDARD.encode(patch));
            }
            if !warnings.is_empty() {
                tracing::warn!(?warnings, "a pod is admitted without something that it asks for");
                response["warnings"] = json!(warnings);
            }
            response
        }
        Verdict::AsItIs(reason) => {
            tracing::warn!(reason, "a pod is admitted as it is");
            json!({"uid": uid, "allowed": true, "warnings": [reason]})
        }
        Verdict::Refused(reason) => {
            tracing::info!(reason, "a pod is refused");
            json!({"uid": uid, "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": reason}})
        }
    };
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

/// What comes of a pod that is to be created.
async fn verdict(request: &Request, datasets: &dyn Datasets, prefetcher: &str) -> Verdict {
    let created = request.operation == "CREATE" && request.kind.kind == "Pod";
    let (Some(before), true) = (&request.object, created) else {
        return Verdict::Created(None, Vec::new());
    };
    let (namespace, uid) = (request.namespace.as_str(), request.uid.as_str());
    let mut after = before.clone();
    let mut warnings = Vec::new();
    let used = if serverless::wanted(before) {
        match mounting(&mut after, namespace, uid, datasets).await {
            Ok(used) => used,
            Err(other) => return other,
        }
    } else if serverful::wanted(before) {
        match steered(&mut after, namespace, datasets, &mut warnings).await {
            Ok(used) => used,
            Err(error) => {
                return Verdict::AsItIs(format!("the pod is not steered to the cache of its datasets: {error}"));
            }
        }
    } else {
        return Verdict::Created(None, Vec::new());
    };
    let without = |reason| format!("no files are read in advance for the pod: {reason}");
    let prefetching = prefetcher::mutate(&mut after, before, &used, prefetcher);
    warnings.extend(prefetching.err().map(without));
    let patch = json_patch::diff(before, &after);
    let name = before
        .pointer("/metadata/name")
        .or_else(|| before.pointer("/metadata/generateName"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    tracing::info!(pod = %format_args!("{namespace}/{name}"), operations = patch.0.len(), "a pod is admitted");
    Verdict::Created((!patch.0.is_empty()).then(|| patch.to_string()), warnings)
}

/// The claims of a pod that are datasets, each with the directory of its volume that it stands for;
/// empty for all of it.
type Claims = BTreeMap<String, String>;

/// Adds what a pod needs that the node plugin mounts for. Returns the claims that are datasets, and
/// adds a warning for each one that it knows too little about.
async fn steered(
    pod: &mut Value,
    namespace: &str,
    datasets: &dyn Datasets,
    warnings: &mut Vec<String>,
) -> Result<Claims, LookupError> {
    let mut used = BTreeMap::<String, DatasetUse>::new();
    for (_, claim) in pod::claims(pod) {
        if !used.contains_key(claim)
            && let Some(dataset) = datasets.of_claim(namespace, claim).await?
        {
            used.insert(claim.to_owned(), dataset);
        }
    }
    serverful::mutate(pod, &used);
    warnings.extend(used.values().filter_map(|dataset| dataset.missing.clone()));
    Ok(used.into_keys().map(|claim| (claim, String::new())).collect())
}

/// Adds the sidecars of a pod that mounts by itself: for all of its datasets, or for none. The
/// request's id is that of no other pod. Returns the claims that are datasets.
async fn mounting(pod: &mut Value, namespace: &str, uid: &str, datasets: &dyn Datasets) -> Result<Claims, Verdict> {
    let without = |reason: &dyn Display| Verdict::AsItIs(format!("the pod gets no fuse sidecar: {reason}"));
    let mut sidecars = BTreeMap::<String, Sidecar>::new();
    for (_, claim) in pod::claims(pod) {
        if sidecars.contains_key(claim) {
            continue;
        }
        match datasets
            .fuse_of(namespace, claim)
            .await
            .map_err(|error| without(&error))?
        {
            Fuse::Others => {}
            Fuse::Sidecar(sidecar) => drop(sidecars.insert(claim.to_owned(), *sidecar)),
            Fuse::Without(reason) => return Err(without(&reason)),
            Fuse::NotBound(reason) if serverless::skips_precheck(pod) => return Err(without(&reason)),
            Fuse::NotBound(reason) => {
                return Err(Verdict::Refused(format!(
                    "the pod cannot get its fuse sidecar yet: {reason}; create it once it is, or let the node plugin \
                        mount by the annotation {}=true",
                    serverless::SKIP_PRECHECK
                )));
            }
        }
    }
    serverless::mutate(pod, &sidecars, uid).map_err(|error| without(&error))?;
    let directory = |(claim, sidecar): (String, Sidecar)| (claim, sidecar.directory());
    Ok(sidecars.into_iter().map(directory).collect())
}

#[cfg(test)]
pub(crate) mod tests;
