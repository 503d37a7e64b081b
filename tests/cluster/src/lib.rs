//! The cluster for development, the end-to-end tests and the benchmarks. Its rooms build on each
//! other: [`machine`] (what this machine has and runs), [`packages`] (what is made of this
//! workspace), and the cluster itself. No room uses a later one.

mod cluster;
pub mod machine;
pub mod packages;

pub use cluster::{
    Cluster, DEFAULT_NAME, Node, Options, Service, State, http, install, metrics, name, operator, real, s3, webhook,
};
