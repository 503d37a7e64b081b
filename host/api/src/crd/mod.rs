//! Custom resource definitions, made from the types.

mod columns;
mod fields;
pub mod pieces;
mod rules;
mod structural;
mod write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use columns::Columns;
pub use fields::{differences, field_table};
pub use rules::limit_names;
pub use structural::structural;
pub use write::{WriteError, example, example_command, file_name, to_yaml};

/// How long the name of a Dataset may be. Its runtime is a release of Helm, but for a Dataset that
/// refers to another one, which has none.
const DATASET: &str = "has(self.spec) && has(self.spec.mounts) && self.spec.mounts.exists(mount, \
    mount.mountPoint.startsWith('dataset://')) ? 63 : 53";
const DATASET_SAID: &str = "53 characters, or 63 where a mount is `dataset://`; runtimes of some kinds allow less";

/// Finishes the CRD of a kind of runtime, whose names may have at most `longest` characters.
pub fn runtime(crd: CustomResourceDefinition, longest: usize, columns: &[Columns]) -> CustomResourceDefinition {
    let mut crd = structural(crd);
    columns::show(&mut crd, columns);
    limit_names(crd, &longest.to_string(), &format!("{longest} characters"))
}

/// The CRDs of the host's own kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        limit_names(structural(crate::dataset::Dataset::crd()), DATASET, DATASET_SAID),
        structural(crate::operations::DataLoad::crd()),
        structural(crate::operations::DataMigrate::crd()),
        structural(crate::operations::DataBackup::crd()),
        structural(crate::operations::DataProcess::crd()),
    ]
}
