//! What the developer commands are made of, for the tests and benchmarks too: the cluster, the tools that it is built from, and the
//! packages of the plugins.

pub mod bench;
pub mod cluster;
pub mod guests;
pub mod machine;
pub mod paths;
pub mod process;
pub mod services;
pub mod tools;
