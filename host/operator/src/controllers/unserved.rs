//! Registrations that do not serve, for users whose runtime nobody attends to.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use wasser_engine::EngineError;
use wasser_plugin::{PLUGIN_LABEL, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION};

/// The verdicts under which a plugin serves.
const SERVING: [&str; 2] = ["loaded", "last-good"];

/// The registrations that were judged and do not serve, each with the reason.
///
/// # Errors
/// The API server does not list the registrations.
pub async fn registrations(client: &Client, namespace: &str) -> Result<Vec<String>, EngineError> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let all = api
        .list_metadata(&ListParams::default().labels(&format!("{PLUGIN_LABEL}=true")))
        .await
        .map_err(EngineError::kube(format!("listing the registrations in {namespace}")))?;
    let unserved = all.items.iter().filter_map(|map| {
        let verdict = map.annotations().get(VERDICT_ANNOTATION)?;
        let message = map
            .annotations()
            .get(VERDICT_MESSAGE_ANNOTATION)
            .map(String::as_str)
            .unwrap_or_default();
        (!SERVING.contains(&verdict.as_str())).then(|| format!("{} is {verdict} ({message})", map.name_any()))
    });
    Ok(unserved.collect())
}
