//! Which pods use a claim, asked of the API server itself: a deletion must not trust a watch with
//! that.
//!
//! Many datasets that are deleted together ask at the same time, and one list of a namespace's pods
//! answers all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::sync::Mutex;

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
    namespaces: parking_lot::Mutex<HashMap<String, Arc<Mutex<Option<Look>>>>>,
}

/// What was seen, by whoever asked before `began`.
struct Look {
    began: Instant,
    claims: Claims,
}

impl ClaimUsers {
    /// The active pods that use a claim, as of some time after this was called.
    pub async fn of(&self, client: &Client, namespace: &str, claim: &str) -> Result<Vec<String>, EngineError> {
        let asked = Instant::now();
        let shared = {
            let mut namespaces = self.namespaces.lock();
            // A namespace that nobody asks about any more is dropped with the next question.
            namespaces.retain(|known, look| known == namespace || Arc::strong_count(look) > 1);
            namespaces.entry(namespace.to_owned()).or_default().clone()
        };
        let mut look = shared.lock().await;
        let claims = match look.as_ref().filter(|look| look.began >= asked) {
            Some(look) => look.claims.clone(),
            None => {
                let began = Instant::now();
                let claims = list(client, namespace).await?;
                *look = Some(Look {
                    began,
                    claims: claims.clone(),
                });
                claims
            }
        };
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
        for source in volumes
            .iter()
            .filter_map(|volume| volume.persistent_volume_claim.as_ref())
        {
            claims
                .entry(source.claim_name.clone())
                .or_default()
                .push(pod.name_any());
        }
    }
}
