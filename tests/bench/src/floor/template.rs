//! What the operator writes for one Dataset, as a template for others.

use serde::Serialize;
use serde_json::{Value, json};

/// The objects of one Dataset: those that the operator creates, and those of the user with what the
/// operator adds to them.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    uids: Uids,
    created: Vec<Value>,
    dataset: Value,
    runtime: Value,
}

/// The UIDs of the objects of a Dataset that others name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uids {
    /// The Dataset's.
    pub dataset: String,
    /// The runtime's.
    pub runtime: String,
}

/// Merge patches of one of the user's objects and of its status.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Patched {
    api_version: Value,
    kind: Value,
    namespace: Value,
    name: Value,
    object: Value,
    status: Value,
}

/// What a bare client writes for one Dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Writes {
    /// The objects to create, in an order in which each finds what it refers to.
    created: Vec<Value>,
    /// The Dataset and the runtime.
    patched: [Patched; 2],
}

impl Template {
    /// Makes a template of the objects of a Dataset as the API server returns them.
    pub fn new(dataset: Value, runtime: Value, mut created: Vec<Value>) -> Self {
        created.iter_mut().for_each(strip);
        created.sort_by_key(|object| order(object["kind"].as_str().unwrap_or_default()));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: text(&dataset["metadata"]["name"]),
            uids: Uids {
                dataset: text(&dataset["metadata"]["uid"]),
                runtime: text(&runtime["metadata"]["uid"]),
            },
            created,
            dataset,
            runtime,
        }
    }

    /// Returns the requests that a bare client needs for a Dataset.
    pub fn requests(&self) -> usize {
        self.created.len() + 4
    }

    /// Returns what is to be written for the Dataset of this name, the `number`th from 0. Each gets
    /// other ports of its nodes, or only one of them could run on a node.
    ///
    /// # Errors
    /// If a name with quotes makes other JSON of the objects.
    pub fn writes(&self, number: u64, name: &str, uids: &Uids) -> serde_json::Result<Writes> {
        let of_this = |value: &Value| -> serde_json::Result<Value> {
            let text = serde_json::to_string(value)?;
            let text = text.replace(&self.uids.dataset, &uids.dataset);
            let text = text.replace(&self.uids.runtime, &uids.runtime);
            serde_json::from_str(&text.replace(&self.name, name))
        };
        Ok(Writes {
            created: self
                .created
                .iter()
                .map(|object| of_this(object).map(|object| with_other_ports(object, number)))
                .collect::<serde_json::Result<_>>()?,
            patched: [patched(&of_this(&self.dataset)?), patched(&of_this(&self.runtime)?)],
        })
    }
}

/// Returns a workload whose pods take other ports.
fn with_other_ports(mut object: Value, number: u64) -> Value {
    let containers = object.pointer_mut("/spec/template/spec/containers");
    let containers = containers.and_then(Value::as_array_mut).into_iter().flatten();
    let mut ports: Vec<&mut Value> = containers
        .filter_map(|container| container["ports"].as_array_mut())
        .flatten()
        .collect();
    let step = ports.len() as u64;
    for port in &mut ports {
        for field in ["containerPort", "hostPort"] {
            if let Some(first) = port[field].as_u64() {
                port[field] = json!(first + number * step);
            }
        }
    }
    object
}

/// Returns the patches that make the user's object one that the operator serves.
fn patched(object: &Value) -> Patched {
    let metadata = &object["metadata"];
    let mut added = serde_json::Map::new();
    for key in ["labels", "annotations", "finalizers", "ownerReferences"] {
        if let Some(value) = metadata.get(key) {
            added.insert(key.to_owned(), value.clone());
        }
    }
    Patched {
        api_version: object["apiVersion"].clone(),
        kind: object["kind"].clone(),
        namespace: metadata["namespace"].clone(),
        name: metadata["name"].clone(),
        object: json!({"metadata": added}),
        status: json!({"status": object["status"]}),
    }
}

/// Removes what the API server and other controllers have written.
fn strip(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    let metadata = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
    ];
    remove(object, "/metadata", &metadata);
    match object["kind"].as_str() {
        Some("Service") => remove(object, "/spec", &["clusterIP", "clusterIPs"]),
        Some("PersistentVolume") => remove(object, "/spec/claimRef", &["uid", "resourceVersion"]),
        Some("PersistentVolumeClaim") => {
            let bound = [
                "pv.kubernetes.io/bind-completed",
                "pv.kubernetes.io/bound-by-controller",
            ];
            remove(object, "/metadata/annotations", &bound);
        }
        _ => {}
    }
}

fn remove(object: &mut Value, pointer: &str, keys: &[&str]) {
    if let Some(Value::Object(map)) = object.pointer_mut(pointer) {
        keys.iter().for_each(|key| drop(map.remove(*key)));
    }
}

/// Returns a rank: configuration comes before what mounts it, and volumes before claims.
fn order(kind: &str) -> usize {
    const FIRST: [&str; 9] = [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Secret",
        "Service",
        "PersistentVolume",
        "StatefulSet",
        "DaemonSet",
    ];
    FIRST.iter().position(|first| *first == kind).unwrap_or(FIRST.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        let dataset = json!({
            "apiVersion": "v1alpha1", "kind": "Dataset", "spec": {"mounts": []}, "status": {"phase": "Bound"},
            "metadata": {"namespace": "bench", "name": "data-0000", "uid": "u-d", "finalizers": ["f"], "resourceVersion": "7"},
        });
        let runtime = json!({"kind": "JuiceFSRuntime", "metadata": {"name": "data-0000", "uid": "u-r"}, "status": {}});
        let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0000"}, "status": {}});
        let volume = json!({
            "kind": "PersistentVolume", "metadata": {"name": "bench-data-0000", "uid": "u-v"},
            "spec": {"claimRef": {"name": "data-0000", "uid": "u-c", "resourceVersion": "9"}},
        });
        let map = json!({
            "kind": "ConfigMap", "data": {"id": "u-r"},
            "metadata": {"name": "data-0000-script", "ownerReferences": [{"uid": "u-d"}], "managedFields": []},
        });
        Template::new(dataset, runtime, vec![claim, volume, map])
    }

    #[test]
    fn objects_get_the_name_and_the_uids_of_their_dataset() {
        let uids = Uids {
            dataset: "v-d".to_owned(),
            runtime: "v-r".to_owned(),
        };
        let writes = template().writes(42, "data-0042", &uids).unwrap();
        assert_eq!(
            writes.created,
            [
                json!({
                    "kind": "ConfigMap", "data": {"id": "v-r"},
                    "metadata": {"name": "data-0042-script", "ownerReferences": [{"uid": "v-d"}]},
                }),
                json!({
                    "kind": "PersistentVolume", "metadata": {"name": "bench-data-0042"},
                    "spec": {"claimRef": {"name": "data-0042"}},
                }),
                json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0042"}}),
            ]
        );
        assert_eq!(
            json!(writes.patched[0]),
            json!({
                "apiVersion": "v1alpha1", "kind": "Dataset", "namespace": "bench", "name": "data-0042",
                "object": {"metadata": {"finalizers": ["f"]}}, "status": {"status": {"phase": "Bound"}},
            })
        );
        assert_eq!(template().requests(), 7);
    }

    #[test]
    fn no_two_datasets_have_a_port_in_common() {
        let ports = |first: u64, second: u64| {
            let ports = json!([{"containerPort": first, "hostPort": first}, {"containerPort": second}]);
            json!({"kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [{"ports": ports}]}}}})
        };
        assert_eq!(with_other_ports(ports(14000, 14001), 0), ports(14000, 14001));
        assert_eq!(with_other_ports(ports(14000, 14001), 3), ports(14006, 14007));
    }
}
