//! When clients leave their nodes, where something else than the runtime says it, such as a profile.
//! The node plugin reads the runtime, and what that leaves open on the claim.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};
use wasser_api::labels;

use crate::error::EngineError;
use crate::request::Request;

/// Where the values say when clients leave.
const CLEAN_POLICY: &str = "/fuse/cleanPolicy";

/// The policy in the installed values.
fn policy_in(values: &Value) -> Option<&str> {
    values.pointer(CLEAN_POLICY).and_then(Value::as_str)
}

/// A new claim that says it.
pub(super) fn with_clean_policy(mut claim: PersistentVolumeClaim, values: &Value) -> PersistentVolumeClaim {
    if let Some(policy) = policy_in(values) {
        let (key, policy) = (labels::CLEAN_POLICY.to_owned(), policy.to_owned());
        claim.annotations_mut().insert(key, policy);
    }
    claim
}

impl Request {
    /// Keeps the claim true to the installed values.
    pub(super) async fn show_clean_policy(&self, values: &Value) -> Result<(), EngineError> {
        let wanted = policy_in(values);
        let differs = |claim: &PartialObjectMeta<PersistentVolumeClaim>| {
            let shown = claim.annotations().get(labels::CLEAN_POLICY).map(String::as_str);
            (shown != wanted).then(|| json!({"annotations": {labels::CLEAN_POLICY: wanted}}))
        };
        self.mark_claim("annotating", differs).await
    }
}
