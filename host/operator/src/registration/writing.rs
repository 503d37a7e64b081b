//! Writes a verdict: annotations on the ConfigMap, and an event about it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::EventType;
use kube::{Api, Client};
use serde_json::json;
use wasser_engine::Events;

use super::state::Unwritten;

/// Owns the annotations of verdicts and nothing else, so that applying a verdict removes those of
/// the one before.
const FIELD_MANAGER: &str = "wasser-registration";

/// Writes a verdict and how far its plugin is, provided that the ConfigMap is still the one that was
/// judged.
///
/// # Errors
/// If the API server refuses; not if the ConfigMap is gone.
pub async fn write(client: &Client, events: &Events, unwritten: &Unwritten) -> kube::Result<()> {
    let Unwritten {
        about,
        annotations,
        news,
    } = unwritten;
    let namespace = about.namespace.clone().unwrap_or_default();
    let name = about.name.clone().unwrap_or_default();
    let patch = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        // The UID makes the API server refuse to create a ConfigMap that was deleted in the
        // meantime.
        "metadata": {"name": name, "uid": about.uid, "annotations": annotations},
    });
    let api = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    match api.patch_metadata(&name, &params, &Patch::Apply(&patch)).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return Ok(()),
        Err(error) => return Err(error),
    }
    if let Some(verdict) = news {
        let (kind, reason) = verdict.event();
        let type_ = if kind == "Warning" {
            EventType::Warning
        } else {
            EventType::Normal
        };
        events.publish(about, type_, reason, &verdict.message).await;
    }
    Ok(())
}
