//! Fields that were set by a creation, whoever made it, or by Helm, become fields of Wasser's apply,
//! so that what the chart no longer has is removed.
//!
//! The API server knows fields that a creation or a patch has set as those of an updater, and an
//! apply would leave them alone. This happens once per object: what is left afterwards is what the
//! host patches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::reference::Reference;
use crate::FIELD_MANAGER;

/// The fields of a workload that the host patches, and which therefore stay the host's.
const REPLICAS: [&str; 2] = ["f:spec", "f:replicas"];
/// The same, unless the chart has an affinity.
const AFFINITY: [&str; 4] = ["f:spec", "f:template", "f:spec", "f:affinity"];

/// Takes over the fields of an object, and returns whether that was necessary. `live` is its
/// metadata, and becomes that after the write. `of_chart` says whether the chart has an affinity.
///
/// # Errors
/// The object has changed since it was looked at, or the request fails.
pub async fn object(
    api: &Api<DynamicObject>,
    reference: &Reference,
    live: &mut ObjectMeta,
    of_chart: bool,
) -> kube::Result<bool> {
    let (entries, created) = (json!(live.managed_fields), json!(live.creation_timestamp));
    let Some(taken) = take_over(&entries, &created, &reference.gvk.api_version(), of_chart) else {
        return Ok(false);
    };
    let patch = json!({"metadata": {
        "uid": live.uid, "resourceVersion": live.resource_version, "managedFields": taken,
    }});
    let written = api
        .patch_metadata(&reference.name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    *live = written.metadata;
    Ok(true)
}

/// The entries with those of updates joined to that of the apply; none if there is nothing to join.
fn take_over(entries: &Value, created: &Value, api_version: &str, of_chart: bool) -> Option<Value> {
    let is_main = |entry: &Value| entry.get("subresource").is_none_or(|name| name == "");
    let updates = |entry: &Value, managers: &[&str]| {
        is_main(entry)
            && entry["operation"] == "Update"
            && managers.contains(&entry["manager"].as_str().unwrap_or_default())
    };
    // Whoever created the object did so with what Helm had rendered: a backup that was restored has
    // the name of its tool. Times are in seconds, so others may have written as well.
    let is_creation = |entry: &Value| {
        is_main(entry) && entry["operation"] == "Update" && !created.is_null() && entry["time"] == *created
    };
    // `ddc-helm` is the name under which Fluid has it.
    let is_helm = |entry: &Value| updates(entry, &["helm", "ddc-helm"]);
    let is_update = |entry: &Value| updates(entry, &[FIELD_MANAGER]) || is_creation(entry);
    let is_apply = |entry: &Value| is_main(entry) && entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply";
    let (mut fields, mut kept, mut found) = (json!({}), Vec::new(), false);
    for entry in entries.as_array()? {
        if is_helm(entry) {
            found = true;
            unite(&mut fields, &entry["fieldsV1"]);
        } else if is_update(entry) {
            let mut rest = entry["fieldsV1"].clone();
            let mut of_host = json!({});
            move_field(&mut rest, &mut of_host, &REPLICAS);
            if !of_chart {
                move_field(&mut rest, &mut of_host, &AFFINITY);
            }
            found |= !is_empty(&rest);
            unite(&mut fields, &rest);
            if !is_empty(&of_host) {
                let mut entry = entry.clone();
                entry["fieldsV1"] = of_host;
                kept.push(entry);
            }
        } else if is_apply(entry) {
            unite(&mut fields, &entry["fieldsV1"]);
        } else {
            kept.push(entry.clone());
        }
    }
    if !found {
        return None;
    }
    kept.push(
        json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1",
            "fieldsV1": fields}),
    );
    Some(Value::Array(kept))
}

/// Moves a field, with what is in it, from one set of fields to another.
fn move_field(from: &mut Value, into: &mut Value, path: &[&str]) {
    if let Some(moved) = remove(from, path) {
        let nested = path.iter().rev().fold(moved, |inner, step| json!({*step: inner}));
        unite(into, &nested);
    }
}

/// Removes a field, and the parents that it leaves empty.
fn remove(from: &mut Value, path: &[&str]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let fields = from.as_object_mut()?;
    if rest.is_empty() {
        return fields.remove(*first);
    }
    let inner = fields.get_mut(*first)?;
    let removed = remove(inner, rest)?;
    if is_empty(inner) {
        fields.remove(*first);
    }
    Some(removed)
}

fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
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
        let taken = take_over(&entries, &Value::Null, "apps/v1", false).unwrap();
        assert_eq!(taken.as_array().unwrap().len(), 3);
        assert_eq!(
            taken[2]["fieldsV1"],
            json!({"f:spec": {"f:replicas": {}, "f:template": {}, "f:selector": {}}})
        );
        assert_eq!(taken[2]["operation"], "Apply");
        assert_eq!(
            take_over(&taken, &Value::Null, "apps/v1", false),
            None,
            "a second time there is nothing to take"
        );
    }

    #[test]
    fn what_a_restored_backup_has_created_joins_as_well() {
        let entry = |manager: &str, time: &str, field: &str| {
            let fields = json!({field: {}});
            json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsV1": fields})
        };
        let (then, later) = ("2026-01-02T03:04:05Z", "2026-01-02T03:09:05Z");
        let entries = json!([
            entry("velero", then, "f:data"),
            entry("kubectl-edit", later, "f:binaryData")
        ]);
        let taken = take_over(&entries, &json!(then), "v1", false).unwrap();
        assert_eq!(taken[0]["manager"], "kubectl-edit");
        assert_eq!(
            (&taken[1]["operation"], &taken[1]["fieldsV1"]),
            (&json!("Apply"), &json!({"f:data": {}}))
        );
        assert_eq!(take_over(&taken, &json!(then), "v1", false), None);
    }

    #[test]
    fn who_has_scaled_a_new_object_at_once_goes_on_doing_so() {
        let scaled = json!({"manager": "juicefsruntime-controller", "operation": "Update", "apiVersion": "apps/v1",
            "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        let created = json!("2026-01-02T03:04:05Z");
        assert_eq!(take_over(&json!([scaled]), &created, "apps/v1", false), None);
    }

    #[test]
    fn what_was_created_is_applied_from_now_on_but_for_what_the_host_patches() {
        let affinity = json!({".": {}, "f:nodeAffinity": {}});
        let entries = json!([{"manager": "wasser", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:affinity": affinity, "f:containers": {}}}},
        }}]);
        let taken = take_over(&entries, &Value::Null, "apps/v1", false).unwrap();
        let kept = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:affinity": affinity}}}});
        assert_eq!(
            (&taken[0]["operation"], &taken[0]["fieldsV1"]),
            (&json!("Update"), &kept)
        );
        let applied = json!({
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:spec": {"f:template": {"f:spec": {"f:containers": {}}}},
        });
        assert_eq!(
            (&taken[1]["operation"], &taken[1]["fieldsV1"]),
            (&json!("Apply"), &applied)
        );
        assert_eq!(
            take_over(&taken, &Value::Null, "apps/v1", false),
            None,
            "what is left is the host's"
        );
        // A chart with an affinity decides about it.
        let again = take_over(&taken, &Value::Null, "apps/v1", true).unwrap();
        assert_eq!(again[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(
            again[1]["fieldsV1"]["f:spec"]["f:template"]["f:spec"],
            json!({"f:containers": {}, "f:affinity": affinity})
        );
    }

    #[test]
    fn an_object_that_only_an_apply_has_written_is_left() {
        let entries = json!([
            {"manager": "wasser", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {}}},
            {"manager": "wasser", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        ]);
        assert_eq!(take_over(&entries, &Value::Null, "v1", false), None);
        assert_eq!(take_over(&Value::Null, &Value::Null, "v1", false), None);
    }
}
