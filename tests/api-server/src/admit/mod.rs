//! Admission: forms, defaults, finalizers and refusals.
//!
//! A subset, for the kinds that Wasser and its charts use. Everything else is neither defaulted nor
//! checked, required fields of Kubernetes' own kinds in particular.

mod defaults;
mod immutable;

use serde_json::{Value, json};
use wasser_schema::Problem;

use crate::failure::Failure;
use crate::kinds::{Kind, Source};

pub(crate) use immutable::refused;

/// The finalizer that keeps a claim while pods use it.
pub(crate) const PVC_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// The finalizer that keeps a volume while it is bound.
pub(crate) const PV_PROTECTION: &str = "kubernetes.io/pv-protection";

/// Sets a field that is not set.
fn fill(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        let place = fields.entry(field.to_owned()).or_insert(Value::Null);
        if place.is_null() {
            *place = value;
        }
    }
}

/// Brings an object into the form in which it is kept.
pub(crate) fn prepare(kind: &Kind, name: &str, mut object: Value) -> Result<Value, Failure> {
    match &kind.shape {
        Source::BuiltIn(through) => {
            decode_secrets(kind, &mut object);
            let mut object = through(object).map_err(|error| {
                Failure::bad_request(format!(
                    "{} in version \"{}\" cannot be handled as a {}: {error}",
                    kind.kind, kind.version, kind.kind
                ))
            })?;
            defaults::set(&kind.kind, &mut object);
            Ok(object)
        }
        Source::Custom(schema) => {
            schema.prune(&mut object);
            schema.fill(&mut object);
            let problems = schema.problems(&object);
            if problems.is_empty() {
                Ok(object)
            } else {
                Err(Failure::invalid(kind, name, &problems))
            }
        }
    }
}

/// Completes a new object that has been prepared.
pub(crate) fn complete(kind: &Kind, object: &mut Value, number: u64) {
    let uid = object["metadata"]["uid"].clone();
    match kind.kind.as_str() {
        "PersistentVolumeClaim" => {
            protect(object, PVC_PROTECTION);
            object["status"] = json!({"phase": "Pending"});
        }
        "PersistentVolume" => {
            protect(object, PV_PROTECTION);
            object["status"] = json!({"phase": "Pending"});
        }
        "Pod" => object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"}),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({"phase": "Active"});
        }
        "StatefulSet" => object["status"] = json!({"replicas": 0, "availableReplicas": 0}),
        "Deployment" | "ReplicaSet" if object.get("status").is_none() => object["status"] = json!({}),
        "DaemonSet" => {
            object["status"] = json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0,
                "numberMisscheduled": 0, "numberReady": 0});
        }
        "Job" => select_by_uid(object, &uid),
        "Service" if object["spec"]["type"] != "ExternalName" => {
            let address = format!("10.96.{}.{}", number / 250 % 250, number % 250 + 1);
            fill(&mut object["spec"], "clusterIP", json!(address));
            let address = object["spec"]["clusterIP"].clone();
            fill(&mut object["spec"], "clusterIPs", json!([address]));
            object["status"] = json!({"loadBalancer": {}});
        }
        _ => {}
    }
}

fn protect(object: &mut Value, finalizer: &str) {
    fill(&mut object["metadata"], "finalizers", json!([]));
    if let Some(all) = object["metadata"]["finalizers"].as_array_mut()
        && !all.iter().any(|one| one == finalizer)
    {
        all.push(json!(finalizer));
    }
}

/// Makes a Job select its pods by its UID.
fn select_by_uid(object: &mut Value, uid: &Value) {
    const LABEL: &str = "batch.kubernetes.io/controller-uid";
    if object["spec"]["manualSelector"] == true {
        return;
    }
    object["spec"]["selector"] = json!({"matchLabels": {LABEL: uid}});
    let labels = &mut object["spec"]["template"]["metadata"]["labels"];
    labels[LABEL] = uid.clone();
    labels["controller-uid"] = uid.clone();
}

/// Moves the texts of a Secret into its data.
fn decode_secrets(kind: &Kind, object: &mut Value) {
    if kind.kind != "Secret" {
        return;
    }
    let texts = object.as_object_mut().and_then(|fields| fields.remove("stringData"));
    for (key, text) in texts.iter().filter_map(Value::as_object).flatten() {
        let encoded = k8s_openapi::ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
        object["data"][key] = json!(encoded);
    }
}

/// Returns the problems of the metadata of a new object.
pub(crate) fn problems_of_metadata(object: &Value) -> Vec<Problem> {
    let name = &object["metadata"]["name"];
    let text = name.as_str().unwrap_or_default();
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.' || byte == b':';
    let ends = |end: Option<u8>| end.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut problems = Vec::new();
    if text.is_empty() {
        let mut problem = Problem::required("metadata.name");
        problem.explain("name or generateName is required");
        problems.push(problem);
    } else if text.len() > 253
        || !text.bytes().all(is_allowed)
        || !ends(text.bytes().next())
        || !ends(text.bytes().last())
    {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
            and must start and end with an \
                    alphanumeric character";
        problems.push(Problem::invalid("metadata.name", name, rule));
    }
    for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte == b'.';
        let is_valid = text.is_empty()
            || (text.len() <= 63
                && text.bytes().all(is_allowed)
                && ends(text.bytes().next())
                && ends(text.bytes().last()));
        if !is_valid {
            problems.push(Problem::invalid(
                "metadata.labels",
                value,
                &format!("the value of the label {key} is not a valid label value"),
            ));
        }
    }
    problems
}
