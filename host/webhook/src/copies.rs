//! What a client of another namespace needs in that of a pod. The operator copies the client's
//! ConfigMaps into the namespaces of Datasets that refer to its own.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use wasser_api::{labels, pods};

use crate::lookup::{LookupError, failed};

/// Returns a ConfigMap that the containers of a template of the namespace `other` need and that
/// `namespace` has not, or that is there the copy of another one.
pub async fn missing(
    client: &Client,
    namespace: &str,
    other: &str,
    template: &Value,
) -> Result<Option<String>, LookupError> {
    let required = pods::required_config_maps(template);
    for name in pods::config_maps(template) {
        let Some(found) = config_map(client, namespace, &name).await? else {
            if !required.contains(&name) {
                continue;
            }
            return Ok(Some(format!(
                "the ConfigMap {name} is not in the namespace {namespace}"
            )));
        };
        let Some(shown) = found.annotations().get(labels::COPY_OF) else {
            continue;
        };
        let source = config_map(client, other, &name).await?.and_then(|source| source.uid());
        if source.is_some_and(|uid| shown.split('/').next() != Some(uid.as_str())) {
            return Ok(Some(format!(
                "the ConfigMap {namespace}/{name} is a copy of another one than {other}/{name}"
            )));
        }
    }
    Ok(None)
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<PartialObjectMeta<ConfigMap>>, LookupError> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let found = maps.get_metadata_opt(name).await;
    found.map_err(failed(|| format!("looking at the ConfigMap {namespace}/{name}")))
}
