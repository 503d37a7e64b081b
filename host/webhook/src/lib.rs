//! What admission adds to pods that use datasets.
//!
//! Pods labelled `fuse.serverful.fluid.io/inject=true` are steered to nodes with cache, and see
//! mounts that are recovered; those labelled `serverless.fluid.io/inject=true` get a fuse client
//! before their containers. Either gets a container that reads files in advance, where its
//! annotations ask for one ([`prefetcher`]). What is added is said by functions from objects to objects
//! ([`serverful`], [`serverless`]); around them are the answers to the API server ([`review`]),
//! what they need to know of the cluster ([`datasets`]), and the server with its certificates.

pub mod affinity;
pub mod certificates;
mod copies;
pub mod datasets;
mod hooks;
pub mod keeper;
mod lookup;
mod needed;
mod pod;
mod prefetcher;
pub mod review;
pub mod server;
pub mod serverful;
pub mod serverless;
pub mod sidecar;
mod templates;
mod tls;
mod volume;

pub use datasets::{Datasets, Fuse, KubeDatasets};
pub use keeper::{Keeper, KeeperError};
pub use lookup::LookupError;
pub use server::{PATH, Server};
pub use serverful::{DatasetUse, mutate};
