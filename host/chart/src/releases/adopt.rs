//! Objects that Helm applied become objects that Wasser applied.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::apply::ATTEMPTS;
use super::error::ReleaseError;
use super::kinds::Kinds;
use super::reference::Reference;
use crate::FIELD_MANAGER;
use crate::api_error::{is_conflict, is_not_found};

/// Takes over the fields that Helm set in an object, so that what the chart no longer has is
/// removed from it as well.
///
/// Helm writes objects by create and patch; the API server therefore knows its fields as those of
/// an updater, and an apply would leave them alone.
pub async fn object(kinds: &Kinds, namespace: &str, reference: &Reference) -> Result<(), ReleaseError> {
    let api = kinds.api(reference, namespace).await?;
    let display = reference.describe(namespace);
    for _ in 0..ATTEMPTS {
        let found = api
            .get_metadata_opt(&reference.name)
            .await
            .map_err(ReleaseError::kube(format!("reading {display}")))?;
        let Some(metadata) = found.map(|found| found.metadata) else {
            return Ok(());
        };
        let entries = json!(metadata.managed_fields);
        let Some(taken) = take_over(&entries, &reference.gvk.api_version()) else {
            return Ok(());
        };
        let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "managedFields": taken}});
        match api
            .patch_metadata(&reference.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) if is_not_found(&error) => return Ok(()),
            Err(error) if is_conflict(&error) => {}
            Err(error) => {
                return Err(ReleaseError::kube(format!("taking over the fields of {display}"))(
                    error,
                ));
            }
        }
    }
    // Somebody writes it all the time. Applying works nevertheless; a removed field may stay.
    tracing::warn!(
        object = reference.describe(namespace),
        "Helm's fields could not be taken over"
    );
    Ok(())
}

/// The entries with Helm's joined to Wasser's; none if Helm has none.
fn take_over(entries: &Value, api_version: &str) -> Option<Value> {
    let is_helm = |entry: &Value| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        // `ddc-helm` is the name under which Fluid has it.
        matches!(manager, "helm" | "ddc-helm")
            && entry["operation"] == "Update"
            && entry.get("subresource").is_none_or(|name| name == "")
    };
    let is_own = |entry: &Value| {
        entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry.get("subresource").is_none()
    };
    let entries = entries.as_array()?;
    if !entries.iter().any(is_helm) {
        return None;
    }
    let mut fields = json!({});
    for entry in entries.iter().filter(|entry| is_helm(entry) || is_own(entry)) {
        unite(&mut fields, &entry["fieldsV1"]);
    }
    let mut kept: Vec<Value> = entries
        .iter()
        .filter(|entry| !is_helm(entry) && !is_own(entry))
        .cloned()
        .collect();
    kept.push(
        json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1",
            "fieldsV1": fields}),
    );
    Some(Value::Array(kept))
}

fn unite(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else {
        return;
    };
    for (key, value) in from {
        unite(into.entry(key.as_str()).or_insert_with(|| json!({})), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helms_fields_join_those_of_wasser_and_others_stay() {
        let entries = json!([
            {"manager": "ddc-helm", "operation": "Update", "apiVersion": "apps/v1",
                "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                "fieldsV1": {"f:status": {}}},
            {"manager": "wasser", "operation": "Apply", "apiVersion": "apps/v1",
                "fieldsV1": {"f:spec": {"f:selector": {}}}},
            {"manager": "wasser", "operation": "Update", "apiVersion": "apps/v1",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]);
        let taken = take_over(&entries, "apps/v1").unwrap();
        assert_eq!(taken.as_array().unwrap().len(), 3);
        assert_eq!(
            taken[2]["fieldsV1"],
            json!({"f:spec": {"f:replicas": {}, "f:template": {}, "f:selector": {}}})
        );
        assert_eq!(taken[2]["operation"], "Apply");
        assert_eq!(
            take_over(&taken, "apps/v1"),
            None,
            "a second time there is nothing to take"
        );
    }
}
