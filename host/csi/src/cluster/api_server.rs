//! The requests to a real API server.
//!
//! There are two identities. The node's labels are written with the kubelet's identity where its
//! kubeconfig is given, so that the API server itself confines the node plugin to its node.
//! Everything else is done with the pod's service account, which can only read, and publish events.
//!
//! A label is set without a look whether it exists. A patch that changes nothing is one request and
//! no write, while a cache, or a look just before, can be wrong exactly when a controller removes
//! the label at that moment; then no fuse pod would ever come.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta, Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};
use wasser_api::ObjectKey;
use wasser_api::dataset::Dataset;
use wasser_api::shared::FuseCleanPolicy;
use wasser_api::{labels, names};

use super::{Cluster, ClusterError, Recovered, Volume};

/// The name of the writer, in managed fields and events.
const FIELD_MANAGER: &str = "wasser-csi";
/// The access modes that only permit reading.
const READ_ONLY_MODES: [&str; 1] = ["ReadOnlyMany"];

/// Makes clients with an identity that may change the node.
#[async_trait]
pub trait NodeClients: Send + Sync {
    /// Returns a client for the next request.
    async fn client(&self) -> Result<Client, ClusterError>;
}

#[async_trait]
impl NodeClients for Client {
    async fn client(&self) -> Result<Client, ClusterError> {
        Ok(self.clone())
    }
}

/// The API server, seen from one node.
pub struct KubeCluster {
    client: Client,
    node_clients: Box<dyn NodeClients>,
    node: String,
    driver: String,
    recorder: Recorder,
}

impl std::fmt::Debug for KubeCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeCluster")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl KubeCluster {
    /// Returns the API server for `node`. `node_clients` are for the Node object, and may be the same
    /// client.
    pub fn new(client: Client, node_clients: impl NodeClients + 'static, node: String, driver: String) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(node.clone()),
        };
        let recorder = Recorder::new(client.clone(), reporter);
        Self {
            client,
            node_clients: Box::new(node_clients),
            node,
            driver,
            recorder,
        }
    }

    /// Returns the Dataset of a runtime, whatever else is in it: a field that cannot be read must not
    /// keep pods from ending.
    async fn dataset(&self, runtime: &ObjectKey) -> Result<Option<DynamicObject>, ClusterError> {
        let resource = ApiResource::erase::<Dataset>(&());
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &runtime.namespace, &resource);
        api.get_opt(&runtime.name)
            .await
            .map_err(failed(format!("reading Dataset {runtime}")))
    }

    async fn claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<PersistentVolumeClaim>>, ClusterError> {
        let api = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), namespace);
        let found = api.get_metadata_opt(name).await;
        found.map_err(failed(format!("reading PersistentVolumeClaim {namespace}/{name}")))
    }

    /// The policy that the operator has found elsewhere, as in a profile.
    async fn policy_on_claim(&self, runtime: &ObjectKey) -> Result<FuseCleanPolicy, ClusterError> {
        let claim = self.claim(&runtime.namespace, &runtime.name).await?;
        let said = claim.and_then(|claim| claim.annotations().get(labels::CLEAN_POLICY).cloned());
        // The operator writes none that does not exist.
        Ok(match said.map(FuseCleanPolicy::from) {
            None | Some(FuseCleanPolicy::Other(_)) => FuseCleanPolicy::Unset,
            Some(policy) => policy,
        })
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn volume(&self, name: &str) -> Result<Option<Volume>, ClusterError> {
        let api = Api::<PersistentVolume>::all(self.client.clone());
        let found = api
            .get_opt(name)
            .await
            .map_err(failed(format!("reading PersistentVolume {name}")))?;
        Ok(found.and_then(|volume| volume_of(volume, &self.driver)))
    }

    async fn fuse_label(&self, runtime: &ObjectKey) -> Result<String, ClusterError> {
        // Only a long name needs the UID, and so the request.
        let without = labels::fuse_label(&runtime.namespace, &runtime.name, "");
        if without != labels::FUSE_PREFIX {
            return Ok(without);
        }
        let dataset = self
            .dataset(runtime)
            .await?
            .and_then(|dataset| dataset.uid())
            .ok_or_else(|| ClusterError {
                action: format!("reading Dataset {runtime}"),
                message: "it does not exist".to_owned(),
                is_refused: true,
            })?;
        Ok(labels::fuse_label(&runtime.namespace, &runtime.name, &dataset))
    }

    async fn label_node(&self, key: &str, present: bool) -> Result<(), ClusterError> {
        let value = if present { json!(labels::TRUE) } else { Value::Null };
        let patch = Patch::Merge(json!({"metadata": {"labels": {key: value}}}));
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let action = format!(
            "{} label {key} of node {}",
            if present { "setting" } else { "removing" },
            self.node
        );
        let api = Api::<Node>::all(self.node_clients.client().await?);
        api.patch_metadata(&self.node, &params, &patch)
            .await
            .map(drop)
            .map_err(failed(action))
    }

    async fn clean_policy(&self, runtime: &ObjectKey) -> Result<Option<FuseCleanPolicy>, ClusterError> {
        // Kinds of runtimes come with plugins of the operator; only the Dataset knows which kind it
        // has.
        let Some(dataset) = self.dataset(runtime).await? else {
            return Ok(None);
        };
        let Some(kind) = runtime_type(&dataset.data) else {
            return Ok(None);
        };
        let resource = names::runtime_resource(kind);
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &runtime.namespace, &resource);
        match api.get_opt(&runtime.name).await {
            Ok(None) => Ok(None),
            Ok(Some(object)) => match policy_of(&object.data) {
                FuseCleanPolicy::Unset => Ok(Some(self.policy_on_claim(runtime).await?)),
                policy => Ok(Some(policy)),
            },
            // An unstage that fails for a right that nobody gives would be repeated for ever.
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                tracing::warn!(%runtime, message = status.message, "the clean policy is not known, and the client stays; \
                    name {} in the chart's value rbac.runtimes", resource.plural);
                Ok(None)
            }
            Err(error) => Err(failed(format!("reading {} {runtime}", resource.plural))(error)),
        }
    }

    async fn fuse_generation(&self, runtime: &ObjectKey) -> Result<Option<String>, ClusterError> {
        // Runtime, Dataset and claim have the same name.
        let found = self.claim(&runtime.namespace, &runtime.name).await?;
        Ok(found.and_then(|claim| claim.labels().get(labels::FUSE_GENERATION).cloned()))
    }

    async fn recovered(&self, runtime: &ObjectKey, target: &str, how: &Recovered) -> Result<(), ClusterError> {
        let Some(dataset) = self.dataset(runtime).await? else {
            return Ok(());
        };
        let (type_, reason, note) = match how {
            Recovered::Succeeded => (
                EventType::Normal,
                "FuseRecoverSucceed",
                format!("Fuse recover {target} succeed"),
            ),
            Recovered::Failed(why) => (
                EventType::Warning,
                "FuseRecoverFailed",
                format!("Fuse recover {target} failed: {why}"),
            ),
        };
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Recover".to_owned(),
            secondary: None,
        };
        let written = self
            .recorder
            .publish(&event, &dataset.object_ref(&ApiResource::erase::<Dataset>(&())))
            .await;
        written.map_err(failed(format!("writing an event on Dataset {runtime}")))
    }
}

fn failed(action: String) -> impl FnOnce(kube::Error) -> ClusterError {
    move |error| ClusterError {
        action,
        message: error.to_string(),
        is_refused: matches!(&error, kube::Error::Api(status) if is_refusal(status.code)),
    }
}

/// Returns whether a status of HTTP says that nothing was done. After a timeout, something may be.
fn is_refusal(code: u16) -> bool {
    (400..500).contains(&code) && code != 408
}

fn volume_of(volume: PersistentVolume, driver: &str) -> Option<Volume> {
    let spec = volume.spec?;
    let csi = spec.csi.filter(|csi| csi.driver == driver)?;
    let modes = spec.access_modes.unwrap_or_default();
    Some(Volume {
        handle: csi.volume_handle,
        attributes: csi.volume_attributes.unwrap_or_default().into_iter().collect(),
        read_only: !modes.is_empty() && modes.iter().all(|mode| READ_ONLY_MODES.contains(&mode.as_str())),
        claim: spec.claim_ref.and_then(|claim| claim.namespace.zip(claim.name)),
    })
}

/// Returns the type of the runtime that serves a Dataset.
fn runtime_type(dataset: &Value) -> Option<&str> {
    dataset.pointer("/status/runtimes/0/type")?.as_str()
}

/// Returns the policy in a runtime object.
fn policy_of(runtime: &Value) -> FuseCleanPolicy {
    let policy = wasser_api::clients::field(runtime, "cleanPolicy");
    policy
        .and_then(|policy| serde_json::from_value(policy.clone()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::DRIVER;

    #[rstest]
    #[case(json!({"spec": {"fuse": {"cleanPolicy": "OnDemand"}}}), "OnDemand")]
    #[case(json!({"spec": {"client": {"cleanPolicy": "OnFuseChanged"}}}), "OnFuseChanged")]
    #[case(json!({"spec": {"fuse": {}}}), "")]
    #[case(json!({}), "")]
    fn the_policy_is_found(#[case] runtime: Value, #[case] policy: &str) {
        assert_eq!(serde_json::to_value(policy_of(&runtime)).unwrap(), policy);
    }

    #[test]
    fn a_dataset_that_is_odd_elsewhere_still_names_its_runtime() {
        let dataset = json!({
            "spec": {"mounts": [{"mountPoint": 7}], "placement": []},
            "status": {"phase": 1, "runtimes": [{"name": "demo", "type": "juicefs"}], "conditions": "none"},
        });
        assert_eq!(runtime_type(&dataset), Some("juicefs"));
        assert_eq!(runtime_type(&json!({"status": {"runtimes": [{"type": 1}]}})), None);
        assert_eq!(runtime_type(&json!({})), None);
    }

    #[rstest]
    #[case(403, true)]
    #[case(404, true)]
    #[case(408, false)]
    #[case(500, false)]
    #[case(504, false)]
    fn only_a_refusal_says_that_nothing_was_done(#[case] code: u16, #[case] is_certain: bool) {
        assert_eq!(is_refusal(code), is_certain);
    }

    #[test]
    fn volumes_of_other_drivers_are_not_ours() {
        let volume: PersistentVolume = serde_json::from_value(json!({
            "spec": {"accessModes": ["ReadOnlyMany"], "claimRef": {"namespace": "ns", "name": "demo"},
                     "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": "ns-demo",
                             "volumeAttributes": {"fluid_path": "/a"}}}
        }))
        .unwrap();
        assert_eq!(volume_of(volume.clone(), "other"), None);
        let ours = volume_of(volume, DRIVER).unwrap();
        assert!(ours.read_only);
        assert_eq!(
            (ours.handle.as_str(), ours.attributes["fluid_path"].as_str()),
            ("ns-demo", "/a")
        );
        assert_eq!(ours.claim, Some(("ns".to_owned(), "demo".to_owned())));
    }
}
