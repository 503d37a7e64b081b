//! The chart values of an operation: a plan, and what holds for every operation.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use wasser_api::labels;
use wasser_api::operations::OperationKind;
use wasser_api::shared::PodMetadata;

use super::operation::{Operation, Spec};
use super::place;
use super::plan::{Plan, push};

/// How often a pod that failed is replaced, as in Fluid.
const ATTEMPTS: usize = 3;
/// How often all pods together are replaced where no limit is possible for each. A pod that fails again and again
/// is replaced every six minutes in the end, so that one that never succeeds ends the others after an hour and a
/// half, and not after days.
const TOGETHER: usize = 18;
/// The longest name of a host, and what a CronJob adds to its name for that of a Job.
const HOSTNAME: usize = 63;
const OF_RUN: &str = "-0123456789";
/// On pods: whose Job they are, by which pods of one operation keep away from each other.
const RELEASE: &str = "release";

/// What the values of an operation depend on besides its plan.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The name of the Dataset.
    pub dataset: &'a str,
    /// The value of the label `fluid.io/dataset-id`.
    pub dataset_id: &'a str,
    /// `status.nodeAffinity` of the operation whose place this one follows.
    pub ran: Option<&'a Value>,
}

/// Returns the chart values.
pub fn values(operation: &Operation, plan: &Plan, around: Surroundings<'_>) -> Value {
    let role = role(operation.kind);
    let kind = operation.kind.as_str().to_lowercase();
    let config_map = config_map(operation);
    let mut pod = plan.pod(&config_map, around.dataset);
    user_fields(operation, &mut pod);
    if !plan.nodes.is_empty() {
        spread(operation, &mut pod, &plan.nodes);
    }
    if let (Some(strategy), Some(ran)) = (
        operation
            .spec
            .run_after()
            .and_then(|after| after.affinity_strategy.as_ref()),
        around.ran,
    ) {
        let mut affinity = pod.get("affinity").cloned().unwrap_or_else(|| json!({}));
        place::follow(&mut affinity, strategy, ran);
        if affinity != json!({}) {
            pod["affinity"] = affinity;
        }
    }
    let common = BTreeMap::from([
        (RELEASE.to_owned(), operation.release()),
        ("app".to_owned(), plan.app.clone()),
        ("targetDataset".to_owned(), around.dataset.to_owned()),
        (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_VALUE.to_owned()),
    ]);
    let with = |pairs: &[(&str, &str)]| {
        let mut all = common.clone();
        all.extend(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        all
    };
    let (job, cron_job) = (format!("{role}-job"), format!("{role}-cronjob"));
    let name = operation.job();
    let job_labels = if operation.is_cron() {
        with(&[
            ("role", &cron_job),
            (&kind, &operation.name),
            ("fluid.io/jobPolicy", "cron"),
        ])
    } else {
        with(&[("role", &job)])
    };
    let run_labels = with(&[("role", &job), ("cronjob", &name)]);
    let mut pod_labels = plan.pod_labels.clone();
    let mut annotations = plan.pod_annotations.clone();
    if let Some(metadata) = pod_metadata(operation) {
        pod_labels.extend(metadata.labels.clone());
        annotations.extend(metadata.annotations.clone());
    }
    pod_labels.extend(with(&[("role", &format!("{role}-pod"))]));
    if operation.is_cron() {
        pod_labels.insert("cronjob".to_owned(), name.clone());
    }
    annotations.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned());
    let template = json!({"metadata": {"labels": pod_labels, "annotations": annotations}, "spec": pod});
    let mut values = json!({
        "name": operation.name,
        "ownerDatasetId": around.dataset_id,
        "owner": owner(operation),
        "labels": common,
        "job": {"name": name, "labels": job_labels, "runLabels": run_labels, "spec": job_spec(operation, plan, template)},
        "objects": plan.objects,
    });
    if operation.is_cron() {
        values["schedule"] = json!(operation.spec.schedule().unwrap_or_default().trim());
    }
    if !plan.scripts.is_empty() {
        values["scripts"] = json!({"name": config_map, "data": plan.scripts});
    }
    values
}

/// Returns the chart values that lead to what is there: a Job or CronJob, and the ConfigMap with its
/// scripts. A record of an operation that runs is made of these, since the Job cannot be changed, and
/// what would be planned now may be another one.
pub fn of_live(operation: &Operation, dataset_id: &str, job: &DynamicObject, scripts: Option<&DynamicObject>) -> Value {
    let field = |path: &str| job.data.pointer(path).cloned().unwrap_or(Value::Null);
    let labels = |object: &DynamicObject| json!(object.metadata.labels.clone().unwrap_or_default());
    let is_cron = operation.is_cron();
    let spec = field(if is_cron { "/spec/jobTemplate/spec" } else { "/spec" });
    let mut values = json!({
        "name": operation.name,
        "ownerDatasetId": dataset_id,
        "owner": owner(operation),
        "labels": scripts.map_or_else(|| json!({}), labels),
        "job": {"name": operation.job(), "labels": labels(job), "spec": spec},
        "objects": [],
    });
    if is_cron {
        values["job"]["runLabels"] = field("/spec/jobTemplate/metadata/labels");
        values["schedule"] = field("/spec/schedule");
    }
    if let Some(scripts) = scripts {
        let data = scripts.data.get("data").cloned().unwrap_or_else(|| json!({}));
        values["scripts"] = json!({"name": config_map(operation), "data": data});
    }
    values
}

fn owner(operation: &Operation) -> Value {
    json!({"enabled": true, "apiVersion": wasser_api::API_VERSION, "kind": operation.kind.as_str(),
        "name": operation.name, "uid": operation.uid, "controller": true, "blockOwnerDeletion": false})
}

fn job_spec(operation: &Operation, plan: &Plan, mut template: Value) -> Value {
    let pods = plan.nodes.len().max(1);
    // A Job has to say this, and Kubernetes' own default is for pods that are replaced.
    if template["spec"].get("restartPolicy").is_none() {
        template["spec"]["restartPolicy"] = json!("Never");
    }
    let never = template["spec"]["restartPolicy"] == "Never";
    let mut spec = json!({"completions": pods, "parallelism": pods, "template": template});
    // The failures of one node must not end the work on others.
    if pods > 1 && never && can_be_indexed(operation, pods) {
        spec["completionMode"] = json!("Indexed");
        spec["backoffLimitPerIndex"] = json!(ATTEMPTS);
    } else {
        spec["backoffLimit"] = json!(pods.saturating_mul(ATTEMPTS).min(TOGETHER));
    }
    let container = template_container(&spec);
    if let Some(container) = container.filter(|_| never && !plan.final_exit_codes.is_empty()) {
        spec["podFailurePolicy"] = json!({"rules": [{"action": "FailJob", "onExitCodes":
            {"containerName": container, "operator": "In", "values": plan.final_exit_codes}}]});
    }
    spec
}

/// Whether the pods of the Job can have numbers, which are in the names of their hosts: Kubernetes refuses
/// such a Job if these are not names of hosts.
fn can_be_indexed(operation: &Operation, pods: usize) -> bool {
    let run = if operation.is_cron() { OF_RUN } else { "" };
    let host = format!("{}{run}-{}", operation.job(), pods.saturating_sub(1));
    host.len() <= HOSTNAME && !host.contains('.')
}

fn template_container(spec: &Value) -> Option<String> {
    let name = spec.pointer("/template/spec/containers/0/name")?;
    name.as_str().map(str::to_owned)
}

/// One pod on each of the nodes.
fn spread(operation: &Operation, pod: &mut Value, nodes: &[String]) {
    let mut affinity = pod.get("affinity").cloned().unwrap_or_else(|| json!({}));
    place::require_nodes(&mut affinity, nodes);
    if nodes.len() > 1 {
        push(
            &mut affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"],
            json!({"topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {RELEASE: operation.release()}}}),
        );
    }
    pod["affinity"] = affinity;
}

/// Puts what users say about the place and the size of the pod into it, where the plan does not say
/// it already.
fn user_fields(operation: &Operation, pod: &mut Value) {
    let (affinity, tolerations, selector, scheduler, resources) = match &operation.spec {
        Spec::Load(spec) => (
            &spec.affinity,
            &spec.tolerations,
            &spec.node_selector,
            &spec.scheduler_name,
            &spec.resources,
        ),
        Spec::Migrate(spec) => (
            &spec.affinity,
            &spec.tolerations,
            &spec.node_selector,
            &spec.scheduler_name,
            &spec.resources,
        ),
        Spec::Backup(_) | Spec::Process(_) => return,
    };
    if let Some(affinity) = affinity {
        pod["affinity"] = affinity.clone();
    }
    for toleration in tolerations {
        push(&mut pod["tolerations"], toleration.clone());
    }
    if !selector.is_empty() {
        let mut all = pod
            .get("nodeSelector")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_else(Map::new);
        all.extend(selector.iter().map(|(key, value)| (key.clone(), json!(value))));
        pod["nodeSelector"] = Value::Object(all);
    }
    if let Some(scheduler) = scheduler.as_deref().filter(|name| !name.is_empty()) {
        pod["schedulerName"] = json!(scheduler);
    }
    if let (Some(resources), Some(container)) = (resources, pod.pointer_mut("/containers/0")) {
        container["resources"] = resources.clone();
    }
}

fn pod_metadata(operation: &Operation) -> Option<&PodMetadata> {
    match &operation.spec {
        Spec::Load(spec) => Some(&spec.pod_metadata),
        Spec::Migrate(spec) => Some(&spec.pod_metadata),
        Spec::Backup(_) | Spec::Process(_) => None,
    }
}

const fn role(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::DataLoad => "dataload",
        OperationKind::DataMigrate => "datamigrate",
        OperationKind::DataBackup => "databackup",
        OperationKind::DataProcess => "dataprocess",
    }
}

/// Returns the name of the ConfigMap with the scripts.
pub fn config_map(operation: &Operation) -> String {
    let release = operation.release();
    match operation.kind {
        OperationKind::DataLoad => format!("{release}-data-load-script"),
        OperationKind::DataMigrate => format!("{release}-script"),
        OperationKind::DataBackup => format!("{}-script", operation.name),
        OperationKind::DataProcess => format!("{release}-scripts"),
    }
}
