//! Data operations of a runtime: from the object of a user to a plan, which the host makes a Job of.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use wasser_api::operations::{DataBackupSpec, DataLoadSpec, DataMigrateSpec};

use crate::{Context, Error, Host, Implement, Object, Result, fields};

/// A runtime with data operations. [`export!`](crate::export) makes a component of it as
/// `export!(Example, operations)`.
pub trait Operate: Implement {
    /// Returns what an operation runs. With [`Error::NotSupported`], a DataLoad reads the files
    /// through the volume, and an operation of another kind fails.
    fn data_operation(ctx: &Context<Self::Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan>;
}

/// An operation as the user wrote it.
#[derive(Debug, Clone)]
pub enum DataOperation {
    /// Brings data into the cache.
    Load(Box<Object<DataLoadSpec>>),
    /// Copies data into the Dataset, or out of it.
    Migrate(Box<Object<DataMigrateSpec>>),
    /// Saves the metadata.
    Backup(Box<Object<DataBackupSpec>>),
}

impl DataOperation {
    /// Reads an operation of a kind. One that does not fit its type is an [`Error::InvalidSpec`]
    /// with the field, and a kind that is not known is not supported.
    pub fn parse(kind: &str, object: &str) -> Result<Self> {
        let name = || kind.to_owned();
        Ok(match kind {
            "DataLoad" => DataOperation::Load(Box::new(fields::parse(name, object)?)),
            "DataMigrate" => DataOperation::Migrate(Box::new(fields::parse(name, object)?)),
            "DataBackup" => DataOperation::Backup(Box::new(fields::parse(name, object)?)),
            _ => return Err(Error::NotSupported),
        })
    }
}

/// What an operation runs. The host adds the Job around it, and what users say about the place, the
/// resources and the labels of its pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Value of the label `app`: the name of the runtime's chart.
    pub app: String,
    /// The pod, as Kubernetes has it. The first container does the work.
    pub pod_spec: Value,
    /// Labels of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Scripts by their names, which every container finds in [`SCRIPTS`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scripts: BTreeMap<String, String>,
    /// Where containers find the data of the Dataset; `None` if they need no volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_mount: Option<DatasetMount>,
    /// The nodes on each of which one pod runs. One pod runs anywhere if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Further objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
    /// Figures for `status.infos`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub infos: BTreeMap<String, String>,
    /// Exit codes of the first container for which another attempt is of no use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub final_exit_codes: Vec<i32>,
}

/// Where containers find the scripts of a plan.
pub const SCRIPTS: &str = "/fluid-scripts";

/// Where containers find the data of the Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetMount {
    /// The absolute path in the container.
    pub path: String,
    /// The directory of the Dataset; all of it if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path: String,
    /// Whether the data cannot be written to.
    pub read_only: bool,
}

/// Returns a text of a user's as an argument or a variable of a container. Kubernetes would replace
/// `$(NAME)` in it.
pub fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_read_by_its_kind_and_refused_with_its_field() {
        let object =
            r#"{"metadata": {"name": "warm"}, "spec": {"dataset": {"name": "demo"}, "target": [{"path": "/a"}]}}"#;
        let Ok(DataOperation::Load(load)) = DataOperation::parse("DataLoad", object) else {
            panic!("it is a DataLoad");
        };
        assert_eq!((load.metadata.name.as_str(), load.spec.target.len()), ("warm", 1));
        let refused = DataOperation::parse("DataLoad", r#"{"spec": {"target": "all"}}"#).unwrap_err();
        assert!(refused.to_string().starts_with("DataLoad.spec.target: "), "{refused}");
        assert!(matches!(
            DataOperation::parse("DataSweep", object),
            Err(Error::NotSupported)
        ));
    }
}
