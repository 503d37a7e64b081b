//! What admission adds to pods that use datasets.
//!
//! Pods labelled `fuse.serverful.fluid.io/inject=true` are steered to nodes with cache, and see mounts that are recovered. What is added is
//! said by functions from objects to objects ([`serverful`]); around them are the answers to the API server ([`review`]), what they need
//! to know of the cluster ([`datasets`]), and the server with its certificates.

pub mod affinity;
pub mod certificates;
pub mod datasets;
pub mod keeper;
mod pod;
pub mod review;
pub mod server;
pub mod serverful;
mod tls;

pub use datasets::{Datasets, KubeDatasets, LookupError};
pub use keeper::{Keeper, KeeperError};
pub use server::{PATH, Server};
pub use serverful::{DatasetUse, mutate};
