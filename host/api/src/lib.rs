//! Types of Wasser's custom resources, and the names, labels and sizes that all its parts agree on.
//!
//! With the feature `schema` (the default) the types derive CRD schemas and use the Kubernetes
//! types of `k8s-openapi`. Plugins build without it: the same structs, with JSON where Kubernetes
//! types stand (see [`k8s`]). There is no Kubernetes client here.

#[macro_use]
pub mod text;

pub mod clients;
pub mod conditions;
#[cfg(feature = "schema")]
pub mod crd;
pub mod dataset;
pub mod finalizers;
pub mod k8s;
pub mod labels;
pub mod names;
mod object_key;
pub mod operations;
pub mod pods;
pub mod quantity;
pub mod reasons;
pub mod runtime_status;
pub mod shared;
pub mod shell;
pub mod size;

#[cfg(feature = "schema")]
pub use crd::crds;
pub use object_key::ObjectKey;

/// The API group of every kind that Wasser serves.
pub const GROUP: &str = "data.fluid.io";

/// The version of every kind that Wasser serves.
pub const VERSION: &str = "v1alpha1";

/// [`GROUP`] and [`VERSION`] as an object's `apiVersion` has them.
pub const API_VERSION: &str = "data.fluid.io/v1alpha1";
