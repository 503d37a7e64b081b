//! Custom resource definitions, made from the types.

mod fields;
pub mod pieces;
mod structural;
mod write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use fields::{differences, field_table};
pub use structural::structural;
pub use write::{WriteError, example, example_command, file_name, to_yaml};

/// The CRDs of the host's own kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![structural(crate::dataset::Dataset::crd())]
}
