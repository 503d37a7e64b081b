//! The DataProcess: a program of the user, the same for every runtime.

use serde_json::{Value, json};
use wasser_api::operations::{DataProcessSpec, ProcessedDataset, ScriptProcessor};
use wasser_api::pods::lift_claim_sources;

use super::plan::{DatasetMount, Plan, SCRIPTS_AT};

/// The name of the user's script.
const SCRIPT: &str = "preprocess.sh";

/// Returns what a DataProcess runs.
pub fn plan(spec: &DataProcessSpec) -> Plan {
    let mut plan = Plan {
        app: "fluid-dataprocess".to_owned(),
        pod_labels: spec.processor.pod_metadata.labels.clone(),
        pod_annotations: spec.processor.pod_metadata.annotations.clone(),
        dataset_mount: mount(&spec.dataset),
        ..Plan::default()
    };
    if let Some(script) = &spec.processor.script {
        plan.scripts.insert(SCRIPT.to_owned(), script.source.clone());
        plan.pod_spec = script_pod(script);
    } else if let Some(pod) = spec.processor.job.as_ref().and_then(|job| job.pod_spec.clone()) {
        plan.pod_spec = pod;
        if let Some(claims) = plan.pod_spec.get_mut("resourceClaims") {
            lift_claim_sources(claims);
        }
    }
    if let Some(account) = spec
        .processor
        .service_account_name
        .as_deref()
        .filter(|name| !name.is_empty())
    {
        plan.pod_spec["serviceAccountName"] = json!(account);
    }
    plan
}

/// A program without a path mounts the claim itself, or needs no data: Fluid's CRD asks for the
/// field, and not that it has a value.
fn mount(dataset: &ProcessedDataset) -> Option<DatasetMount> {
    (!dataset.mount_path.is_empty()).then(|| DatasetMount {
        path: dataset.mount_path.clone(),
        sub_path: dataset.sub_path.clone().unwrap_or_default(),
        read_only: false,
    })
}

/// The account that the user's pods run under, unless it is the namespace's default.
pub fn account(plan: &Plan) -> Option<&str> {
    let named = |field: &str| {
        plan.pod_spec
            .get(field)
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
    };
    named("serviceAccountName").or_else(|| named("serviceAccount"))
}

fn script_pod(script: &ScriptProcessor) -> Value {
    let image = script.image.as_deref().unwrap_or_default();
    let image = match script.image_tag.as_deref().filter(|tag| !tag.is_empty()) {
        Some(tag) => format!("{image}:{tag}"),
        None => image.to_owned(),
    };
    let mut container = json!({
        "name": "script-processor",
        "image": image,
        "imagePullPolicy": script.image_pull_policy.as_deref().unwrap_or("IfNotPresent"),
        "args": [format!("{SCRIPTS_AT}/{SCRIPT}")],
    });
    let given = [
        ("command", json!(script.command), script.command.is_empty()),
        ("env", json!(script.env), script.env.is_empty()),
        (
            "volumeMounts",
            json!(script.volume_mounts),
            script.volume_mounts.is_empty(),
        ),
    ];
    for (field, value, _) in given.into_iter().filter(|(.., absent)| !absent) {
        container[field] = value;
    }
    if let Some(resources) = &script.resources {
        container["resources"] = resources.clone();
    }
    let mut pod = json!({
        "restartPolicy": script.restart_policy.as_deref().unwrap_or("Never"),
        "containers": [container],
    });
    if !script.volumes.is_empty() {
        pod["volumes"] = json!(script.volumes);
    }
    pod
}
