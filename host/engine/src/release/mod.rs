//! From the chart values of a plugin to a Helm release in the cluster.
//!
//! Nothing is written before everything has been rendered, checked and admitted; nothing counts as installed before the API server has
//! accepted all of it. Values that the API server refused, or that never settle, are not tried again until they change.

pub mod differences;
pub mod install;
pub mod repeated;
