//! What an operation runs, as a plugin or the host says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// The pod of an operation and what it needs. The answer of `data-operation` in `wit/operations.wit`
/// has these fields.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Plan {
    /// Value of the label `app`: the name of the runtime's chart.
    pub app: String,
    /// The pod, as Kubernetes has it. The first container does the work.
    pub pod_spec: Value,
    /// Labels of the pod.
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    pub pod_annotations: BTreeMap<String, String>,
    /// Scripts by their names, which every container finds in `/fluid-scripts`.
    pub scripts: BTreeMap<String, String>,
    /// Where the first container finds the data of the Dataset. None if it needs no volume.
    pub dataset_mount: Option<DatasetMount>,
    /// The nodes on each of which one pod runs, as far as it can run there. One pod runs anywhere if there
    /// are none.
    pub nodes: Vec<String>,
    /// Further objects.
    pub objects: Vec<Value>,
    /// Figures for `status.infos`.
    pub infos: BTreeMap<String, String>,
    /// Exit codes for which another attempt is of no use.
    pub final_exit_codes: Vec<i32>,
    /// Whether the host has made it, of what it knows itself.
    #[serde(skip)]
    pub of_host: bool,
}

/// Where a container finds the data of the Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DatasetMount {
    /// The absolute path in the container.
    pub path: String,
    /// The directory of the Dataset; all of it if empty.
    pub sub_path: String,
    /// Whether the data cannot be written to.
    pub read_only: bool,
}

/// The volume with the data of the Dataset, as Fluid calls it.
const DATASET: &str = "fluid-dataset-vol";
/// The volume with the scripts.
const SCRIPTS: &str = "fluid-scripts";
/// Where containers find the scripts.
pub const SCRIPTS_AT: &str = "/fluid-scripts";

impl Plan {
    /// Returns the pod with the volumes of the Dataset and of the scripts. `config_map` has the
    /// scripts, `claim` the data.
    pub fn pod(&self, config_map: &str, claim: &str) -> Value {
        let mut pod = self.pod_spec.clone();
        if !self.scripts.is_empty() {
            push(
                &mut pod["volumes"],
                json!({"name": SCRIPTS, "configMap": {"name": config_map, "defaultMode": 0o555}}),
            );
            each_container(&mut pod, |container| {
                push(
                    &mut container["volumeMounts"],
                    json!({"name": SCRIPTS, "mountPath": SCRIPTS_AT, "readOnly": true}),
                );
            });
        }
        if let Some(mount) = &self.dataset_mount {
            push(
                &mut pod["volumes"],
                json!({"name": DATASET, "persistentVolumeClaim": {"claimName": claim}}),
            );
            let mut entry = json!({"name": DATASET, "mountPath": mount.path});
            if !mount.sub_path.is_empty() {
                entry["subPath"] = json!(mount.sub_path);
            }
            if mount.read_only {
                entry["readOnly"] = json!(true);
            }
            each_container(&mut pod, |container| {
                push(&mut container["volumeMounts"], entry.clone())
            });
        }
        pod
    }
}

/// Does something with every container of a pod.
pub fn each_container(pod: &mut Value, mut change: impl FnMut(&mut Value)) {
    for list in ["initContainers", "containers"] {
        for container in pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            change(container);
        }
    }
}

/// Adds to a list, which is made where there is none.
pub fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(items) => items.push(item),
        None => *list = json!([item]),
    }
}
