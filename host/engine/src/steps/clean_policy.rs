//! When clients leave their nodes, where something else than the runtime says it, such as a profile.
//! The node plugin reads the runtime, and what that leaves open on the claim.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::Patch;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::labels;
use wasser_chart::OrGone;

use crate::error::EngineError;
use crate::request::Request;
use crate::steps::create_volume::is_ours;

/// Where the values say when clients leave.
const CLEAN_POLICY: &str = "/fuse/cleanPolicy";

impl Request {
    /// The policy in the installed values.
    fn policy_of_clients(&self) -> Option<String> {
        let release = self.shared.known_release(&self.uid).flatten()?;
        let values = release.values();
        values.pointer(CLEAN_POLICY).and_then(Value::as_str).map(str::to_owned)
    }

    /// A new claim that says it.
    pub(super) fn with_clean_policy(&self, mut claim: PersistentVolumeClaim) -> PersistentVolumeClaim {
        if let Some(policy) = self.policy_of_clients() {
            claim.annotations_mut().insert(labels::CLEAN_POLICY.to_owned(), policy);
        }
        claim
    }

    /// Keeps the claim true to the installed values.
    pub(super) async fn show_clean_policy(&self) -> Result<(), EngineError> {
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let Some(claim) = self.shared.caches.claim(namespace, name) else {
            return Ok(());
        };
        let wanted = self.policy_of_clients();
        if !is_ours(&*claim) || claim.annotations().get(labels::CLEAN_POLICY) == wanted.as_ref() {
            return Ok(());
        }
        let api = Api::<PersistentVolumeClaim>::namespaced(self.shared.client.clone(), namespace);
        let patch = json!({"metadata": {"uid": claim.uid(), "annotations": {labels::CLEAN_POLICY: wanted}}});
        let attempt = format!("annotating PersistentVolumeClaim {namespace}/{name}");
        let patched = api
            .patch_metadata(name, &crate::patch_params(), &Patch::Merge(&patch))
            .await;
        patched.or_gone().map(drop).map_err(EngineError::kube(attempt))
    }
}
