//! The label by which watches show volumes and claims. An earlier Fluid made some without it.

use std::fmt::Debug;

use kube::api::Patch;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use wasser_api::labels;
use wasser_chart::OrGone;

use crate::error::EngineError;
use crate::request::Request;

impl Request {
    /// Gives the label to a volume or claim of this Dataset that lacks it. `found` is what the API server
    /// has of it.
    pub(super) async fn label_volume<K>(&self, api: &Api<K>, found: &impl ResourceExt) -> Result<(), EngineError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        if found.labels().contains_key(labels::DATASET_ID) {
            return Ok(());
        }
        let name = found.name_any();
        let patch = json!({"metadata": {
            "uid": found.uid(), "labels": {labels::DATASET_ID: self.identity.dataset_id()},
        }});
        let patched = api
            .patch_metadata(&name, &crate::patch_params(), &Patch::Merge(&patch))
            .await;
        let attempt = format!("labelling {} {name}", K::kind(&()));
        patched.or_gone().map(drop).map_err(EngineError::kube(attempt))
    }
}
