//! Which pods use a claim, asked of the API server itself: a deletion must not trust a watch with
//! that. A pod with a sidecar that mounts the Dataset names its claim no more: its labels say whose
//! sidecar it is.
//!
//! Many datasets that are deleted together ask at the same time, and one list of a namespace's pods
//! answers all of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use wasser_api::labels;
use wasser_share::Looks;

use crate::error::EngineError;

/// Pods that neither have succeeded nor failed.
const ACTIVE: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Pods that are read at a time: whole ones, of which only the claims are kept.
const PAGE: u32 = 500;

/// The claims of a namespace that are used, each with the names of its pods.
type Claims = Arc<HashMap<String, Vec<String>>>;

/// Shared looks at the pods of namespaces.
#[derive(Default)]
pub struct ClaimUsers {
    namespaces: Looks<String, Claims>,
}

impl ClaimUsers {
    /// The active pods that use a claim, as of some time after this was called.
    pub async fn of(&self, client: &Client, namespace: &str, claim: &str) -> Result<Vec<String>, EngineError> {
        let namespace = namespace.to_owned();
        let claims = self.namespaces.of(&namespace, list(client, &namespace)).await?;
        Ok(claims.get(claim).cloned().unwrap_or_default())
    }
}

async fn list(client: &Client, namespace: &str) -> Result<Claims, EngineError> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut claims: HashMap<String, Vec<String>> = HashMap::new();
    let mut page = ListParams::default().fields(ACTIVE).limit(PAGE);
    loop {
        let pods = api
            .list(&page)
            .await
            .map_err(EngineError::kube(format!("listing the pods of {namespace}")))?;
        note(&pods.items, &mut claims);
        match pods.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(Arc::new(claims)),
        }
    }
}

/// Notes whose claims these pods use.
fn note(pods: &[Pod], claims: &mut HashMap<String, Vec<String>>) {
    for pod in pods {
        let volumes = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.volumes.as_deref())
            .unwrap_or_default();
        let named = volumes
            .iter()
            .filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()));
        let used: BTreeSet<&str> = named.chain(by_sidecar(pod)).collect();
        for claim in used {
            claims.entry(claim.to_owned()).or_default().push(pod.name_any());
        }
    }
}

/// The Datasets of the pod's own namespace that its sidecars mount, whose claims have their names.
fn by_sidecar(pod: &Pod) -> impl Iterator<Item = &str> {
    let marks = pod.labels();
    let has_sidecars = marks.get(labels::SIDECARS_DONE).map(String::as_str) == Some(labels::TRUE);
    let sidecars = marks.iter().filter(move |_| has_sidecars);
    sidecars.filter_map(|(key, dataset)| {
        let container = key.strip_prefix(labels::SIDECAR_DATASET_NAME)?;
        let namespace = marks.get(&format!("{}{container}", labels::SIDECAR_DATASET_NAMESPACE));
        (namespace == pod.namespace().as_ref()).then_some(dataset.as_str())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, labels: &Value, claims: &[&str]) -> Pod {
        let volume = |claim: &&str| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}});
        let volumes: Vec<Value> = claims.iter().map(volume).collect();
        let pod = json!({
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"containers": [], "volumes": volumes},
        });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_pod_uses_what_its_volumes_name_and_what_its_sidecars_mount() {
        // As the webhook labels it.
        let sidecars = |done: &str, namespace: &str| {
            json!({
                "done.sidecar.fluid.io/inject": done,
                "dataset-name.sidecar.fluid.io/fluid-fuse-0": "demo",
                "dataset-namespace.sidecar.fluid.io/fluid-fuse-0": namespace,
                "dataset-name.sidecar.fluid.io/fluid-fuse-1": "other",
                "dataset-namespace.sidecar.fluid.io/fluid-fuse-1": namespace,
            })
        };
        let pods = [
            pod("plain", &json!({}), &["demo"]),
            pod("sidecars", &sidecars("true", "default"), &["own"]),
            pod("both", &sidecars("true", "default"), &["demo"]),
            pod("without", &sidecars("false", "default"), &[]),
            pod("elsewhere", &sidecars("true", "another"), &[]),
        ];
        let mut claims = HashMap::new();
        note(&pods, &mut claims);
        let users = |claim: &str| claims.get(claim).cloned().unwrap_or_default();
        assert_eq!(users("demo"), ["plain", "sidecars", "both"]);
        assert_eq!(users("other"), ["sidecars", "both"]);
        assert_eq!(users("own"), ["sidecars"]);
    }
}
