//! The pod templates of clients, as the DaemonSets of a namespace have them.
//!
//! What a DaemonSet is called, only its chart knows. Its label says which Dataset it is for; where
//! one has none, as some that Fluid has installed, all of the namespace are looked through, a few at
//! a time. Pods that are created together ask the same, so they share a look.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::Value;
use wasser_api::labels;
use wasser_share::Looks;

use crate::lookup::{LookupError, failed};
use crate::sidecar;

/// The most DaemonSets that are read at a time, whole as they are.
const PAGE: u32 = 20;
/// The most looks at a time.
const LOOKS: usize = 2;

/// A template that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The namespace of the runtime.
    pub namespace: String,
    /// The value of the label that says which Dataset an object is for; empty if it is not known.
    pub dataset_id: String,
    /// Where the client mounts, on the node.
    pub fluid_path: String,
    /// Whether it must pass on what it mounts.
    pub mounts: bool,
}

/// Shared looks at the templates of clients.
#[derive(Debug)]
pub struct Templates(Looks<Wanted, Option<Arc<Value>>>);

impl Default for Templates {
    fn default() -> Self {
        Self(Looks::at_most(LOOKS))
    }
}

impl Templates {
    /// The template that comes nearest to the path, as of some time after this was called; none if
    /// all lead elsewhere.
    pub async fn of(&self, client: &Client, wanted: &Wanted) -> Result<Option<Arc<Value>>, LookupError> {
        let look = async { Ok(find(client, wanted).await?.map(Arc::new)) };
        self.0.of(wanted, look).await
    }
}

async fn find(client: &Client, wanted: &Wanted) -> Result<Option<Value>, LookupError> {
    let page = ListParams::default().limit(PAGE);
    if !wanted.dataset_id.is_empty() {
        let own = page
            .clone()
            .labels(&format!("{}={}", labels::DATASET_ID, wanted.dataset_id));
        if let Some(found) = nearest(client, wanted, own).await? {
            return Ok(Some(found));
        }
    }
    nearest(client, wanted, page).await
}

/// The template that comes nearest to the path among these DaemonSets. One that passes its mounts on
/// comes nearer than any other.
async fn nearest(client: &Client, wanted: &Wanted, mut page: ListParams) -> Result<Option<Value>, LookupError> {
    let sets = Api::<DaemonSet>::namespaced(client.clone(), &wanted.namespace);
    let mut best: Option<((bool, usize), Value)> = None;
    loop {
        let found = sets.list(&page).await;
        let found = found.map_err(failed(|| {
            format!("listing the DaemonSets of the namespace {}", wanted.namespace)
        }))?;
        for set in found.items {
            let Some(template) = set.spec.and_then(|spec| serde_json::to_value(spec.template).ok()) else {
                continue;
            };
            let leads = |mounts| Some((mounts, sidecar::leads_to(&template, &wanted.fluid_path, mounts)?));
            let near = leads(true).or_else(|| (!wanted.mounts).then(|| leads(false))?);
            if let Some(near) = near
                && best.as_ref().is_none_or(|(known, _)| *known <= near)
            {
                best = Some((near, template));
            }
        }
        match found.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(best.map(|(_, template)| template)),
        }
    }
}
