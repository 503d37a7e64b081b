//! Datasets that do not parse. Such an object must not end a watch, and its deletion must still
//! end: what can be read of it is kept, and why the rest cannot.

use std::collections::{HashMap, HashSet};

use kube::Resource;
use kube::api::ObjectMeta;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use wasser_api::dataset::{Dataset, DatasetSpec, DatasetStatus};

/// A Dataset as a watch delivers it.
#[derive(Debug, Clone)]
pub struct Readable {
    /// The Dataset. Without its spec if that cannot be read.
    pub dataset: Dataset,
    /// Which field cannot be read, and why. None if everything can be.
    pub problem: Option<String>,
}

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let problem = match serde_path_to_error::deserialize(&object) {
            Ok(dataset) => return Ok(Self { dataset, problem: None }),
            Err(error) => format!("Dataset.{}: {}", error.path(), error.inner()),
        };
        let part = |name: &str| object.get(name).cloned().unwrap_or_default();
        let metadata: ObjectMeta = serde_json::from_value(part("metadata")).map_err(serde::de::Error::custom)?;
        let status: Option<DatasetStatus> = serde_json::from_value(part("status")).unwrap_or_default();
        let dataset = Dataset {
            metadata,
            spec: DatasetSpec::default(),
            status,
        };
        Ok(Self {
            dataset,
            problem: Some(problem),
        })
    }
}

impl Resource for Readable {
    type DynamicType = ();
    type Scope = <Dataset as Resource>::Scope;

    fn kind(dynamic: &()) -> std::borrow::Cow<'_, str> {
        Dataset::kind(dynamic)
    }

    fn group(dynamic: &()) -> std::borrow::Cow<'_, str> {
        Dataset::group(dynamic)
    }

    fn version(dynamic: &()) -> std::borrow::Cow<'_, str> {
        Dataset::version(dynamic)
    }

    fn plural(dynamic: &()) -> std::borrow::Cow<'_, str> {
        Dataset::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.dataset.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.dataset.meta_mut()
    }
}

/// The Datasets that cannot be read, by UID, each with the reason.
#[derive(Debug, Default)]
pub struct Unreadable {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    problems: HashMap<String, String>,
    /// Those that the list names which is under way.
    listed: HashSet<String>,
}

impl Unreadable {
    /// Notes whether an object can be read, and returns what can be read of it.
    pub fn note(&self, object: Readable) -> Dataset {
        let uid = object.dataset.metadata.uid.clone().unwrap_or_default();
        let mut noted = self.noted.lock();
        match object.problem {
            Some(problem) => {
                noted.listed.insert(uid.clone());
                noted.problems.insert(uid, problem);
            }
            None => drop(noted.problems.remove(&uid)),
        }
        object.dataset
    }

    /// A list of all begins.
    pub fn begin_list(&self) {
        self.noted.lock().listed.clear();
    }

    /// The list is complete: those that it has not named are gone.
    pub fn end_list(&self) {
        let mut noted = self.noted.lock();
        let listed = std::mem::take(&mut noted.listed);
        noted.problems.retain(|uid, _| listed.contains(uid));
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.noted.lock().problems.remove(uid);
    }

    /// Why a Dataset cannot be read. None if it can be.
    pub fn problem(&self, dataset: &Dataset) -> Option<String> {
        let uid = dataset.metadata.uid.as_deref()?;
        self.noted.lock().problems.get(uid).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(spec: &Value, status: &Value) -> Readable {
        let object = json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": "demo", "namespace": "ns", "uid": "u", "finalizers": ["f"]}, "spec": spec,
                "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_field_of_another_type_is_named_and_the_rest_is_kept() {
        let read = read(
            &json!({"mounts": [{"mountPoint": "a://b"}, {"mountPoint": "a://b", "readOnly": "yes"}]}),
            &json!({"phase": "Bound"}),
        );
        let problem = read.problem.unwrap();
        assert!(
            problem.starts_with("Dataset.spec.mounts[1].readOnly: invalid type: string \"yes\""),
            "{problem}"
        );
        assert_eq!(read.dataset.metadata.finalizers.unwrap(), ["f"]);
        assert_eq!(
            read.dataset.status.unwrap().phase,
            wasser_api::dataset::DatasetPhase::Bound
        );
    }

    #[test]
    fn one_that_a_list_does_not_name_is_forgotten() {
        let unreadable = Unreadable::default();
        let dataset = unreadable.note(read(&json!({"mounts": 7}), &json!({})));
        unreadable.begin_list();
        unreadable.note(read(&json!({"mounts": 7}), &json!({})));
        unreadable.end_list();
        assert!(unreadable.problem(&dataset).is_some());
        unreadable.begin_list();
        unreadable.end_list();
        assert!(unreadable.problem(&dataset).is_none());
    }

    #[test]
    fn a_repaired_object_has_no_problem() {
        let unreadable = Unreadable::default();
        let dataset = unreadable.note(read(&json!({"mounts": 7}), &json!({})));
        assert!(unreadable.problem(&dataset).is_some());
        let dataset = unreadable.note(read(&json!({"mounts": []}), &json!({})));
        assert_eq!(unreadable.problem(&dataset), None);
    }

    #[test]
    fn a_status_that_cannot_be_read_is_a_problem_too() {
        let read = read(&json!({}), &json!({"phase": 7}));
        assert!(read.problem.unwrap().starts_with("Dataset.status.phase"));
        assert_eq!(read.dataset.status, None);
    }
}
