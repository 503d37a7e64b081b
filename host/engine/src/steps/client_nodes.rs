//! The nodes on which clients can be, as they are installed.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::Api;
use serde::Deserialize;
use serde_json::Value;

use crate::error::EngineError;
use crate::request::Request;
use crate::request::roles::{RoleName, RoleState};

/// When to look again for clients that are not there.
const SOON: Duration = Duration::from_secs(10);

impl Request {
    /// The labels of the nodes on which clients can be. The runtime alone does not say them: a profile
    /// or a class adds others, and clients that are installed stay where they are when it changes.
    ///
    /// # Errors
    /// The clients are not there.
    pub(super) async fn client_nodes(&self) -> Result<BTreeMap<String, String>, EngineError> {
        let is_clients = |state: &&RoleState| state.is(RoleName::Fuse) && state.role.workload == "DaemonSet";
        let Some(clients) = self.roles.iter().find(is_clients) else {
            return Ok(BTreeMap::new());
        };
        let template = match self.spec("DaemonSet", &clients.workload) {
            Some(spec) => spec,
            None => self.read_clients(&clients.workload).await?,
        };
        Ok(selector(&template, &self.identity.fuse_label()))
    }

    /// The spec of clients that their watch does not show yet.
    async fn read_clients(&self, name: &str) -> Result<Value, EngineError> {
        let namespace = &self.identity.namespace;
        let api = Api::<DaemonSet>::namespaced(self.shared.client.clone(), namespace);
        let attempt = format!("reading DaemonSet {namespace}/{name}");
        let found = api.get_opt(name).await.map_err(EngineError::kube(attempt))?;
        let own = found.filter(|found| self.owner().owns(&found.metadata));
        own.and_then(|own| serde_json::to_value(own.spec?).ok())
            .ok_or_else(|| EngineError::NotYet {
                after: SOON,
                message: format!(
                    "the DaemonSet {name} of the clients is not there, and the volume needs to know their nodes"
                ),
            })
    }
}

/// The node selector of a workload, without the label that the node plugin gives a node for a client.
fn selector(spec: &Value, fuse_label: &str) -> BTreeMap<String, String> {
    let selector = spec.pointer("/template/spec/nodeSelector");
    let mut selector = selector
        .and_then(|selector| BTreeMap::deserialize(selector).ok())
        .unwrap_or_default();
    selector.remove(fuse_label);
    selector
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_label_that_brings_a_client_is_no_place() {
        let spec = |selector: Value| json!({"template": {"spec": {"nodeSelector": selector}}});
        let labels = |selector: Value| selector_of(&spec(selector));
        assert_eq!(
            labels(json!({"pool": "a", "fluid.io/f-ns-demo": "true"})),
            [("pool".to_owned(), "a".to_owned())]
        );
        assert!(labels(json!({"fluid.io/f-ns-demo": "true"})).is_empty());
        assert!(labels(json!(null)).is_empty());
    }

    fn selector_of(spec: &Value) -> Vec<(String, String)> {
        selector(spec, "fluid.io/f-ns-demo").into_iter().collect()
    }
}
