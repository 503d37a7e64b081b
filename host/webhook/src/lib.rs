//! What admission adds to pods that use datasets, as functions from objects to objects: nothing here talks to a server.
//!
//! Pods labelled `fuse.serverful.fluid.io/inject=true` are steered to nodes with cache, and see mounts that are recovered.

pub mod affinity;
mod pod;
pub mod serverful;

pub use serverful::{DatasetUse, mutate};
